/*
 * A guard from inside: for guard.c, which decides, and guard_file.c, which
 * reads and writes the file that guard.h describes.
 */
#ifndef PKCS11_GUARD_IMPL_H
#define PKCS11_GUARD_IMPL_H

#include "pkcs11/guard.h"

#define GUARD_RECORDS_MAX 160 /* of all tokens */
#define GUARD_SALT_LEN 16
#define GUARD_TOKEN_LEN 32
#define GUARD_TAG_LEN 2

enum guard_state { GUARD_NONE, GUARD_WRONG, GUARD_PENDING, GUARD_AGAIN };

struct guard_record {
	enum guard_state state;
	uint8_t token[GUARD_TOKEN_LEN];
	uint8_t tag[GUARD_TAG_LEN];
};

struct guard {
	const char *path;
	struct guard_memory *memory;
	const uint8_t *pin;
	size_t pinlen;
	unsigned wait_ms;
	int dir;
	int login, file; /* locks: of logins to this token, of the file */
	char name[256];  /* in dir */
	uint8_t salt[GUARD_SALT_LEN];
	struct guard_record me;         /* what is to be judged or written */
	uint8_t tagged[GUARD_SALT_LEN]; /* the salt of my tag, if it is known */
	bool known, salted;
	enum guard_state before; /* what was on record of me */
	struct guard_record records[GUARD_RECORDS_MAX];
	size_t n;
};

/* Reads the file, or starts an empty one, with a new salt if we have none. */
int guard_load(struct guard *g, struct token_trouble *why);

/* Replaces the file in one step, or removes it if nothing is recorded. */
int guard_store(const struct guard *g);

/* Says what errno is about. */
int guard_broken(
    const struct guard *g, const char *what, struct token_trouble *why);

void guard_hex(char *out, const uint8_t *bytes, size_t len);

#endif
