/* Signing and decrypting, with OpenSSL to check what comes out. */
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "mp/cli/command.h"
#include "mp/cli/file.h"
#include "tests/unit/mp/cli_run.h"

/* A signer over the soft one whose call number `flaky` fails. */
static unsigned long flaky;

static int
faulty_find(void *ctx, const uint8_t *thumb, size_t thumblen,
    struct signer_identity *id, struct signer_trouble *why)
{
	(void)ctx;
	if (--flaky == 0)
		return signer_fail(why, SIGNER_EDENIED, "not today");
	return signer_find(&cli_signer, thumb, thumblen, id, why);
}

static int
faulty_sign(void *ctx, const uint8_t key[SIGNER_SHA256_LEN],
    const struct signer_sign *what, uint8_t *sig, size_t *siglen,
    struct signer_trouble *why)
{
	(void)ctx;
	if (--flaky == 0)
		return signer_fail(why, SIGNER_EDENIED, "not today");
	return signer_sign(&cli_signer, key, what, sig, siglen, why);
}

static const struct signer_ops faulty_ops = {
    .name = "faulty",
    .find = faulty_find,
    .sign = faulty_sign,
};
static const struct signer faulty = {&faulty_ops, NULL};

/* Signs 100,001 bytes and has OpenSSL check what came of it. */
static void
assert_signs(const char *line, X509 *cert, const EVP_MD *md, bool pss)
{
	static uint8_t data[100001];
	char path[256], text[FILE_TEXT_MAX];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	struct stat st;
	uint8_t *sig;
	size_t len;

	memset(data, 'd', sizeof(data));
	cli_put("data", data, sizeof(data));
	if (cli_run(line) != COMMAND_DONE)
		fail_msg("%s: %s", line, cli_err);
	cli_path("sig", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(file_read(path, SIGNER_SIG_MAX, &sig, &len, text), 0);
	assert_int_equal(
	    EVP_DigestVerifyInit(ctx, &pctx, md, NULL, X509_get0_pubkey(cert)),
	    1);
	if (pss) {
		assert_int_equal(
		    EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING),
		    1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(
				     pctx, RSA_PSS_SALTLEN_DIGEST),
		    1);
	}
	if (EVP_DigestVerify(ctx, sig, len, data, sizeof(data)) != 1)
		fail_msg("%s: the signature is wrong", line);
	EVP_MD_CTX_free(ctx);
	OPENSSL_clear_free(sig, len + 1);
	cli_drop("sig");
	cli_drop("data");
}

