#include "mp/http_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "tests/unit/mp/http_scene.h"

static void
the_token_s_key_proves_the_client_in_both_versions(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		must_work(&there, &here, "https");
		assert_int_equal(play.seen[i].version, versions[i]);
		assert_string_equal(play.seen[i].peer, "CLIENT1");
	}
	there.tls_max = 0;
	here.tls_max = TLS1_2_VERSION;
	must_work(&there, &here, "https");
	assert_int_equal(play.seen[2].version, TLS1_2_VERSION);
}

static void
an_issuer_may_be_named_by_any_kind_of_path(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	char path[PATH_MAX];

	(void)state;
	here.ca_file = w.dir;
	must_work(&there, &here, "https");
	pki_save(w.dir, "server.pem", w.server, path);
	here.ca_file = path; /* the server's own certificate */
	must_work(&there, &here, "https");
	assert_int_equal(unlink(path), 0);
}

static void
a_server_that_is_not_the_named_one_is_refused(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	X509 *cert;

	(void)state;
	here.ca_file = w.other_path;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here.ca_file = NULL; /* the system's */
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here = client();
	cert = pki_cert(w.server_key, &(struct pki_wish){.cn = "localhost",
					  .san = "DNS:mp2.dom",
					  .issuer = w.ca,
					  .issuer_key = w.ca_key});
	there.cert = cert;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "another name");
	must_fail(&there, &here, "https", "127.0.0.1", MP_ETLS, "another name");
	X509_free(cert);
	assert_int_equal(play.count, 0);
}

static void
a_server_certificate_out_of_its_time_is_refused(void **state)
{
	static const struct {
		long from, to;
		const char *words;
	} cases[] = {{-2 * PKI_DAY, -PKI_DAY, "has expired"},
	    {PKI_DAY, 2 * PKI_DAY, "not valid yet"}};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.cert =
		    pki_cert(w.server_key, &(struct pki_wish){.cn = "MP1",
					       .san = "DNS:localhost",
					       .issuer = w.ca,
					       .issuer_key = w.ca_key,
					       .from = cases[i].from,
					       .to = cases[i].to});
		must_fail(&there, &here, "https", "localhost", MP_ETLS,
		    cases[i].words);
		X509_free(there.cert);
	}
	assert_int_equal(play.count, 0);
}

static void
a_refused_client_certificate_is_told_as_that(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	there.client_ca = w.other_ca;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		must_fail(&there, &here, "https", "localhost", MP_ETLS,
		    "refused the client certificate");
	}
	there = server();
	there.tls_min = TLS1_3_VERSION;
	here.key = NULL;
	here.cert = NULL;
	must_fail(&there, &here, "https", "localhost", MP_ETLS,
	    "wants a client certificate, and none was shown");
	assert_int_equal(play.count, 0);
}

static void
a_signer_that_fails_is_named(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		there.tls_max = versions[i];
		soft_signer_fail(w.soft, SIGNER_EABSENT, 100);
		must_fail(&there, &here, "https", "localhost", MP_ESIGNER,
		    "told to fail");
	}
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	must_work(&there, &here, "https");
}

/* The signer's failure of before is not the reason of what comes later. */
static void
an_old_failure_of_the_signer_is_not_told_again(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	soft_signer_fail(w.soft, SIGNER_EABSENT, 100);
	must_fail(
	    &there, &here, "https", "localhost", MP_ESIGNER, "told to fail");
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	here.ca_file = w.other_path;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "not trusted");
	here = client();
	there.client_ca = w.other_ca;
	there.tls_max = TLS1_2_VERSION;
	must_fail(&there, &here, "https", "localhost", MP_ETLS,
	    "refused the client certificate");
}

static void
no_connection_is_made_without_the_certificate(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();
	X509 *wrong = pki_cert(w.server_key, &(struct pki_wish){.cn = "X"});

	(void)state;
	there.client_ca = NULL; /* it would let anybody in */
	here.cert = wrong;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "was not made");
	X509_free(wrong);
	assert_int_equal(play.count, 0);
}

static void
a_server_that_speaks_no_tls_is_told_as_that(void **state)
{
	struct https_config there = server();
	struct mp_http_config here = client();

	(void)state;
	there.cert = NULL;
	must_fail(&there, &here, "https", "localhost", MP_ETLS, "handshake");
	assert_int_equal(play.count, 0);
	must_work(&there, &here, "http");
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(the_token_s_key_proves_the_client_in_both_versions),
	    TEST(an_issuer_may_be_named_by_any_kind_of_path),
	    TEST(a_server_that_is_not_the_named_one_is_refused),
	    TEST(a_server_certificate_out_of_its_time_is_refused),
	    TEST(a_refused_client_certificate_is_told_as_that),
	    TEST(a_signer_that_fails_is_named),
	    TEST(an_old_failure_of_the_signer_is_not_told_again),
	    TEST(no_connection_is_made_without_the_certificate),
	    TEST(a_server_that_speaks_no_tls_is_told_as_that),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
