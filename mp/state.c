#include "mp/state.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define STATE_FILE "client.db"
#define STATE_WAIT_MS 5000            /* for a lock of another process */
#define STATE_APPLICATION 0x536c5074u /* "SlPt": application_id in the file */
#define STATE_VERSION 3               /* user_version: the schema's number */
#define AGENT_MAX 255                 /* an AgentType, more than there are */

struct mp_state {
	sqlite3 *db;
	sqlite3_stmt *get;
	sqlite3_stmt *find;
	sqlite3_stmt *taken;
	sqlite3_stmt *put;
	char path[PATH_MAX];
};

/*
 * Journal: truncated, and every commit synchronised in full. One small table
 * that changes a few times in a registration has nothing to gain from a
 * write-ahead log, and the shared-memory file of one does not work on every
 * file system; a journal that is truncated, not unlinked, makes a commit
 * durable without a synchronisation of the directory.
 */
static const char settings[] = "PRAGMA journal_mode = TRUNCATE;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;";

static const char schema[] =
    "CREATE TABLE client ("
    " sha256 TEXT NOT NULL," /* of the certificate, hex */
    " mp TEXT NOT NULL,"     /* address of the management point */
    " site TEXT NOT NULL,"
    " client TEXT NOT NULL," /* managed client; \"\" for the signer */
    " smsid TEXT NOT NULL,"  /* \"\" while there is none */
    " status INTEGER NOT NULL,"
    " approval INTEGER NOT NULL,"
    " since INTEGER NOT NULL,"
    " netbios TEXT NOT NULL," /* names as registered; \"\" if not known */
    " fqdn TEXT NOT NULL,"
    " message TEXT NOT NULL," /* Msg/ID of the registration, or \"\" */
    " agent INTEGER NOT NULL DEFAULT -1," /* AgentType; -1 not known */
    " PRIMARY KEY (sha256, mp, site, client)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX client_smsid ON client"
    " (sha256, mp, site, smsid COLLATE NOCASE)";

/* From format 1, which knew neither managed clients nor names. */
static const char before[] = "ALTER TABLE client RENAME TO client_1";
static const char after[] =
    "INSERT INTO client SELECT sha256, mp, site, '', smsid, status, approval,"
    " since, '', '', '', -1 FROM client_1;"
    "DROP TABLE client_1";

/* From format 2, which did not know as what a client registered. */
static const char grow[] =
    "ALTER TABLE client ADD COLUMN agent INTEGER NOT NULL DEFAULT -1";

#define COLUMNS "smsid, status, approval, since, netbios, fqdn, message, agent"

static const char get_text[] =
    "SELECT " COLUMNS " FROM client"
    " WHERE sha256 = ?1 AND mp = ?2 AND site = ?3 AND client = ?4";

static const char find_text[] =
    "SELECT " COLUMNS " FROM client INDEXED BY client_smsid"
    " WHERE sha256 = ?1 AND mp = ?2"
    " AND site = ?3 AND smsid = ?4 COLLATE NOCASE LIMIT 1";

/*
 * Of any certificate, but not of one row. Goes from certificate to certificate
 * by the index, so that many clients of a few certificates cost no more.
 */
static const char taken_text[] =
    "WITH RECURSIVE holder(id) AS (SELECT min(sha256) FROM client UNION ALL"
    " SELECT (SELECT min(sha256) FROM client WHERE sha256 > id) FROM holder"
    " WHERE id IS NOT NULL)"
    " SELECT 1 FROM holder CROSS JOIN client INDEXED BY client_smsid"
    " ON client.sha256 = holder.id"
    " WHERE mp = ?2 AND site = ?3 AND smsid = ?5 COLLATE NOCASE"
    " AND NOT (client.sha256 = ?1 AND client.client = ?4) LIMIT 1";

static const char put_text[] =
    "INSERT INTO client (sha256, mp, site, client, " COLUMNS ")"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    " ON CONFLICT (sha256, mp, site, client) DO UPDATE SET"
    " smsid = excluded.smsid, status = excluded.status,"
    " approval = excluded.approval, since = excluded.since,"
    " netbios = excluded.netbios, fqdn = excluded.fqdn,"
    " message = excluded.message, agent = excluded.agent";

