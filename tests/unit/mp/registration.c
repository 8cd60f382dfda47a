/* What a registration may hold besides names, and hints that prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "mp/hex.h"
#include "mp/kinds/registration.h"
#include "mp/utf16.h"
#include "tests/fake/soft_signer.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define PROXY "GUID:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"
#define HARDWARE "2:0123456789ABCDEF0123456789abcdef01234567"
#define NAMES .netbios = "N", .fqdn = "n.test"

struct scene {
	struct signer signer;
	X509 *cert;
	struct evp *evp;
	struct mp_identity me;
	struct mp_buf xml;
};

static int
enter(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct soft_signer *soft = soft_signer_new();
	struct signer_identity id;
	struct signer_trouble why;

	assert_non_null(s);
	soft_signer_make(soft, "rsa-2048", "registration", &id, &s->cert);
	soft_signer_signer(soft, &s->signer);
	assert_int_equal(evp_open(&s->evp, &why), 0);
	assert_int_equal(mp_identity_open(&s->me, s->evp, &s->signer, id.sha256,
			     SIGNER_SHA256_LEN, NULL),
	    0);
	mp_buf_init(&s->xml, 1 << 16);
	*state = s;
	return 0;
}

static int
leave(void **state)
{
	struct scene *s = *state;

	mp_buf_release(&s->xml);
	mp_identity_close(&s->me);
	evp_close(s->evp);
	X509_free(s->cert);
	signer_close(&s->signer);
	free(s);
	return 0;
}

static void
what_native_mode_alone_has_is_refused_in_mixed_mode(void **state)
{
	static const struct {
		struct mp_registration r;
		const char *words;
	} bad[] = {{{NAMES, .mixed = true, .internet = 1}, "native mode"},
	    {{NAMES, .mixed = true, .internet = 2}, "InternetFlag 2"},
	    {{NAMES, .mixed = true, .hint = "AA"}, "native mode only"},
	    {{NAMES, .hint = ""}, "hint is empty"},
	    {{NAMES, .hint = "a\x01"}, "character"},
	    {{NAMES, .hardware_id = "3:00"}, "hardware id"},
	    {{NAMES, .hardware_id = HARDWARE "0"}, "hardware id"},
	    {{NAMES, .agent_type = 8}, "ISV proxy's client"},
	    {{NAMES, .agent_type = 4, .proxy = PROXY}, "ISV proxy's client"},
	    {{NAMES, .agent_type = 8, .proxy = "GUID:1"}, "SMSID"},
	    {{NAMES, .smsid = "1"}, "SMSID"},
	    {{NAMES, .agent_type = 3}, "agent type 3"}};
	struct scene *s = *state;
	struct mp_error e;

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    mp_registration_request(&bad[i].r, &s->me, &s->xml, &e),
		    MP_EARG);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(s->xml.len, 0);
	}
}

static void
what_is_asked_for_is_said(void **state)
{
	static const struct {
		struct mp_registration r;
		const char *words;
	} all[] = {
	    {{NAMES, .smsid = ID}, "<Data HashAlgorithm=\"1.2.840.113549.1.1."
				   "11\" SMSID=\"" ID "\" RequestType="},
	    {{NAMES, .agent_type = 4}, " AgentType=\"4\" />"},
	    {{NAMES, .agent_type = 8, .proxy = PROXY},
		"<Signature SMSID=\"" PROXY "\">"},
	    {{NAMES, .internet = 2, .hint = "AB"},
		"Name=\"InternetFlag\" Value=\"2\" /></DiscoveryProperties>"
		"<RegistrationHint>AB</RegistrationHint></Data>"},
	    {{NAMES, .hardware_id = HARDWARE},
		"Value=\"0\" /><Property Name=\"HardwareID1\" Value=\"" HARDWARE
		"\" /></DiscoveryProperties></Data>"},
	    {{NAMES, .names = MP_NAMES_2007, .locale = 1031},
		"<Property Name=\"NetBIOS Name\" Value=\"N\" /><Property "
		"Name=\"FQ Name\" Value=\"n.test\" /><Property "
		"Name=\"Locale Id\" Value=\"1031\" />"},
	    {{NAMES, .mixed = true}, "Name=\"Netbios Name\""}};
	struct scene *s = *state;
	struct mp_error e;

	for (size_t i = 0; i < COUNT(all); i++) {
		if (mp_registration_request(&all[i].r, &s->me, &s->xml, &e) !=
		    MP_OK)
			fail_msg("%s", e.text);
		if (strstr((char *)s->xml.data, all[i].words) == NULL)
			fail_msg("%s\n%s", all[i].words, (char *)s->xml.data);
		mp_buf_clear(&s->xml);
	}
}

static void
a_proxys_client_confirms_under_its_own_id(void **state)
{
	const struct mp_registration r = {
	    NAMES, .agent_type = 8, .proxy = PROXY};
	struct scene *s = *state;
	struct mp_error e;

	assert_int_equal(
	    mp_registration_confirmation(&r, &s->me, ID, &s->xml, &e), MP_OK);
	assert_non_null(
	    strstr((char *)s->xml.data, "<Signature SMSID=\"" ID "\">"));
	assert_null(strstr((char *)s->xml.data, "<Certificates>"));
}

/* Is hex, reversed, our signature over U16 of text? */
static bool
signed_by_us(struct scene *s, const char *hex, size_t hexlen, const char *text)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct mp_buf sig, wide;
	bool ok;

	mp_buf_init(&sig, 512);
	mp_buf_init(&wide, 512);
	assert_true(mp_hex_decode(hex, hexlen, &sig));
	assert_int_equal(mp_utf16_add(&wide, text, strlen(text), NULL), MP_OK);
	for (size_t i = 0; i < sig.len / 2; i++) {
		uint8_t t = sig.data[i];

		sig.data[i] = sig.data[sig.len - 1 - i];
		sig.data[sig.len - 1 - i] = t;
	}
	ok = EVP_DigestVerifyInit(
		 c, NULL, EVP_sha256(), NULL, X509_get0_pubkey(s->cert)) == 1 &&
	     EVP_DigestVerify(c, sig.data, sig.len, wide.data, wide.len) == 1;
	EVP_MD_CTX_free(c);
	mp_buf_release(&sig);
	mp_buf_release(&wide);
	return ok;
}

