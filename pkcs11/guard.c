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

#include "pkcs11/guard_impl.h"
#include "pkcs11/trouble.h"

#define PER_TOKEN_MAX 8 /* a card locks long before: the oldest may go */
#define BRIEF_LEN 8
#define NAME_LEN_MAX 200 /* bytes, to which we add some */
#define POLL_MS 20
#define SALTS_MAX 4 /* of one login */

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
		return guard_broken(g, "its lock file cannot be opened", why);
	for (unsigned waited = 0; flock(*lock, LOCK_EX | LOCK_NB) != 0;
	     waited += POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return guard_broken(g, "cannot be locked", why);
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

	guard_hex(token, g->me.token, BRIEF_LEN);
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
		return guard_broken(g, "its folder cannot be opened", why);
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
	return g->known && memcmp(g->tagged, g->salt, GUARD_SALT_LEN) == 0;
}

/* Which PIN the token is offered, under that salt. */
static bool
derive(const struct guard *g, const uint8_t *with, uint8_t tag[GUARD_TAG_LEN])
{
	uint8_t salt[GUARD_SALT_LEN + GUARD_TOKEN_LEN];
	union {
		const uint8_t *in;
		const char *out;
	} secret = {g->pin};

	memcpy(salt, with, GUARD_SALT_LEN);
	memcpy(salt + GUARD_SALT_LEN, g->me.token, GUARD_TOKEN_LEN);
	return EVP_PBE_scrypt(secret.out, g->pinlen, salt, sizeof(salt),
		   1 << 14, 8, 1, 64UL << 20, tag, GUARD_TAG_LEN) == 1;
}

/* The same, as this file's salt has it. */
static int
describe(struct guard *g)
{
	g->known = derive(g, g->salt, g->me.tag);
	memcpy(g->tagged, g->salt, GUARD_SALT_LEN);
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
			r = guard_load(g, why);
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
same_token(const struct guard_record *a, const struct guard_record *b)
{
	return memcmp(a->token, b->token, GUARD_TOKEN_LEN) == 0;
}

static bool
same(const struct guard_record *a, const struct guard_record *b)
{
	return same_token(a, b) &&
	       CRYPTO_memcmp(a->tag, b->tag, GUARD_TAG_LEN) == 0;
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
enter(struct guard *g, enum guard_state state)
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
	else if (g->n == GUARD_RECORDS_MAX)
		drop(g, 0);
	g->me.state = state;
	g->records[g->n++] = g->me;
}

/* What is on record of me. */
static enum guard_state
recall(const struct guard *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (same(&g->records[i], &g->me))
			return g->records[i].state;
	return GUARD_NONE;
}

static void
print(const struct guard *g, uint8_t out[GUARD_PRINT_LEN])
{
	memcpy(out, g->tagged, GUARD_SALT_LEN);
	memcpy(out + GUARD_SALT_LEN, g->me.token, GUARD_TOKEN_LEN);
	memcpy(
	    out + GUARD_SALT_LEN + GUARD_TOKEN_LEN, g->me.tag, GUARD_TAG_LEN);
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

/*
 * Whether the token accepted this PIN from this process. The file may have
 * been begun anew since, with another salt.
 */
static bool
proved(const struct guard *g)
{
	const uint8_t *good = g->memory->good;
	uint8_t mine[GUARD_PRINT_LEN];

	if (!g->memory->accepted)
		return false;
	memcpy(mine, good, GUARD_SALT_LEN);
	memcpy(mine + GUARD_SALT_LEN, g->me.token, GUARD_TOKEN_LEN);
	return derive(g, good, mine + GUARD_SALT_LEN + GUARD_TOKEN_LEN) &&
	       CRYPTO_memcmp(good, mine, sizeof(mine)) == 0;
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
	if (g->before == GUARD_WRONG)
		goto out;
	if (memorized(g)) {
		enter(g, GUARD_WRONG);
		(void)guard_store(g);
		goto out;
	}
	if ((g->before == GUARD_AGAIN && (low || !proved(g))) ||
	    (g->before == GUARD_PENDING && low)) {
		*verdict = GUARD_UNANSWERED;
		goto out;
	}
	enter(g, g->before == GUARD_PENDING ? GUARD_AGAIN : GUARD_PENDING);
	if (guard_store(g) != 0)
		r = guard_broken(g, "cannot be written", why);
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
		enter(g, GUARD_WRONG);
	else if (how == GUARD_UNUSED && g->before != GUARD_NONE)
		enter(g, g->before);
	else
		forget(g, how == GUARD_UNUSED);
	return guard_store(g) == 0 ? TOKEN_OK
				   : guard_broken(g, "cannot be written", why);
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
