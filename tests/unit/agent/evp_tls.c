#include "agent/evp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/agent/evp_rig.h"

#define STEPS_MAX 20 /* of a handshake; it takes four */

/* A server with a key of its own, which trusts the rig's certificates. */
static SSL_CTX *
make_server(struct rig *rig, const char *sigalgs)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();

	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	for (int i = 0; i < RIG_TYPES; i++)
		assert_int_equal(
		    X509_STORE_add_cert(
			SSL_CTX_get_cert_store(ctx), rig->keys[i].cert),
		    1);
	if (sigalgs != NULL) {
		char list[64]; /* OpenSSL's macro casts const away */

		(void)snprintf(list, sizeof(list), "%s", sigalgs);
		assert_int_equal(
		    SSL_CTX_set1_client_sigalgs_list(ctx, list), 1);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static SSL_CTX *
make_client(struct rig_key *k, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_use_certificate(ctx, k->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, k->key), 1);
	assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	return ctx;
}

/* Joins the two by memory; true once both have finished. */
static bool
shake(SSL *client, SSL *server)
{
	BIO *a, *b;
	bool done[2] = {false, false};

	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < STEPS_MAX && !(done[0] && done[1]); i++) {
		done[0] = SSL_do_handshake(client) == 1;
		done[1] = SSL_do_handshake(server) == 1;
	}
	return done[0] && done[1];
}

/* One mutually authenticated handshake; true if the server is content. */
static bool
meet(struct rig *rig, struct rig_key *k, int version, const char *sigalgs)
{
	SSL_CTX *sctx = make_server(rig, sigalgs);
	SSL_CTX *cctx = make_client(k, version);
	SSL *server = SSL_new(sctx), *client = SSL_new(cctx);
	bool ok = shake(client, server);

	if (ok) {
		assert_int_equal(SSL_version(client), version);
		assert_int_equal(SSL_get_verify_result(server), X509_V_OK);
		assert_non_null(SSL_get0_peer_certificate(server));
		assert_int_equal(
		    X509_cmp(SSL_get0_peer_certificate(server), k->cert), 0);
	}
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	SSL_CTX_free(sctx);
	return ok;
}

static const struct {
	enum rig_type type;
	int version;
	const char *sigalgs; /* what the server takes; NULL: its default */
	enum signer_scheme scheme;
	enum signer_hash hash;
	uint16_t saltlen;
} cases[] = {
    {RIG_RSA, TLS1_3_VERSION, NULL, SIGNER_RSA_PSS, SIGNER_SHA256, 32},
    {RIG_RSA, TLS1_2_VERSION, NULL, SIGNER_RSA_PSS, SIGNER_SHA256, 32},
    {RIG_RSA, TLS1_3_VERSION, "rsa_pss_rsae_sha512", SIGNER_RSA_PSS,
	SIGNER_SHA512, 64},
    {RIG_RSA, TLS1_2_VERSION, "RSA+SHA256", SIGNER_RSA_PKCS1, SIGNER_SHA256, 0},
    {RIG_RSA, TLS1_2_VERSION, "RSA+SHA384", SIGNER_RSA_PKCS1, SIGNER_SHA384, 0},
    {RIG_RSA_PSS, TLS1_3_VERSION, NULL, SIGNER_RSA_PSS, SIGNER_SHA256, 32},
    {RIG_RSA_PSS, TLS1_2_VERSION, NULL, SIGNER_RSA_PSS, SIGNER_SHA256, 32},
    {RIG_P256, TLS1_3_VERSION, NULL, SIGNER_ECDSA, SIGNER_SHA256, 0},
    {RIG_P256, TLS1_2_VERSION, NULL, SIGNER_ECDSA, SIGNER_SHA256, 0},
    {RIG_P384, TLS1_3_VERSION, NULL, SIGNER_ECDSA, SIGNER_SHA384, 0},
    {RIG_P384, TLS1_2_VERSION, "ECDSA+SHA384", SIGNER_ECDSA, SIGNER_SHA384, 0},
    {RIG_ED25519, TLS1_3_VERSION, NULL, SIGNER_EDDSA, SIGNER_HASH_NONE, 0},
    {RIG_ED25519, TLS1_2_VERSION, NULL, SIGNER_EDDSA, SIGNER_HASH_NONE, 0},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
a_server_accepts_the_client_after_one_signature_of_the_message(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < CASES; i++) {
		struct soft_counts before = soft_signer_counts(rig->soft);
		struct soft_counts n;

		if (!meet(rig, &rig->keys[cases[i].type], cases[i].version,
			cases[i].sigalgs))
			fail_msg("case %zu: %s", i, evp_trouble()->text);
		n = soft_signer_counts(rig->soft);
		assert_int_equal(n.signs, before.signs + 1);
		assert_int_equal(n.decrypts, before.decrypts);
		assert_false(n.digest);
		assert_int_equal(n.scheme, cases[i].scheme);
		assert_int_equal(n.hash, cases[i].hash);
		assert_int_equal(n.saltlen, cases[i].saltlen);
	}
}

static void
a_failing_signer_fails_the_handshake_and_is_quoted(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < CASES; i++) {
		soft_signer_fail(rig->soft, SIGNER_EABSENT, 1);
		assert_false(meet(rig, &rig->keys[cases[i].type],
		    cases[i].version, cases[i].sigalgs));
		assert_non_null(strstr(evp_trouble()->text, "absent"));
		ERR_clear_error();
	}
}

static void
rsa_without_pss_does_not_do_for_tls_1_3(void **state)
{
	struct rig *rig = *state;
	unsigned long before = soft_signer_counts(rig->soft).signs;

	assert_false(
	    meet(rig, &rig->keys[RIG_RSA], TLS1_3_VERSION, "RSA+SHA256"));
	assert_int_equal(soft_signer_counts(rig->soft).signs, before);
	ERR_clear_error();
}

static void
a_key_does_not_go_with_another_certificate(void **state)
{
	struct rig *rig = *state;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_int_equal(
	    SSL_CTX_use_certificate(ctx, rig->keys[RIG_P384].cert), 1);
	(void)SSL_CTX_use_PrivateKey(ctx, rig->keys[RIG_P256].key);
	assert_int_not_equal(SSL_CTX_check_private_key(ctx), 1);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_does_not_go_with_another_certificate),
	    cmocka_unit_test(
		a_server_accepts_the_client_after_one_signature_of_the_message),
	    cmocka_unit_test(
		a_failing_signer_fails_the_handshake_and_is_quoted),
	    cmocka_unit_test(rsa_without_pss_does_not_do_for_tls_1_3),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