static void
a_hint_is_signed_by_the_old_key(void **state)
{
	static const char when[] = "2026-11-23T10:00:00Z";
	static const struct {
		const char *before, *value;
	} lines[] = {{"CCMClientID: " ID "\nCCMClientIDSignature: ", ID},
	    {"\nCCMClientTimestamp: 2026-11-23T10:00:00Z\n"
	     "CCMClientTimeStampSignature",
		"2026-11-23T10:00:00Z"},
	    {"\nCCMAuthHeaderType: 1;2\nCCMAuthHeaderTypeSignature: ", "1;2"}};
	struct scene *s = *state;
	const char *p;
	struct mp_error e;

	assert_int_equal(mp_registration_hint(&s->me, MP_SHA256, MP_HINT_2007,
			     "GUID:1", NULL, &s->xml, &e),
	    MP_EARG);
	assert_int_equal(mp_registration_hint(&s->me, MP_SHA256, MP_HINT_2007,
			     ID, NULL, &s->xml, &e),
	    MP_OK);
	assert_int_equal(s->xml.len, 512);
	assert_true(signed_by_us(s, (char *)s->xml.data, 512, ID));
	mp_buf_clear(&s->xml);
	assert_int_equal(mp_registration_hint(&s->me, MP_SHA256, MP_HINT_LINES,
			     ID, when, &s->xml, &e),
	    MP_OK);
	p = (const char *)s->xml.data;
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_memory_equal(
		    p, lines[i].before, strlen(lines[i].before));
		p += strlen(lines[i].before);
		assert_true(signed_by_us(s, p, 512, lines[i].value));
		p += 512;
	}
	assert_int_equal(*p, '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_native_mode_alone_has_is_refused_in_mixed_mode, enter,
		leave),
	    cmocka_unit_test_setup_teardown(
		what_is_asked_for_is_said, enter, leave),
	    cmocka_unit_test_setup_teardown(
		a_proxys_client_confirms_under_its_own_id, enter, leave),
	    cmocka_unit_test_setup_teardown(
		a_hint_is_signed_by_the_old_key, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
