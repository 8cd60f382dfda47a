#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "pkcs11/guard_impl.h"
#include "pkcs11/trouble.h"

#define FILE_MAX 16384

static const char magic[] = "sealpoint-guard 1 ";

static const char *const words[] = {[GUARD_WRONG] = "refused ",
    [GUARD_PENDING] = "pending ",
    [GUARD_AGAIN] = "again "};

int
guard_broken(const struct guard *g, const char *what, struct token_trouble *why)
{
	return trouble_say(why, TOKEN_ECONFIG, false,
	    "%s: %s: %s; no PIN is sent while it cannot be kept, because a "
	    "refused one could not be remembered",
	    g->path, what, strerror(errno));
}

static int
spoilt(const struct guard *g, const char *what, struct token_trouble *why)
{
	return trouble_say(why, TOKEN_ECONFIG, false,
	    "%s: %s; make sure that the configured PIN is right, remove the "
	    "file, and try again",
	    g->path, what);
}

void
guard_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads exactly len bytes, then the character `end`; NULL if it is not so. */
static const char *
get_hex(const char *in, uint8_t *bytes, size_t len, char end)
{
	if (in == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++, in += 2) {
		if (digit(in[0]) < 0 || digit(in[1]) < 0)
			return NULL;
		bytes[i] = (uint8_t)(digit(in[0]) << 4 | digit(in[1]));
	}
	return *in == end ? in + 1 : NULL;
}

static const char *
skip(const char *in, const char *word)
{
	size_t len = strlen(word);

	return in != NULL && strncmp(in, word, len) == 0 ? in + len : NULL;
}

/* The whole file, as it is described in guard.h; -1 if it is anything else. */
static int
parse(struct guard *g, const char *text)
{
	const char *at =
	    get_hex(skip(text, magic), g->salt, GUARD_SALT_LEN, '\n');

	g->n = 0;
	while (at != NULL && *at != '\0') {
		struct guard_record *r = &g->records[g->n];
		const char *rest = NULL;

		if (g->n == GUARD_RECORDS_MAX)
			return -1;
		for (r->state = GUARD_NONE;
		     rest == NULL && r->state < GUARD_AGAIN;)
			rest = skip(at, words[++r->state]);
		rest = get_hex(rest, r->token, GUARD_TOKEN_LEN, ' ');
		at = get_hex(rest, r->tag, GUARD_TAG_LEN, '\n');
		g->n += at != NULL;
	}
	return at == NULL ? -1 : 0;
}

int
guard_load(struct guard *g, struct token_trouble *why)
{
	char text[FILE_MAX + 1];
	struct stat st;
	ssize_t n;
	int fd, r;

	fd = openat(
	    g->dir, g->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	g->n = 0;
	if (fd == -1 && errno == ENOENT) {
		g->salted =
		    g->salted || RAND_bytes(g->salt, GUARD_SALT_LEN) == 1;
		if (g->salted)
			return TOKEN_OK;
		return trouble_say(why, TOKEN_ENOMEM, true,
		    "libcrypto has no random bytes; try again");
	}
	if (fd == -1)
		return guard_broken(g, "cannot be opened", why);
	r = spoilt(
	    g, "must be a regular file that only we may read or write", why);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		goto out;
	r = spoilt(g, "is not what Sealpoint wrote there", why);
	n = read(fd, text, sizeof(text));
	if (n < 0 || n > FILE_MAX || memchr(text, '\0', (size_t)n) != NULL)
		goto out;
	text[n] = '\0';
	if (parse(g, text) != 0)
		goto out;
	g->salted = true;
	r = TOKEN_OK;
out:
	(void)close(fd);
	return r;
}

static size_t
format(const struct guard *g, char text[FILE_MAX])
{
	char salt[2 * GUARD_SALT_LEN + 1], token[2 * GUARD_TOKEN_LEN + 1];
	char tag[2 * GUARD_TAG_LEN + 1];
	size_t len;

	guard_hex(salt, g->salt, GUARD_SALT_LEN);
	len = (size_t)snprintf(text, FILE_MAX, "%s%s\n", magic, salt);
	for (size_t i = 0; i < g->n; i++) {
		const struct guard_record *r = &g->records[i];

		guard_hex(token, r->token, GUARD_TOKEN_LEN);
		guard_hex(tag, r->tag, GUARD_TAG_LEN);
		len += (size_t)snprintf(text + len, FILE_MAX - len, "%s%s %s\n",
		    words[r->state], token, tag);
	}
	return len;
}

int
guard_store(const struct guard *g)
{
	char text[FILE_MAX], fresh[sizeof(g->name) + 4];
	size_t len = format(g, text);
	int fd, ok;

	if (g->n == 0)
		return (unlinkat(g->dir, g->name, 0) == 0 || errno == ENOENT) &&
			       fsync(g->dir) == 0
			   ? 0
			   : -1;
	(void)snprintf(fresh, sizeof(fresh), "%s.new", g->name);
	/* We hold the lock: what is there is a dead process's. */
	if (unlinkat(g->dir, fresh, 0) != 0 && errno != ENOENT)
		return -1;
	fd = openat(g->dir, fresh,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && renameat(g->dir, fresh, g->dir, g->name) == 0;
	if (!ok)
		(void)unlinkat(g->dir, fresh, 0);
	return ok && fsync(g->dir) == 0 ? 0 : -1;
}
