#include "tests/unit/pkcs11/rig.h"

#include <sys/stat.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

/* A certificate file in the token's folder; its spec. */
struct file {
	char path[128];
	char spec[192];
};

static FILE *
make(struct rig *rig, struct file *f, const char *name, const char *uri)
{
	FILE *out;

	(void)snprintf(
	    f->path, sizeof(f->path), "%.63s/%s", rig->hsm.dir, name);
	(void)snprintf(f->spec, sizeof(f->spec), "%s%s%s", f->path,
	    uri[0] != '\0' ? " " : "", uri);
	out = fopen(f->path, "w");
	assert_non_null(out);
	/* Whatever the umask is. */
	assert_int_equal(fchmod(fileno(out), 0644), 0);
	return out;
}

static void
put_pem(FILE *out, const struct softhsm_cert *c)
{
	const uint8_t *at = c->der;
	X509 *x = d2i_X509(NULL, &at, (long)c->len);

	assert_int_equal(PEM_write_X509(out, x), 1);
	X509_free(x);
}

static int
start(struct rig *rig, const struct file *f, size_t n)
{
	void *state = rig;

	(void)rig_clear(&state);
	for (size_t i = 0; i < n; i++)
		rig->cfg.certs[i] = f[i].spec;
	return token_open(&rig->token, &rig->cfg, &rig->why);
}

static size_t
identities(struct rig *rig)
{
	struct token_stats st;

	rig_ok(rig, token_ready(rig->token, &rig->why));
	token_stats(rig->token, &st);
	return st.identities;
}

static void
a_file_is_the_certificate_of_a_key_on_the_token(void **state)
{
	struct rig *rig = *state;
	uint8_t der[2048];
	size_t len;
	struct file f[2];
	FILE *out;

	out = make(rig, &f[0], "chain.pem", "");
	(void)fputs("# a remark before the first certificate\n", out);
	put_pem(out, &rig->hsm.rsa);
	put_pem(out, &rig->hsm.issuing);
	put_pem(out, &rig->hsm.root);
	(void)fclose(out);
	out = make(rig, &f[1], "ec.der", "pkcs11:id=%02;object=ec");
	(void)fwrite(rig->hsm.ec.der, 1, rig->hsm.ec.len, out);
	(void)fclose(out);
	rig_ok(rig, start(rig, f, 2));
	assert_int_equal(identities(rig), 2);
	rig_ok(rig, rig_sign(rig));
	/* The issuer stands in the same file. */
	for (unsigned depth = 0; depth < 3; depth++) {
		len = sizeof(der);
		rig_ok(rig, token_certificate(rig->token, rig->hsm.rsa.sha256,
				depth, der, &len, &rig->why));
	}
	assert_int_equal(len, rig->hsm.root.len);
	assert_memory_equal(der, rig->hsm.root.der, len);
	(void)rig_close(state);
}

/* The token lets nobody read the public part, and has two EC keys at least. */
static void
a_key_that_hides_is_found_by_the_files_uri_and_proved(void **state)
{
	static const struct {
		const char *uri;
		size_t found;
	} cases[] = {
	    {"pkcs11:id=%02", 1},
	    {"pkcs11:object=ec", 1},
	    {"pkcs11:id=%01", 0}, /* another key */
	    {"pkcs11:object=nobody", 0},
	};
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out = make(rig, &f, "ec.pem", cases[i].uri);
		put_pem(out, &rig->hsm.ec);
		(void)fclose(out);
		rig_ok(rig, start(rig, &f, 1));
		rig->mod->mute = true;
		assert_int_equal(identities(rig), cases[i].found);
		(void)rig_close(state);
	}
}

static void
a_certificate_of_a_key_that_is_not_here_is_not_listed(void **state)
{
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	out = make(rig, &f, "foreign.pem", "pkcs11:id=%02");
	put_pem(out, &rig->hsm.foreign);
	(void)fclose(out);
	rig_ok(rig, start(rig, &f, 1));
	assert_int_equal(identities(rig), 0);
	(void)rig_close(state);
}

/* Its public part was the right one: the token's word alone is not taken. */
static void
a_key_that_signs_wrongly_is_not_listed(void **state)
{
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	out = make(rig, &f, "rsa.pem", "");
	put_pem(out, &rig->hsm.rsa);
	(void)fclose(out);
	rig_ok(rig, start(rig, &f, 1));
	rig->mod->spoil = 1000;
	assert_int_equal(identities(rig), 0);
	assert_true(rig->mod->spoil < 1000);
	(void)rig_close(state);
}

