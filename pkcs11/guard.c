#include "pkcs11/guard.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "pkcs11/trouble.h"

#define FILE_MAX 16384
#define RECORDS_MAX 160 /* of all tokens */
#define PER_TOKEN_MAX 8 /* a card locks long before: the oldest may go */
#define SALT_LEN 16
#define TOKEN_LEN 32
#define TAG_LEN 2
#define BRIEF_LEN 8
#define NAME_LEN_MAX 200 /* bytes, to which we add some */
#define POLL_MS 20
#define SALTS_MAX 4 /* of one login */

static const char magic[] = "sealpoint-guard 1 ";

enum state { NONE, REFUSED, PENDING, AGAIN };

static const char *const words[] = {
    [REFUSED] = "refused ", [PENDING] = "pending ", [AGAIN] = "again "};

struct record {
	enum state state;
	uint8_t token[TOKEN_LEN];
	uint8_t tag[TAG_LEN];
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
	uint8_t salt[SALT_LEN];
	struct record me;         /* what is to be judged or written */
	uint8_t tagged[SALT_LEN]; /* the salt of my tag, if it is known */
	bool known, salted;
	enum state before; /* what was on record of me */
	struct record records[RECORDS_MAX];
	size_t n;
};

static int
broken(const struct guard *g, const char *what, struct token_trouble *why)
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

static void
put_hex(char *out, const uint8_t *bytes, size_t len)
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
	const char *at = get_hex(skip(text, magic), g->salt, SALT_LEN, '\n');

	g->n = 0;
	while (at != NULL && *at != '\0') {
		struct record *r = &g->records[g->n];
		const char *rest = NULL;

		if (g->n == RECORDS_MAX)
			return -1;
		for (r->state = NONE; rest == NULL && r->state < AGAIN;)
			rest = skip(at, words[++r->state]);
		rest = get_hex(rest, r->token, TOKEN_LEN, ' ');
		at = get_hex(rest, r->tag, TAG_LEN, '\n');
		g->n += at != NULL;
	}
	return at == NULL ? -1 : 0;
}

/* Reads the file, or starts an empty one, with a new salt if we have none. */
static int
load(struct guard *g, struct token_trouble *why)
{
	char text[FILE_MAX + 1];
	struct stat st;
	ssize_t n;
	int fd, r;

	fd = openat(
	    g->dir, g->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	g->n = 0;
	if (fd == -1 && errno == ENOENT) {
		g->salted = g->salted || RAND_bytes(g->salt, SALT_LEN) == 1;
		if (g->salted)
			return TOKEN_OK;
		return trouble_say(why, TOKEN_ENOMEM, true,
		    "libcrypto has no random bytes; try again");
	}
	if (fd == -1)
		return broken(g, "cannot be opened", why);
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
	char salt[2 * SALT_LEN + 1], token[2 * TOKEN_LEN + 1];
	char tag[2 * TAG_LEN + 1];
	size_t len;

	put_hex(salt, g->salt, SALT_LEN);
	len = (size_t)snprintf(text, FILE_MAX, "%s%s\n", magic, salt);
	for (size_t i = 0; i < g->n; i++) {
		const struct record *r = &g->records[i];

		put_hex(token, r->token, TOKEN_LEN);
		put_hex(tag, r->tag, TAG_LEN);
		len += (size_t)snprintf(text + len, FILE_MAX - len, "%s%s %s\n",
		    words[r->state], token, tag);
	}
	return len;
}

/* Replaces the file in one step, or removes it if nothing is recorded. */
static int
store(const struct guard *g)
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

/* Waits for other processes that hold the lock file NAME.lock. */
static int
take_lock(const struct guard *g, const char *name, int *lock, unsigned wait_ms,
    struct token_trouble *why)
{
	const struct timespec nap = {0, POLL_MS * 1000000L};
	char file[sizeof(g->name) + 5];

	(void)snprintf(file, sizeof(file), "%s.lock", name);
	*lock = openat(
	    g->dir, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*lock == -1)
		return broken(g, "its lock file cannot be opened", why);
	for (unsigned waited = 0; flock(*lock, LOCK_EX | LOCK_NB) != 0;
	     waited += POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return broken(g, "cannot be locked", why);
		if (waited >= wait_ms)
			return trouble_say(why, TOKEN_EBUSY, true,
			    "%s: another process is logging in with it; try "
			    "again",
			    g->path);
		(void)nanosleep(&nap, NULL);
	}
	return TOKEN_OK;
}

static void
free_lock(int *lock)
{
	if (*lock != -1)
		(void)close(*lock);
	*lock = -1;
}

/* One login at a time to my token, however long it takes. */
static int
take_token(struct guard *g, unsigned wait_ms, struct token_trouble *why)
{
	char name[sizeof(g->name)], token[2 * BRIEF_LEN + 1];

	put_hex(token, g->me.token, BRIEF_LEN);
	(void)snprintf(name, sizeof(name), "%.200s.%s", g->name, token);
	return take_lock(g, name, &g->login, wait_ms, why);
}

static int
open_folder(struct guard *g, struct token_trouble *why)
{
	const char *slash = strrchr(g->path, '/');
	char folder[4096];
	size_t len = slash == NULL ? 0 : (size_t)(slash - g->path);
	const char *name = slash == NULL ? g->path : slash + 1;

	if (len + 2 > sizeof(folder) || *name == '\0' ||
	    strlen(name) > NAME_LEN_MAX)
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "%s: cannot be the name of the file that remembers a "
		    "refused PIN; shorten it",
		    g->path);
	if (slash == NULL)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		(void)snprintf(
		    folder, sizeof(folder), "%.*s/", (int)len, g->path);
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	g->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->dir == -1)
		return broken(g, "its folder cannot be opened", why);
	return TOKEN_OK;
}