static int
damaged(const char *path, const char *why, struct mp_error *e)
{
	return mp_fail(e, MP_ESTATE,
	    "the client state %s is damaged or not ours (%s); it was left as "
	    "it is: move it away and register again, the management point "
	    "gives the client an id anew",
	    path, why);
}

static int
unwritable(const char *path, const char *why, struct mp_error *e)
{
	return mp_fail(e, MP_ESTATE,
	    "the client state %s cannot be written (%s); it was left as it "
	    "is: give this user the right to write the file and its "
	    "directory, or choose another --state",
	    path, why);
}

/* What SQLite says, as a sentence of ours. */
static int
trouble(const struct mp_state *s, int rc, struct mp_error *e)
{
	const char *why = sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return mp_fail(e, MP_ESTATE,
		    "the client state %s is locked by another process, for "
		    "more than %d s; let the other command end, then repeat",
		    s->path, STATE_WAIT_MS / 1000);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* a table or column that is not there */
		return damaged(s->path, why, e);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return unwritable(s->path, why, e);
	case SQLITE_FULL:
		return unwritable(s->path, "no space is left", e);
	case SQLITE_NOMEM:
		return mp_fail(e, MP_ENOMEM, "client state: out of memory");
	default:
		return mp_fail(e, MP_ESTATE, "the client state %s: %s (%d)",
		    s->path, why, rc);
	}
}

static int
run(struct mp_state *s, const char *sql, struct mp_error *e)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : trouble(s, rc, e);
}

static int
number(struct mp_state *s, const char *sql, int64_t *out, struct mp_error *e)
{
	sqlite3_stmt *q = NULL;
	int rc;

	*out = 0;
	rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	return trouble(s, rc, e);
}

/* The directory: ours alone if we make it; never one that all may write. */
static int
home(const char *dir, struct mp_error *e)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return mp_fail(e, MP_ESTATE,
		    "cannot make the state directory %s: %s; make the "
		    "directory above it, or choose another --state",
		    dir, strerror(errno));
	if (stat(dir, &st) != 0)
		return mp_fail(e, MP_ESTATE, "the state directory %s: %s", dir,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return mp_fail(e, MP_ESTATE,
		    "the state directory %s is not a directory; choose "
		    "another --state",
		    dir);
	if ((st.st_mode & S_IWOTH) != 0)
		return mp_fail(e, MP_ESTATE,
		    "everybody may write to the state directory %s, so its "
		    "content proves nothing; chmod o-w it, or choose another "
		    "--state",
		    dir);
	return 0;
}

/*
 * Makes the file if it is not there: with 0600, which SQLite would not. A
 * file that is there is never opened here, since closing it would drop the
 * locks that this process may hold on it (POSIX locks are the process's).
 */
