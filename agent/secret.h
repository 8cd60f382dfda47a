/*
 * The one type that a secret may live in, and its one wiper. The memory is
 * of a fixed size, on locked pages that no core file and no child sees.
 * Knows nothing of where a secret comes from or what it opens.
 */
#ifndef AGENT_SECRET_H
#define AGENT_SECRET_H

#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX                                                 \
	256 /* bytes: PKCS#11 sets no limit to a PIN; this is ours \
	     */

struct secret {
	uint8_t *bytes; /* a page of its own; NULL until secret_init() */
	size_t len;
};

/* Takes the page. 0, or -1 with errno (no memory may be locked). */
int secret_init(struct secret *s);

/* Empties it; the page stays. NULL-safe. */
void secret_wipe(struct secret *s);

/* Wipes and gives the page back. NULL-safe. */
void secret_release(struct secret *s);

/*
 * n bytes were read into s->bytes, SECRET_ROOM at most: strips one line ending
 * (LF or CR LF). NULL; or why what is left can be no PIN, a clause: then it is
 * wiped.
 */
#define SECRET_ROOM (SECRET_MAX + 3) /* to see that it is too long */
const char *secret_trim(struct secret *s, size_t n);

/*
 * Reads a file of 1 to SECRET_MAX bytes into s, and strips one line ending
 * (LF or CR LF). Refuses one that is empty, too long, holds a NUL, is not a
 * regular file, or, unless `lax`, that others than its owner may read or
 * that neither we nor root own. 0, or -1 with a sentence in text.
 */
int secret_read_file(
    struct secret *s, const char *path, int lax, char *text, size_t textlen);

#endif