static void
openssl_believes_every_kind_of_signature(void **state)
{
	static const struct {
		const char *line;
		const EVP_MD *(*md)(void);
		bool ec, pss;
	} rows[] = {
	    {"sign -k @RSA -i @data -o @sig", EVP_sha256, false, false},
	    {"sign -k @RSA -d sha1 -i @data -o @sig", EVP_sha1, false, false},
	    {"sign -k @RSA -d sha384 -i @data -o @sig", EVP_sha384, false,
		false},
	    {"sign -k @RSA -d sha512 -i @data -o @sig", EVP_sha512, false,
		false},
	    {"sign -k @RSA --pss -i @data -o @sig", EVP_sha256, false, true},
	    {"sign -k @RSA --pss -d sha512 -i @data -o @sig", EVP_sha512, false,
		true},
	    {"sign -k @EC -i @data -o @sig", EVP_sha256, true, false},
	    {"sign -k @EC -d sha384 -i @data -o @sig", EVP_sha384, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_signs(rows[i].line,
		    rows[i].ec ? cli_ec_cert : cli_rsa_cert, rows[i].md(),
		    rows[i].pss);
}

/* Each call to the signer fails once: find, then sign. */
static void
a_refused_signature_keeps_what_the_file_held(void **state)
{
	char path[256], text[FILE_TEXT_MAX];
	uint8_t *data;
	size_t len;

	(void)state;
	cli_put("sig", "old", 3);
	for (unsigned long n = 1; n <= 2; n++) {
		flaky = n;
		assert_int_equal(
		    cli_run_with(&faulty, "sign -k @RSA -i /dev/null -o @sig"),
		    COMMAND_FAILED);
		cli_assert_says("sign", "not today");
	}
	cli_path("sig", path);
	assert_int_equal(file_read(path, 10, &data, &len, text), 0);
	assert_string_equal((char *)data, "old");
	OPENSSL_clear_free(data, len + 1);
	cli_drop("sig");
}

/* An EnvelopedData for cert, DER or PEM, in the file "cms". */
static void
envelope(X509 *cert, const char *clear, bool pem)
{
	STACK_OF(X509) *to = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(clear, -1), *bio = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms;
	char *data;
	long len;

	sk_X509_push(to, cert);
	cms = CMS_encrypt(to, in, EVP_aes_256_cbc(), CMS_BINARY);
	assert_non_null(cms);
	if (pem)
		assert_int_equal(
		    PEM_write_bio_CMS_stream(bio, cms, NULL, 0), 1);
	else
		assert_int_equal(i2d_CMS_bio(bio, cms), 1);
	len = BIO_get_mem_data(bio, &data);
	cli_put("cms", data, (size_t)len);
	CMS_ContentInfo_free(cms);
	sk_X509_free(to);
	BIO_free(in);
	BIO_free(bio);
}

static void
what_was_encrypted_for_a_key_is_decrypted(void **state)
{
	char path[256], text[FILE_TEXT_MAX];
	struct stat st;
	uint8_t *clear;
	size_t len;

	(void)state;
	for (int pem = 0; pem < 2; pem++) {
		envelope(cli_rsa_cert, "the content", pem != 0);
		if (cli_run("decrypt -k @RSA -i @cms -o @clear") !=
		    COMMAND_DONE)
			fail_msg("%s", cli_err);
		cli_path("clear", path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(file_read(path, 100, &clear, &len, text), 0);
		assert_string_equal((char *)clear, "the content");
		OPENSSL_clear_free(clear, len + 1);
		cli_drop("clear");
		assert_int_equal(
		    cli_run("decrypt -k @RSA -i @cms"), COMMAND_DONE);
		assert_string_equal(cli_out, "the content");
		cli_drop("cms");
	}
}

static void
a_cut_message_writes_nothing(void **state)
{
	char path[256], text[FILE_TEXT_MAX];
	uint8_t *whole;
	size_t len;

	(void)state;
	envelope(cli_rsa_cert, "the content", false);
	cli_path("cms", path);
	assert_int_equal(file_read(path, 100000, &whole, &len, text), 0);
	for (size_t n = 0; n < len; n += 7) {
		cli_put("cms", whole, n);
		assert_int_equal(cli_run("decrypt -k @RSA -i @cms -o @clear"),
		    COMMAND_FAILED);
		assert_false(cli_there("clear"));
		cli_assert_says("decrypt", cli_rsa_thumb);
	}
	OPENSSL_clear_free(whole, len + 1);
	cli_drop("cms");
}

static void
no_key_is_used_for_a_terminal(void **state)
{
	static char program[] = "sealpoint", conf[] = "--config",
		    none[] = "/dev/null", key[] = "-k";
	static char sign[] = "sign", decrypt[] = "decrypt";
	char *argv[] = {program, conf, none, NULL, key, cli_rsa_thumb, NULL};
	struct soft_counts before = soft_signer_counts(cli_soft), after;
	int far = posix_openpt(O_RDWR | O_NOCTTY);
	char *said = NULL;
	size_t len;

	(void)state;
	assert_true(far >= 0);
	assert_int_equal(grantpt(far), 0);
	assert_int_equal(unlockpt(far), 0);
	for (int i = 0; i < 2; i++) {
		FILE *tty = fopen(ptsname(far), "we");
		FILE *err = open_memstream(&said, &len);

		argv[3] = i == 0 ? sign : decrypt;
		assert_int_equal(command_main(6, argv, tty, err, &cli_signer),
		    COMMAND_USAGE);
		fclose(tty);
		fclose(err);
		assert_non_null(strstr(said, "terminal"));
		free(said);
	}
	close(far);
	after = soft_signer_counts(cli_soft);
	assert_int_equal(after.finds, before.finds);
	assert_int_equal(after.signs, before.signs);
	assert_int_equal(after.decrypts, before.decrypts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(openssl_believes_every_kind_of_signature),
	    cmocka_unit_test(a_refused_signature_keeps_what_the_file_held),
	    cmocka_unit_test(what_was_encrypted_for_a_key_is_decrypted),
	    cmocka_unit_test(a_cut_message_writes_nothing),
	    cmocka_unit_test(no_key_is_used_for_a_terminal),
	};

	return cmocka_run_group_tests(tests, cli_set_up, cli_tear_down);
}