static int
touch(const char *path, struct mp_error *e)
{
	struct stat st;
	int fd;

	fd = open(
	    path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	if (errno != EEXIST)
		return unwritable(path, strerror(errno), e);
	if (lstat(path, &st) != 0)
		return unwritable(path, strerror(errno), e);
	if (!S_ISREG(st.st_mode))
		return damaged(path, "not a regular file", e);
	return 0;
}

/*
 * SQLite takes what is missing of a last page for zeros, and finds nothing
 * wrong with an empty page. To be asked while nobody else can write.
 */
static int
whole(struct mp_state *s, struct mp_error *e)
{
	struct stat st;
	int64_t page;
	int r;

	r = number(s, "PRAGMA page_size", &page, e);
	if (r != 0)
		return r;
	if (stat(s->path, &st) != 0)
		return unwritable(s->path, strerror(errno), e);
	if (page <= 0 || st.st_size % page != 0)
		return damaged(s->path, "it is cut short", e);
	return 0;
}

/* Our schema: in a new file (version 0), or in place of an earlier one. */
static int
found(struct mp_state *s, int64_t version, struct mp_error *e)
{
	const char *const steps[][3] = {
	    {schema}, {before, schema, after}, {grow}};
	char mark[96];
	int r = 0;

	for (size_t i = 0; r == 0 && i < 3 && steps[version][i] != NULL; i++)
		r = run(s, steps[version][i], e);
	(void)snprintf(mark, sizeof(mark),
	    "PRAGMA application_id = %u; PRAGMA user_version = %d",
	    STATE_APPLICATION, STATE_VERSION);
	return r == 0 ? run(s, mark, e) : r;
}

/* Whose file is it, and which schema? */
static int
judge(struct mp_state *s, struct mp_error *e)
{
	int64_t app, version, tables;
	int r;

	if ((r = number(s, "PRAGMA application_id", &app, e)) != 0 ||
	    (r = number(s, "PRAGMA user_version", &version, e)) != 0 ||
	    (r = number(s, "SELECT count(*) FROM sqlite_schema", &tables, e)) !=
		0)
		return r;
	if (app == 0 && version == 0 && tables == 0)
		return found(s, 0, e);
	if (app != STATE_APPLICATION)
		return damaged(s->path, "a database of another program", e);
	if (version == 1 || version == 2)
		return found(s, version, e);
	if (version == STATE_VERSION)
		return 0;
	return mp_fail(e, MP_ESTATE,
	    "the client state %s has format %lld, and this version knows %d; "
	    "use the Sealpoint that wrote it, or another --state",
	    s->path, (long long)version, STATE_VERSION);
}

static int
adopt(struct mp_state *s, struct mp_error *e)
{
	int r;

	r = run(s, "BEGIN IMMEDIATE", e);
	if (r != 0)
		return r;
	if ((r = whole(s, e)) == 0 && (r = judge(s, e)) == 0)
		r = run(s, "COMMIT", e);
	if (r != 0)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int
check(struct mp_state *s, struct mp_error *e)
{
	int64_t well;
	int r;

	if (sqlite3_db_readonly(s->db, "main") == 1)
		return unwritable(s->path, "it is read-only", e);
	r = number(s, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)",
	    &well, e);
	if (r == 0 && well != 1)
		r = damaged(s->path, "its own check fails", e);
	return r;
}

static int
prepare(struct mp_state *s, struct mp_error *e)
{
	int rc;

	rc = sqlite3_prepare_v2(s->db, get_text, -1, &s->get, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(s->db, find_text, -1, &s->find, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(s->db, taken_text, -1, &s->taken, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(s->db, put_text, -1, &s->put, NULL);
	if (rc == SQLITE_ERROR) /* a table that lost its columns */
		return damaged(s->path, sqlite3_errmsg(s->db), e);
	return rc == SQLITE_OK ? 0 : trouble(s, rc, e);
}

int
mp_state_open(struct mp_state **sp, const char *dir, struct mp_error *e)
{
	struct mp_state *s;
	int n, r, rc;

	*sp = NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return mp_fail(e, MP_ENOMEM, "client state: out of memory");
	n = snprintf(s->path, sizeof(s->path), "%s/" STATE_FILE, dir);
	r = mp_fail(e, MP_ESTATE, "the state directory's path is too long");
	if (n < 0 || (size_t)n >= sizeof(s->path))
		goto out;
	if ((r = home(dir, e)) != 0 || (r = touch(s->path, e)) != 0)
		goto out;
	rc = sqlite3_open_v2(s->path, &s->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
	if (rc != SQLITE_OK) {
		r = trouble(s, rc, e);
		goto out;
	}
	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db, STATE_WAIT_MS);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if ((r = check(s, e)) != 0 || (r = adopt(s, e)) != 0 ||
	    (r = run(s, settings, e)) != 0 || (r = prepare(s, e)) != 0)
		goto out;
	*sp = s;
	s = NULL;
out:
	mp_state_close(s);
	return r;
}

void
mp_state_close(struct mp_state *s)
{
	if (s == NULL)
		return;
	(void)sqlite3_finalize(s->get);
	(void)sqlite3_finalize(s->find);
	(void)sqlite3_finalize(s->taken);
	(void)sqlite3_finalize(s->put);
	(void)sqlite3_close(s->db);
	free(s);
}

static void
none(struct mp_state_client *c)
{
	memset(c, 0, sizeof(*c));
	c->status = MP_REG_NONE;
	c->approval = -1;
	c->agent = -1;
}

/* who: the managed client or the SMSID, by the statement. */
static int
bind_key(sqlite3_stmt *q, const struct mp_state_key *key, const char *who)
{
	const char *text[] = {key->sha256, key->mp, key->site, who};
	int rc = SQLITE_OK;

	(void)sqlite3_reset(q);
	(void)sqlite3_clear_bindings(q);
	for (int i = 0; rc == SQLITE_OK && i < 4; i++)
		rc = sqlite3_bind_text(q, i + 1, text[i], -1, SQLITE_STATIC);
	return rc;
}

static bool
known(int64_t status)
{
	return (status >= MP_REGISTERED && status <= MP_REG_CERT_RESET) ||
	       status == MP_REG_NONE;
}

/* A column's text; false if it is not one that fits. */
static bool
text(sqlite3_stmt *q, int column, char *out, size_t outlen)
{
	const unsigned char *p = sqlite3_column_text(q, column);
	int len = sqlite3_column_bytes(q, column);

	if (p == NULL || len < 0 || (size_t)len >= outlen ||
	    strlen((const char *)p) != (size_t)len)
		return false;
	memcpy(out, p, (size_t)len + 1);
	return true;
}

/* One row, into *out if every value is one that we could have written. */
static bool
row(sqlite3_stmt *q, struct mp_state_client *out)
{
	int64_t status = sqlite3_column_int64(q, 1);
	int64_t approval = sqlite3_column_int64(q, 2);
	int64_t agent = sqlite3_column_int64(q, 7);

	if (!known(status) || approval < -1 || approval > 2 || agent < -1 ||
	    agent > AGENT_MAX)
		return false;
	out->agent = (int)agent;
	out->status = (enum mp_registration_status)status;
	out->approval = (int)approval;
	out->since = sqlite3_column_int64(q, 3);
	return text(q, 0, out->smsid, sizeof(out->smsid)) &&
	       text(q, 4, out->netbios, sizeof(out->netbios)) &&
	       text(q, 5, out->fqdn, sizeof(out->fqdn)) &&
	       text(q, 6, out->message, sizeof(out->message));
}

/* `who` may be a part of *out, which is written last. */
static int
look(struct mp_state *s, sqlite3_stmt *q, const struct mp_state_key *key,
    const char *who, struct mp_state_client *out, struct mp_error *e)
{
	struct mp_state_client got;
	int r = 0, rc;

	none(&got);
	rc = bind_key(q, key, who);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW && !row(q, &got))
		r = damaged(s->path, "a value is out of range", e);
	else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		r = trouble(s, rc, e);
	(void)sqlite3_reset(q);
	if (r != 0)
		none(&got);
	*out = got;
	return r;
}

int
mp_state_get(struct mp_state *s, const struct mp_state_key *key,
    struct mp_state_client *out, struct mp_error *e)
{
	return look(
	    s, s->get, key, key->client != NULL ? key->client : "", out, e);
}

int
mp_state_find(struct mp_state *s, const struct mp_state_key *key,
    const char *smsid, struct mp_state_client *out, struct mp_error *e)
{
	if (smsid[0] == '\0') { /* rows without an id have it so */
		none(out);
		return 0;
	}
	return look(s, s->find, key, smsid, out, e);
}

int
mp_state_taken(struct mp_state *s, const struct mp_state_key *key,
    const char *smsid, bool *taken, struct mp_error *e)
{
	sqlite3_stmt *q = s->taken;
	int rc;

	*taken = false;
	if (smsid[0] == '\0')
		return 0;
	rc = bind_key(q, key, key->client != NULL ? key->client : "");
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 5, smsid, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	(void)sqlite3_reset(q);
	*taken = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : trouble(s, rc, e);
}

static bool
storable(const struct mp_state_client *in)
{
	return known(in->status) && in->approval >= -1 && in->approval <= 2 &&
	       in->agent >= -1 && in->agent <= AGENT_MAX &&
	       memchr(in->smsid, '\0', sizeof(in->smsid)) != NULL &&
	       memchr(in->netbios, '\0', sizeof(in->netbios)) != NULL &&
	       memchr(in->fqdn, '\0', sizeof(in->fqdn)) != NULL &&
	       memchr(in->message, '\0', sizeof(in->message)) != NULL;
}

int
mp_state_put(struct mp_state *s, const struct mp_state_key *key,
    const struct mp_state_client *in, struct mp_error *e)
{
	sqlite3_stmt *q = s->put;
	int rc;

	if (!storable(in))
		return mp_fail(e, MP_EARG,
		    "client state: a value to be stored is out of range");
	rc = bind_key(q, key, key->client != NULL ? key->client : "");
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 5, in->smsid, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(q, 6, (int)in->status);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(q, 7, in->approval);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, 8, in->since);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 9, in->netbios, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 10, in->fqdn, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(q, 11, in->message, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(q, 12, in->agent);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	(void)sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : trouble(s, rc, e);
}