static void
files_that_are_none_are_refused_at_once(void **state)
{
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	out = make(rig, &f, "text.pem", "");
	(void)fputs("hello\n", out);
	(void)fclose(out);
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	assert_non_null(strstr(rig->why.text, "text.pem: holds no"));
	out = make(rig, &f, "uri.pem", "pkcs11:token=x");
	put_pem(out, &rig->hsm.ec);
	(void)fclose(out);
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	assert_non_null(strstr(rig->why.text, "id or object"));
	(void)remove(f.path);
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	(void)snprintf(f.spec, sizeof(f.spec), "/dev/zero");
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	assert_non_null(strstr(rig->why.text, "/dev/zero: is no regular"));
	out = make(rig, &f, "many.pem", "");
	for (unsigned i = 0; i < 17; i++)
		put_pem(out, &rig->hsm.ec);
	(void)fclose(out);
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	assert_non_null(strstr(rig->why.text, "more than 16"));
}

static void
a_file_that_others_may_write_is_not_believed(void **state)
{
	static const struct {
		mode_t mode;
		uid_t owner;
		const char *says;
	} cases[] = {
	    {0664, (uid_t)-1, "ec.pem: may be written by others; chmod go-w"},
	    {0646, (uid_t)-1, "ec.pem: may be written by others; chmod go-w"},
	    {0644, 4242, "ec.pem: belongs to somebody else; chown it"},
	};
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	out = make(rig, &f, "ec.pem", "");
	put_pem(out, &rig->hsm.ec);
	(void)fclose(out);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (chown(f.path, cases[i].owner, (gid_t)-1) != 0)
			continue; /* only root may give files away */
		assert_int_equal(chmod(f.path, cases[i].mode), 0);
		assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
		assert_non_null(strstr(rig->why.text, cases[i].says));
	}
	assert_int_equal(remove(f.path), 0);
}

/* At a terminal it would wait for somebody to type it. */
static void
a_file_that_wants_a_password_is_refused(void **state)
{
	struct rig *rig = *state;
	struct file f;
	FILE *out = make(rig, &f, "ec.pem", "");

	(void)fputs("-----BEGIN CERTIFICATE-----\n"
		    "Proc-Type: 4,ENCRYPTED\n"
		    "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n"
		    "\n"
		    "AAAAAAAAAAAAAAAAAAAAAA==\n"
		    "-----END CERTIFICATE-----\n",
	    out);
	(void)fclose(out);
	assert_int_equal(start(rig, &f, 1), TOKEN_ECONFIG);
	assert_non_null(strstr(rig->why.text, "holds no certificate"));
}

static void
a_file_that_is_being_replaced_takes_nothing_away(void **state)
{
	struct rig *rig = *state;
	struct file f;
	FILE *out;

	out = make(rig, &f, "ec.pem", "");
	put_pem(out, &rig->hsm.ec);
	(void)fclose(out);
	rig_ok(rig, start(rig, &f, 1));
	assert_int_equal(identities(rig), 1);
	out = make(rig, &f, "ec.pem", "");
	rig_ok(rig, token_rescan(rig->token, &rig->why));
	assert_int_equal(identities(rig), 1);
	put_pem(out, &rig->hsm.rsa);
	(void)fclose(out);
	rig_ok(rig, token_rescan(rig->token, &rig->why));
	assert_int_equal(identities(rig), 1);
	rig_ok(rig, rig_sign(rig));
	(void)rig_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_is_the_certificate_of_a_key_on_the_token),
	    cmocka_unit_test(
		a_key_that_hides_is_found_by_the_files_uri_and_proved),
	    cmocka_unit_test(
		a_certificate_of_a_key_that_is_not_here_is_not_listed),
	    cmocka_unit_test(a_key_that_signs_wrongly_is_not_listed),
	    cmocka_unit_test(files_that_are_none_are_refused_at_once),
	    cmocka_unit_test(a_file_that_others_may_write_is_not_believed),
	    cmocka_unit_test(a_file_that_wants_a_password_is_refused),
	    cmocka_unit_test(a_file_that_is_being_replaced_takes_nothing_away),
	};

	return cmocka_run_group_tests(tests, rig_make_bare, rig_remove);
}
