#include "mp/state.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/unit/mp/pki.h"

#define KEY "AB01"
#define MP "https://mp1.dom:443"
#define SITE "PRI"
#define SMSID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define FEW 1000u
#define MANY 100000u
#define LOOKS 1000u

struct home {
	char base[PATH_MAX];
	char file[PATH_MAX];
};

static const struct mp_state_key self = {KEY, MP, SITE, NULL};

static int
set_up(void **state)
{
	struct home *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	pki_dir(h->base);
	pki_path(h->file, h->base, "client.db");
	*state = h;
	return 0;
}

static int
tear_down(void **state)
{
	struct home *h = *state;

	pki_remove(h->base);
	free(h);
	return 0;
}

static void
must_open(struct mp_state **s, const struct home *h)
{
	struct mp_error e = {0};

	if (mp_state_open(s, h->base, &e) != 0)
		fail_msg("%s", e.text);
}

static void
run(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What the first version wrote. */
static const char format_1[] =
    "CREATE TABLE client (sha256 TEXT NOT NULL, mp TEXT NOT NULL,"
    " site TEXT NOT NULL, smsid TEXT NOT NULL, status INTEGER NOT NULL,"
    " approval INTEGER NOT NULL, since INTEGER NOT NULL,"
    " PRIMARY KEY (sha256, mp, site)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1399607412; PRAGMA user_version = 1;";

static void
a_file_of_the_first_format_is_taken_over(void **state)
{
	struct home *h = *state;
	struct mp_state_client c;
	struct mp_state *s;
	struct mp_error e;

	run(h->file, format_1);
	run(h->file, "INSERT INTO client VALUES ('" KEY "', '" MP "', '" SITE
		     "', '" SMSID "', 1, 2, 1700000000)");
	for (unsigned i = 0; i < 2; i++) {
		must_open(&s, h);
		assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
		assert_string_equal(c.smsid, SMSID);
		assert_int_equal(c.status, MP_REG_PENDING);
		assert_int_equal(c.approval, 2);
		assert_true(c.since == 1700000000);
		assert_string_equal(c.netbios, "");
		assert_string_equal(c.fqdn, "");
		mp_state_close(s);
	}
}

/* What the second version wrote. */
static const char format_2[] =
    "CREATE TABLE client (sha256 TEXT NOT NULL, mp TEXT NOT NULL,"
    " site TEXT NOT NULL, client TEXT NOT NULL, smsid TEXT NOT NULL,"
    " status INTEGER NOT NULL, approval INTEGER NOT NULL,"
    " since INTEGER NOT NULL, netbios TEXT NOT NULL, fqdn TEXT NOT NULL,"
    " message TEXT NOT NULL,"
    " PRIMARY KEY (sha256, mp, site, client)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX client_smsid ON client"
    " (sha256, mp, site, smsid COLLATE NOCASE);"
    "PRAGMA application_id = 1399607412; PRAGMA user_version = 2;";

static void
a_file_of_the_second_format_is_taken_over(void **state)
{
	struct home *h = *state;
	struct mp_state_client c;
	struct mp_state *s;
	struct mp_error e;

	run(h->file, format_2);
	run(h->file, "INSERT INTO client VALUES ('" KEY "', '" MP "', '" SITE
		     "', '', '" SMSID "', 0, 1, 1700000000, 'A', 'a.b', '')");
	must_open(&s, h);
	assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
	assert_string_equal(c.smsid, SMSID);
	assert_string_equal(c.netbios, "A");
	assert_int_equal(c.agent, -1);
	c.agent = 4;
	assert_int_equal(mp_state_put(s, &self, &c, &e), 0);
	mp_state_close(s);
	must_open(&s, h);
	assert_int_equal(mp_state_get(s, &self, &c, &e), 0);
	assert_int_equal(c.agent, 4);
	c.agent = 256;
	assert_int_equal(mp_state_put(s, &self, &c, &e), MP_EARG);
	mp_state_close(s);
}

static void
a_first_format_without_its_table_is_refused(void **state)
{
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	run(h->file, format_1);
	run(h->file, "DROP TABLE client; CREATE TABLE other (x)");
	assert_int_equal(mp_state_open(&s, h->base, &e), MP_ESTATE);
	assert_null(s);
	assert_non_null(strstr(e.text, "move it away"));
	run(h->file, "SELECT * FROM other"); /* it was left as it was */
}

static void
managed_clients_are_kept_apart(void **state)
{
	static const char *const names[] = {NULL, "a.dom", "b.dom"};
	struct mp_state_key key = self;
	struct home *h = *state;
	struct mp_state_client c;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	for (int i = 0; i < 3; i++) {
		memset(&c, 0, sizeof(c));
		(void)snprintf(c.smsid, sizeof(c.smsid),
		    "GUID:0D5A4B1C-1111-2222-3333-44445555666%c", 'A' + i);
		c.since = i;
		key.client = names[i];
		assert_int_equal(mp_state_put(s, &key, &c, &e), 0);
	}
	for (int i = 0; i < 3; i++) {
		key.client = names[i];
		assert_int_equal(mp_state_get(s, &key, &c, &e), 0);
		assert_true(c.since == i);
		assert_int_equal(mp_state_find(s, &self, c.smsid, &c, &e), 0);
		assert_true(c.since == i);
	}
	assert_int_equal(
	    mp_state_find(
		s, &self, "guid:0d5a4b1c-1111-2222-3333-44445555666b", &c, &e),
	    0);
	assert_true(c.since == 1); /* of either case */
	key.site = "PR2";
	assert_int_equal(mp_state_find(s, &key, c.smsid, &c, &e), 0);
	assert_int_equal(c.status, MP_REG_NONE);
	mp_state_close(s);
}

static void
an_id_is_taken_if_any_other_client_has_it(void **state)
{
	static const char id[] = "guid:0d5a4b1c-1111-2222-3333-44445555666a";
	struct mp_state_key key = self, other = self;
	struct mp_state_client c = {
	    .smsid = "GUID:0D5A4B1C-1111-2222-3333-44445555666A"};
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;
	bool taken;

	must_open(&s, h);
	assert_int_equal(mp_state_taken(s, &self, id, &taken, &e), 0);
	assert_false(taken);
	key.client = "a.dom";
	assert_int_equal(mp_state_put(s, &key, &c, &e), 0);
	assert_int_equal(mp_state_taken(s, &key, id, &taken, &e), 0);
	assert_false(taken); /* its own */
	assert_int_equal(mp_state_taken(s, &self, id, &taken, &e), 0);
	assert_true(taken); /* a managed client's */
	assert_int_equal(mp_state_taken(s, &self, "", &taken, &e), 0);
	assert_false(taken);
	other.sha256 = "00"; /* certificates before and after ours */
	assert_int_equal(mp_state_taken(s, &other, id, &taken, &e), 0);
	assert_true(taken);
	other.sha256 = "ff";
	assert_int_equal(mp_state_taken(s, &other, id, &taken, &e), 0);
	assert_true(taken);
	memcpy(c.smsid + sizeof(id) - 2, "B", 2);
	assert_int_equal(mp_state_put(s, &other, &c, &e), 0);
	assert_int_equal(mp_state_taken(s, &self, c.smsid, &taken, &e), 0);
	assert_true(taken);
	other.site = "PR2"; /* elsewhere it is another's business */
	assert_int_equal(mp_state_taken(s, &other, id, &taken, &e), 0);
	assert_false(taken);
	mp_state_close(s);
}

static void
an_empty_id_finds_nobody(void **state)
{
	struct mp_state_client c = {.status = MP_REG_NONE};
	struct home *h = *state;
	struct mp_state *s;
	struct mp_error e;

	must_open(&s, h);
	assert_int_equal(mp_state_put(s, &self, &c, &e), 0);
	c.status = MP_REGISTERED;
	assert_int_equal(mp_state_find(s, &self, "", &c, &e), 0);
	assert_int_equal(c.status, MP_REG_NONE);
	mp_state_close(s);
}

/* Managed clients number from to to, in one transaction. */
static void
fill(const struct home *h, unsigned from, unsigned to)
{
	static const char sql[] =
	    "WITH RECURSIVE n (i) AS (SELECT %u UNION ALL SELECT i + 1 FROM n"
	    " WHERE i + 1 < %u) INSERT INTO client (sha256, mp, site, client,"
	    " smsid, status, approval, since, netbios, fqdn, message)"
	    " SELECT '" KEY "', '" MP "', '" SITE "', printf('pc%%d.dom', i),"
	    " printf('GUID:0D5A4B1C-1111-2222-3333-%%012X', i), 0, 1, i,"
	    " printf('PC%%d', i), printf('pc%%d.dom', i), '' FROM n";
	char text[1024];

	(void)snprintf(text, sizeof(text), sql, from, to);
	run(h->file, text);
}

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Time of LOOKS look-ups, by name and by id, spread over n clients. */
static double
look(struct mp_state *s, unsigned n)
{
	struct mp_state_key key = self;
	struct mp_state_client c;
	double start = seconds();
	struct mp_error e;
	char name[64];
	unsigned at;

	for (unsigned i = 0; i < LOOKS; i++) {
		at = (unsigned)(((uint64_t)i * 7919u) % n);
		(void)snprintf(name, sizeof(name), "pc%u.dom", at);
		key.client = name;
		assert_int_equal(mp_state_get(s, &key, &c, &e), 0);
		assert_string_equal(c.fqdn, name);
		assert_int_equal(mp_state_find(s, &self, c.smsid, &c, &e), 0);
		assert_true(c.since == at);
	}
	return seconds() - start;
}

static void
a_hundred_thousand_clients_stay_quick(void **state)
{
	struct home *h = *state;
	double few, many;
	struct mp_state *s;

	must_open(&s, h);
	fill(h, 0, FEW);
	(void)look(s, FEW); /* warm */
	few = look(s, FEW);
	fill(h, FEW, MANY);
	(void)look(s, MANY);
	many = look(s, MANY);
	mp_state_close(s);
	if (many >= 5 * few)
		fail_msg("%u look-ups: %.4f s among %u clients, %.4f s among "
			 "%u",
		    LOOKS, few, FEW, many, MANY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_file_of_the_first_format_is_taken_over),
	    TEST(a_file_of_the_second_format_is_taken_over),
	    TEST(a_first_format_without_its_table_is_refused),
	    TEST(managed_clients_are_kept_apart),
	    TEST(an_id_is_taken_if_any_other_client_has_it),
	    TEST(an_empty_id_finds_nobody),
	    TEST(a_hundred_thousand_clients_stay_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
