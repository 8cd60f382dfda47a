#include "mp/certs.h"

#include <sys/stat.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "tests/unit/mp/pki.h"

#define WHAT "certificates for a test"

/* Made once: keys take their time. */
static struct world {
	EVP_PKEY *key;
	X509 *cert, *other, *third, *fourth;
	char dir[PATH_MAX];
} w;

static int
make_world(void **state)
{
	(void)state;
	w.key = pki_key();
	w.cert = pki_cert(w.key, &(struct pki_wish){.cn = "MP1"});
	w.other = pki_cert(w.key, &(struct pki_wish){.cn = "MP2"});
	w.third = pki_cert(w.key, &(struct pki_wish){.cn = "MP3"});
	w.fourth = pki_cert(w.key, &(struct pki_wish){.cn = "MP4"});
	pki_dir(w.dir);
	return 0;
}

static int
end_world(void **state)
{
	(void)state;
	X509_free(w.cert);
	X509_free(w.other);
	X509_free(w.third);
	X509_free(w.fourth);
	EVP_PKEY_free(w.key);
	pki_remove(w.dir);
	return 0;
}

static void
write_file(char *path, const char *name, const void *data, size_t len)
{
	FILE *f;

	pki_path(path, w.dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
must_not_open(const char *path, const char *words)
{
	STACK_OF(X509) *t = (void *)1;
	struct mp_error e;

	assert_int_equal(mp_certs_load(&t, path, WHAT, &e), MP_EARG);
	assert_null(t);
	if (strstr(e.text, words) == NULL || strstr(e.text, path) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e.text);
}

static void
a_path_without_certificates_is_refused(void **state)
{
	static const char key[] = "-----BEGIN PUBLIC KEY-----\nAAAA\n"
				  "-----END PUBLIC KEY-----\n";
	static const char torn[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
	static const char junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n"
				   "-----END CERTIFICATE-----\n";
	char path[PATH_MAX], dir[PATH_MAX];

	(void)state;
	must_not_open("/nonexistent/certs.pem", "cannot find");
	must_not_open("/dev/null", "neither a file");
	write_file(path, "empty", "", 0);
	must_not_open(path, "is empty");
	write_file(path, "key", key, strlen(key));
	must_not_open(path, "holds no certificate");
	write_file(path, "torn", torn, strlen(torn));
	must_not_open(path, "damaged");
	write_file(path, "junk", junk, strlen(junk));
	must_not_open(path, "readable certificate");
	write_file(path, "noise", "hello", 5);
	must_not_open(path, "readable certificate");
	pki_dir(dir);
	must_not_open(dir, "holds no certificate");
	pki_remove(dir);
}

static void
a_directory_with_a_stray_file_is_refused(void **state)
{
	char path[PATH_MAX], dir[PATH_MAX];
	STACK_OF(X509) *t = (void *)1;
	struct mp_error e;
	FILE *f;

	(void)state;
	pki_dir(dir);
	pki_save(dir, "mp1.pem", w.cert, path);
	pki_path(path, dir, "README");
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("certificates live here\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(mp_certs_load(&t, dir, WHAT, &e), MP_EARG);
	assert_null(t);
	assert_non_null(strstr(e.text, "README"));
	pki_remove(dir);
}

static void
an_endless_file_is_refused(void **state)
{
	char path[PATH_MAX];
	STACK_OF(X509) *t = (void *)1;
	struct mp_error e;

	(void)state;
	write_file(path, "huge", "x", 1);
	assert_int_equal(truncate(path, (off_t)MP_CERTS_FILE_MAX + 1), 0);
	assert_int_equal(mp_certs_load(&t, path, WHAT, &e), MP_ELIMIT);
	assert_null(t);
}

static void
count(const char *path, size_t n)
{
	STACK_OF(X509) *t = NULL;
	struct mp_error e;

	if (mp_certs_load(&t, path, WHAT, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(sk_X509_num(t), n);
	sk_X509_pop_free(t, X509_free);
}

static void
pem_der_bundles_and_directories_are_read(void **state)
{
	char path[PATH_MAX], dir[PATH_MAX];
	uint8_t *der = NULL;
	FILE *f;
	int len;

	(void)state;
	pki_dir(dir);
	pki_save(dir, "one.pem", w.cert, path);
	count(path, 1);
	f = fopen(path, "ae");
	assert_non_null(f);
	assert_true(fputs("a remark\r\n", f) >= 0);
	assert_int_equal(PEM_write_PUBKEY(f, w.key), 1);
	assert_int_equal(PEM_write_X509(f, w.other), 1);
	assert_int_equal(PEM_write_X509(f, w.cert), 1);
	assert_int_equal(fclose(f), 0);
	count(path, 2);
	len = i2d_X509(w.third, &der);
	assert_true(len > 0);
	write_file(path, "two.cer", der, (size_t)len);
	count(path, 1);
	write_file(path, "three.cer", der, (size_t)len - 1);
	must_not_open(path, "readable certificate");
	OPENSSL_free(der);
	pki_save(dir, "renewed", w.fourth, path);
	pki_save(dir, ".hidden", w.other, path);
	pki_path(path, dir, "old");
	assert_int_equal(mkdir(path, 0700), 0);
	count(dir, 3);
	pki_remove(dir);
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_path_without_certificates_is_refused),
	    TEST(a_directory_with_a_stray_file_is_refused),
	    TEST(an_endless_file_is_refused),
	    TEST(pem_der_bundles_and_directories_are_read),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
