#include "mp/crl.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/mp/https.h"
#include "tests/unit/mp/pki.h"

#define LIST_MAX 8192

/* Root, issuing authority and server; made once. */
static EVP_PKEY *key;
static X509 *root;

/* What the authorities' web server says, by path. */
struct list {
	const char *path;
	int status;
	const char *more; /* header fields */
	uint8_t der[LIST_MAX];
	size_t len;
	unsigned asked;
};

struct scene {
	struct https *web;
	struct list inner, outer; /* of the issuing authority, of the root */
	X509 *ca, *leaf;
	STACK_OF(X509) * chain;
	struct mp_crl_config cfg;
	char base[PATH_MAX], dir[PATH_MAX];
};

static void
handle(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	struct scene *s = ctx;
	struct list *all[] = {&s->inner, &s->outer};

	for (size_t i = 0; i < 2; i++) {
		if (strcmp(q->path, all[i]->path) != 0)
			continue;
		all[i]->asked++;
		mp_buf_printf(answer,
		    "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n",
		    all[i]->status, all[i]->len, all[i]->more);
		mp_buf_add(answer, all[i]->der, all[i]->len);
		return;
	}
	https_answer(answer, 404, NULL, "", 0);
}

static int
make_world(void **state)
{
	(void)state;
	key = pki_key();
	root = pki_cert(key, &(struct pki_wish){.cn = "Root", .ca = true});
	return 0;
}

static int
end_world(void **state)
{
	(void)state;
	X509_free(root);
	EVP_PKEY_free(key);
	return 0;
}

/* One key for all: what counts here are names and signatures. */
static X509 *
issue(const char *cn, X509 *issuer, const char *lists, bool ca)
{
	return pki_cert(key, &(struct pki_wish){.cn = cn,
				 .issuer = issuer,
				 .issuer_key = key,
				 .ca = ca,
				 .lists = lists});
}

static void
chain_of(struct scene *s, X509 *leaf, X509 *ca, X509 *anchor)
{
	sk_X509_free(s->chain);
	s->chain = sk_X509_new_null();
	(void)sk_X509_push(s->chain, leaf);
	if (ca != NULL)
		(void)sk_X509_push(s->chain, ca);
	(void)sk_X509_push(s->chain, anchor);
}

static void
publish(struct list *l, const struct pki_list *wish)
{
	l->status = 200;
	l->more = "";
	l->len = pki_crl(wish, l->der, sizeof(l->der));
}

static void
good(struct scene *s)
{
	publish(
	    &s->inner, &(struct pki_list){.issuer = s->ca, .issuer_key = key});
	publish(
	    &s->outer, &(struct pki_list){.issuer = root, .issuer_key = key});
}

static int
set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char place[128];

	assert_non_null(s);
	s->inner.path = "/inner.crl";
	s->outer.path = "/outer.crl";
	s->web =
	    https_start(&(struct https_config){.handle = handle, .ctx = s});
	(void)snprintf(place, sizeof(place),
	    "URI:http://127.0.0.1:%u/outer.crl", https_port(s->web));
	s->ca = issue("Issuing", root, place, true);
	(void)snprintf(place, sizeof(place),
	    "URI:http://127.0.0.1:%u/inner.crl", https_port(s->web));
	s->leaf = issue("mp1.dom", s->ca, place, false);
	chain_of(s, s->leaf, s->ca, root);
	pki_dir(s->base);
	pki_path(s->dir, s->base, "lists");
	s->cfg.dir = s->dir;
	s->cfg.fetch.timeout_ms = 3000;
	good(s);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	https_stop(s->web);
	sk_X509_free(s->chain);
	X509_free(s->ca);
	X509_free(s->leaf);
	pki_remove(s->dir);
	pki_remove(s->base);
	free(s);
	return 0;
}

static void
must_pass(const struct scene *s)
{
	struct mp_error e = {0};

	if (mp_crl_check(&s->cfg, s->chain, &e) != 0)
		fail_msg("%s", e.text);
}

static void
must_fail(const struct scene *s, const char *who, const char *words)
{
	struct mp_error e = {0};

	assert_int_equal(mp_crl_check(&s->cfg, s->chain, &e), MP_ETLS);
	if (strstr(e.text, who) == NULL || strstr(e.text, words) == NULL)
		fail_msg(
		    "not said: \"%s\", \"%s\" in \"%s\"", who, words, e.text);
}

