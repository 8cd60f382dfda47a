/*
 * A PIN on its way from its source to one login: a file, a descriptor, or a
 * person at the terminal. Lives on one locked page and has one wiper. Knows
 * nothing of tokens; never looks at arguments or the environment.
 */
#ifndef MP_CLI_PIN_H
#define MP_CLI_PIN_H

#include <stddef.h>
#include <stdint.h>

#define PIN_MAX 256
#define PIN_SOURCES "file:PATH, fd:N, ask or pad"

struct pin {
	const char *source; /* borrowed */
	const char *what;   /* whose PIN, for the question; borrowed */
	uint8_t *page;      /* NULL until pin_init() */
	size_t len;
};

/* Is it one of PIN_SOURCES? */
int pin_source_ok(const char *source);

/* 0, or -1 with errno: no memory may be locked. */
int pin_init(struct pin *p, const char *source, const char *what);
void pin_release(struct pin *p); /* wipes; NULL-safe */

/*
 * Reads the PIN; it stays until pin_put(). A NULL pin, and success: the
 * source is the token's own pad. 0, or -1 with a sentence.
 */
int pin_get(
    void *ctx, const uint8_t **pin, size_t *len, char *text, size_t textlen);
void pin_put(void *ctx); /* wipes */

/* What to do about a PIN that was refused, a clause. */
void pin_advice(const struct pin *p, char *text, size_t textlen);

#endif