static int
identify(struct guard *g, const struct module_token *t)
{
	uint8_t who[sizeof(t->manufacturer) + sizeof(t->model) +
		    sizeof(t->serial) + sizeof(t->label)];
	uint8_t *at = who;

	memcpy(at, t->manufacturer, sizeof(t->manufacturer));
	at += sizeof(t->manufacturer);
	memcpy(at, t->model, sizeof(t->model));
	at += sizeof(t->model);
	memcpy(at, t->serial, sizeof(t->serial));
	at += sizeof(t->serial);
	memcpy(at, t->label, sizeof(t->label));
	return EVP_Digest(
		   who, sizeof(who), g->me.token, NULL, EVP_sha256(), NULL) == 1
		   ? 0
		   : -1;
}

/* Whether my tag is one of this file's. */
static bool
settled(const struct guard *g)
{
	return g->known && memcmp(g->tagged, g->salt, SALT_LEN) == 0;
}

/* Which PIN the token is offered, as this file's salt has it. */
static int
describe(struct guard *g)
{
	uint8_t salt[SALT_LEN + TOKEN_LEN];
	union {
		const uint8_t *in;
		const char *out;
	} secret = {g->pin};

	memcpy(salt, g->salt, SALT_LEN);
	memcpy(salt + SALT_LEN, g->me.token, TOKEN_LEN);
	g->known = EVP_PBE_scrypt(secret.out, g->pinlen, salt, sizeof(salt),
		       1 << 14, 8, 1, 64UL << 20, g->me.tag, TAG_LEN) == 1;
	memcpy(g->tagged, g->salt, SALT_LEN);
	return g->known ? 0 : -1;
}

static int
weak(const struct guard *g, struct token_trouble *why)
{
	ERR_clear_error();
	return trouble_say(why, TOKEN_ENOMEM, true,
	    "%s: libcrypto cannot compute scrypt or SHA-256; free some memory "
	    "and try again",
	    g->path);
}

/*
 * Locks and reads the file; after it, whatever it said, comes end(). The
 * slow scrypt is computed without the lock, and again if another process
 * began the file anew meanwhile.
 */
static int
begin(struct guard *g, struct token_trouble *why)
{
	int r;

	for (unsigned try = 0; try < SALTS_MAX; try++) {
		r = take_lock(g, g->name, &g->file, g->wait_ms, why);
		if (r == TOKEN_OK)
			r = load(g, why);
		if (r != TOKEN_OK || settled(g))
			return r;
		free_lock(&g->file);
		if (describe(g) != 0)
			return weak(g, why);
	}
	return trouble_say(why, TOKEN_EBUSY, true,
	    "%s: other processes keep beginning it anew; try again", g->path);
}

static void
end(struct guard *g)
{
	free_lock(&g->file);
}

static bool
same_token(const struct record *a, const struct record *b)
{
	return memcmp(a->token, b->token, TOKEN_LEN) == 0;
}

static bool
same(const struct record *a, const struct record *b)
{
	return same_token(a, b) && CRYPTO_memcmp(a->tag, b->tag, TAG_LEN) == 0;
}

static void
drop(struct guard *g, size_t i)
{
	memmove(&g->records[i], &g->records[i + 1],
	    (g->n - i - 1) * sizeof(g->records[0]));
	g->n--;
}

/* Drops what is on record of my token, or of my PIN only. */
static void
forget(struct guard *g, bool mine)
{
	for (size_t i = g->n; i > 0; i--)
		if (mine ? same(&g->records[i - 1], &g->me)
			 : same_token(&g->records[i - 1], &g->me))
			drop(g, i - 1);
}

/* Puts me on record, in the place of what is said of me so far. */
static void
enter(struct guard *g, enum state state)
{
	size_t mine = 0, oldest = 0;

	forget(g, true);
	for (size_t i = g->n; i > 0; i--)
		if (same_token(&g->records[i - 1], &g->me)) {
			mine++;
			oldest = i - 1;
		}
	if (mine >= PER_TOKEN_MAX)
		drop(g, oldest);
	else if (g->n == RECORDS_MAX)
		drop(g, 0);
	g->me.state = state;
	g->records[g->n++] = g->me;
}