static void
a_revoked_certificate_is_told(void **state)
{
	struct scene *s = *state;

	publish(&s->inner,
	    &(struct pki_list){
		.issuer = s->ca, .issuer_key = key, .revoked = s->leaf});
	must_fail(s, "mp1.dom", "was revoked by its issuer");
	s->inner.status = 404; /* and is remembered */
	must_fail(s, "mp1.dom", "was revoked by its issuer");
	assert_int_equal(s->inner.asked, 1);
}

static void
a_revoked_authority_is_told(void **state)
{
	struct scene *s = *state;

	publish(&s->outer,
	    &(struct pki_list){
		.issuer = root, .issuer_key = key, .revoked = s->ca});
	must_fail(s, "CN=Issuing", "was revoked by its issuer");
}

static void
a_missing_list_fails_closed(void **state)
{
	static const int statuses[] = {404, 403, 500, 301, 204};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		s->inner.status = statuses[i];
		s->inner.more = "Location: /outer.crl\r\n";
		s->inner.len = 0;
		must_fail(s, "mp1.dom", "is missing");
	}
	assert_int_equal(s->outer.asked, 0); /* no redirection is followed */
	https_stop(s->web);
	s->web = NULL;
	must_fail(s, "mp1.dom", "/inner.crl cannot be fetched");
}

static void
a_stale_list_fails_closed(void **state)
{
	struct scene *s = *state;

	publish(&s->inner, &(struct pki_list){.issuer = s->ca,
			       .issuer_key = key,
			       .from = -2 * PKI_DAY,
			       .to = -PKI_DAY});
	must_fail(s, "/inner.crl", "stale");
	publish(&s->inner, &(struct pki_list){.issuer = s->ca,
			       .issuer_key = key,
			       .from = PKI_DAY,
			       .to = 2 * PKI_DAY});
	must_fail(s, "/inner.crl", "not yet valid");
	publish(&s->inner,
	    &(struct pki_list){
		.issuer = s->ca, .issuer_key = key, .from = -60, .to = -60});
	must_fail(s, "/inner.crl", "until when");
	good(s);
	must_pass(s);
	assert_int_equal(s->inner.asked, 4); /* none of them was kept */
}

static void
a_list_of_others_fails_closed(void **state)
{
	struct scene *s = *state;
	EVP_PKEY *other = pki_key();

	publish(
	    &s->inner, &(struct pki_list){.issuer = root, .issuer_key = key});
	must_fail(s, "/inner.crl", "is not its issuer's");
	publish(&s->inner,
	    &(struct pki_list){.issuer = s->ca, .issuer_key = other});
	must_fail(s, "/inner.crl", "CRL signature failure");
	EVP_PKEY_free(other);
}

/*
 * Authorities publish lists of what changed beside the whole one, signed as
 * well. In its place one would hide whoever was revoked long ago.
 */
static void
a_list_of_changes_alone_fails_closed(void **state)
{
	struct scene *s = *state;

	publish(
	    &s->inner, &(struct pki_list){
			   .issuer = s->ca, .issuer_key = key, .delta = true});
	must_fail(s, "/inner.crl", "only what changed");
	good(s);
	must_pass(s);
	assert_int_equal(s->inner.asked, 2);
}

static void
every_truncation_is_refused(void **state)
{
	struct scene *s = *state;
	size_t len = s->inner.len;

	for (size_t n = 0; n < len; n += n < 16 ? 1 : 41) {
		s->inner.len = n;
		must_fail(s, "/inner.crl", "is not a DER CRL");
	}
	s->inner.len = len + 1; /* and what comes after */
	must_fail(s, "/inner.crl", "is not a DER CRL");
}

static void
certificates_without_a_usable_place_fail_closed(void **state)
{
	static const struct {
		const char *lists, *words;
	} cases[] = {
	    {NULL, "names no revocation list, so"},
	    {"URI:ldap:///CN=x?certificateRevocationList", "such as LDAP"},
	    {"URI:https://127.0.0.1/x.crl", "at an http address"},
	    {"URI:file:///etc/passwd", "at an http address"},
	    {"URI:http://", "at an http address"},
	    {"URI:http://user@127.0.0.1/x.crl", "at an http address"},
	    {"URI:http://user:word@127.0.0.1/x.crl", "at an http address"},
	    {NULL, NULL},
	};
	struct scene *s = *state;
	X509 *leaf;

	for (size_t i = 0; cases[i].words != NULL; i++) {
		leaf = issue("odd.dom", s->ca, cases[i].lists, false);
		chain_of(s, leaf, s->ca, root);
		must_fail(s, "odd.dom", cases[i].words);
		X509_free(leaf);
	}
}

static void
another_place_is_asked_if_the_first_fails(void **state)
{
	struct scene *s = *state;
	char places[256];
	X509 *leaf;

	(void)snprintf(places, sizeof(places),
	    "URI:ldap:///x,URI:http://127.0.0.1:%u/none.crl,"
	    "URI:http://127.0.0.1:%u/inner.crl",
	    https_port(s->web), https_port(s->web));
	leaf = issue("mp2.dom", s->ca, places, false);
	chain_of(s, leaf, s->ca, root);
	must_pass(s);
	X509_free(leaf);
}

static unsigned
kept(const struct scene *s)
{
	const struct dirent *d;
	DIR *all = opendir(s->dir);
	unsigned n = 0;

	assert_non_null(all);
	while ((d = readdir(all)) != NULL)
		n += d->d_name[0] != '.' ? 1 : 0;
	(void)closedir(all);
	return n;
}

static void
a_good_list_is_kept_until_its_next_update(void **state)
{
	struct scene *s = *state;
	struct stat st;

	for (unsigned i = 0; i < 3; i++)
		must_pass(s);
	assert_int_equal(s->inner.asked, 1);
	assert_int_equal(s->outer.asked, 1);
	assert_int_equal(kept(s), 2);
	assert_int_equal(stat(s->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	https_stop(s->web); /* not even asked */
	s->web = NULL;
	must_pass(s);
}

static void
a_kept_list_proves_nothing_by_itself(void **state)
{
	struct scene *s = *state;
	const struct dirent *d;
	char path[PATH_MAX];
	DIR *all;
	FILE *f;

	must_pass(s);
	all = opendir(s->dir);
	assert_non_null(all);
	while ((d = readdir(all)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		pki_path(path, s->dir, d->d_name);
		f = fopen(path, "r+e");
		assert_non_null(f);
		assert_int_equal(fseek(f, -9, SEEK_END), 0);
		assert_int_equal(fputc('!', f), '!');
		assert_int_equal(fclose(f), 0);
	}
	(void)closedir(all);
	must_pass(s); /* by asking again */
	assert_int_equal(s->inner.asked, 2);
	assert_int_equal(s->outer.asked, 2);
	assert_int_equal(kept(s), 2);
}

static void
without_a_directory_it_asks_every_time(void **state)
{
	struct scene *s = *state;

	s->cfg.dir = NULL;
	must_pass(s);
	must_pass(s);
	assert_int_equal(s->inner.asked, 2);
}

static void
a_directory_for_everybody_is_refused(void **state)
{
	struct scene *s = *state;
	struct mp_error e;

	assert_int_equal(mkdir(s->dir, 0700), 0);
	assert_int_equal(chmod(s->dir, 01777), 0);
	assert_int_equal(mp_crl_check(&s->cfg, s->chain, &e), MP_ESTATE);
	assert_non_null(strstr(e.text, s->dir));
	s->cfg.dir = "/nonexistent/lists";
	assert_int_equal(mp_crl_check(&s->cfg, s->chain, &e), MP_ESTATE);
	assert_non_null(strstr(e.text, "/nonexistent/lists"));
}

static void
the_anchor_is_not_looked_up(void **state)
{
	struct scene *s = *state;

	chain_of(s, s->leaf, NULL, s->ca); /* an authority without its root */
	must_pass(s);
	assert_int_equal(s->outer.asked, 0);
	sk_X509_free(s->chain);
	s->chain = sk_X509_new_null();
	(void)sk_X509_push(s->chain, root);
	must_pass(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_revoked_certificate_is_told),
	    TEST(a_revoked_authority_is_told),
	    TEST(a_missing_list_fails_closed),
	    TEST(a_stale_list_fails_closed),
	    TEST(a_list_of_others_fails_closed),
	    TEST(a_list_of_changes_alone_fails_closed),
	    TEST(every_truncation_is_refused),
	    TEST(certificates_without_a_usable_place_fail_closed),
	    TEST(another_place_is_asked_if_the_first_fails),
	    TEST(a_good_list_is_kept_until_its_next_update),
	    TEST(a_kept_list_proves_nothing_by_itself),
	    TEST(without_a_directory_it_asks_every_time),
	    TEST(a_directory_for_everybody_is_refused),
	    TEST(the_anchor_is_not_looked_up),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