/* What is on record of me. */
static enum state
recall(const struct guard *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (same(&g->records[i], &g->me))
			return g->records[i].state;
	return NONE;
}

static void
print(const struct guard *g, uint8_t out[GUARD_PRINT_LEN])
{
	memcpy(out, g->tagged, SALT_LEN);
	memcpy(out + SALT_LEN, g->me.token, TOKEN_LEN);
	memcpy(out + SALT_LEN + TOKEN_LEN, g->me.tag, TAG_LEN);
}

/* The file could not be written: at least this process knows. */
static void
memorize(struct guard *g)
{
	struct guard_memory *m = g->memory;

	print(g, m->refused[m->n++ % GUARD_MEMORY_MAX]);
}

static bool
memorized(const struct guard *g)
{
	const struct guard_memory *m = g->memory;
	uint8_t mine[GUARD_PRINT_LEN];

	print(g, mine);
	for (unsigned i = 0; i < m->n && i < GUARD_MEMORY_MAX; i++)
		if (CRYPTO_memcmp(m->refused[i], mine, sizeof(mine)) == 0)
			return true;
	return false;
}

/* Whether the token accepted this PIN from this process. */
static bool
proved(const struct guard *g)
{
	uint8_t mine[GUARD_PRINT_LEN];

	print(g, mine);
	return g->memory->accepted &&
	       CRYPTO_memcmp(g->memory->good, mine, sizeof(mine)) == 0;
}

static void
release(struct guard *g)
{
	if (g == NULL)
		return;
	free_lock(&g->file);
	free_lock(&g->login);
	if (g->dir != -1)
		(void)close(g->dir);
	OPENSSL_clear_free(g, sizeof(*g));
}

int
guard_open(struct guard **gp, const char *path, struct guard_memory *memory,
    const struct module_token *token, const uint8_t *pin, size_t pinlen,
    unsigned wait_ms, struct token_trouble *why)
{
	struct guard *g = OPENSSL_zalloc(sizeof(*g));
	int r;

	*gp = NULL;
	if (g == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	g->path = path;
	g->memory = memory;
	g->pin = pin;
	g->pinlen = pinlen;
	g->wait_ms = wait_ms;
	g->dir = g->login = g->file = -1;
	r = open_folder(g, why);
	if (r == TOKEN_OK && identify(g, token) != 0)
		r = weak(g, why);
	if (r == TOKEN_OK)
		r = take_token(g, wait_ms, why);
	/* Now already: guard_judge() is to be quick. */
	if (r == TOKEN_OK)
		r = begin(g, why);
	end(g);
	if (r == TOKEN_OK) {
		*gp = g;
		g = NULL;
	}
	release(g);
	return r;
}

int
guard_judge(struct guard *g, bool low, enum guard_verdict *verdict,
    struct token_trouble *why)
{
	int r = begin(g, why);

	*verdict = GUARD_REFUSED;
	if (r != TOKEN_OK)
		goto out;
	g->before = recall(g);
	if (g->before == REFUSED)
		goto out;
	if (memorized(g)) {
		enter(g, REFUSED);
		(void)store(g);
		goto out;
	}
	if ((g->before == AGAIN && (low || !proved(g))) ||
	    (g->before == PENDING && low)) {
		*verdict = GUARD_UNANSWERED;
		goto out;
	}
	enter(g, g->before == PENDING ? AGAIN : PENDING);
	if (store(g) != 0)
		r = broken(g, "cannot be written", why);
	else
		*verdict = GUARD_CLEAR;
out:
	end(g);
	return r;
}

/* Writes down what became of a login. */
static int
conclude(struct guard *g, enum guard_end how, struct token_trouble *why)
{
	int r = begin(g, why);

	if (r != TOKEN_OK)
		return r;
	if (how == GUARD_BAD)
		enter(g, REFUSED);
	else if (how == GUARD_UNUSED && g->before != NONE)
		enter(g, g->before);
	else
		forget(g, how == GUARD_UNUSED);
	return store(g) == 0 ? TOKEN_OK : broken(g, "cannot be written", why);
}

int
guard_close(struct guard *g, enum guard_end how, struct token_trouble *why)
{
	int r = TOKEN_OK;

	if (g == NULL)
		return r;
	if (how != GUARD_UNKNOWN)
		r = conclude(g, how, why);
	if (how == GUARD_BAD && r != TOKEN_OK)
		memorize(g);
	if (how == GUARD_GOOD && g->known)
		print(g, g->memory->good);
	if (how == GUARD_GOOD || how == GUARD_BAD)
		g->memory->accepted = how == GUARD_GOOD && g->known;
	release(g);
	return r;
}
