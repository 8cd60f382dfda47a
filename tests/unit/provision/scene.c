#include "tests/unit/provision/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include "pkcs11/module.h"
#include "pkcs11/slot.h"
#include "pkcs11/uri.h"

struct provision_config
scene_config(struct rig *rig)
{
	struct provision_config cfg = {.module = rig->cfg.module,
	    .uri = rig->cfg.uri,
	    .guard = rig->cfg.guard,
	    .what_to_do = rig->cfg.what_to_do,
	    .pin = rig->cfg.pin};

	return cfg;
}

struct provision *
scene_open(struct rig *rig)
{
	struct provision_config cfg = scene_config(rig);
	struct provision *p;

	scene_expect(rig, provision_open(&p, &cfg, &rig->why), TOKEN_OK, "");
	return p;
}

void
scene_expect(struct rig *rig, int r, int expected, const char *words)
{
	if (r != expected || (r != TOKEN_OK && rig->why.text[0] == '\0') ||
	    (r != TOKEN_OK && strstr(rig->why.text, words) == NULL))
		fail_msg("%d, not %d with \"%s\": %s", r, expected, words,
		    rig->why.text);
}

struct provision_choice
scene_label(const char *label)
{
	return (struct provision_choice){.label = label};
}

size_t
scene_issue(const uint8_t *csr, size_t csrlen, uint8_t *der)
{
	X509_REQ *req = d2i_X509_REQ(NULL, &csr, (long)csrlen);
	EVP_PKEY *ca = EVP_EC_gen("P-256");
	X509_NAME *name = X509_NAME_new();
	X509 *x = X509_new();
	uint8_t *at = der;
	static long serial = 7000;
	int len;

	assert_non_null(req);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"Soft CA", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_subject_name(x, X509_REQ_get_subject_name(req));
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, X509_REQ_get0_pubkey(req));
	assert_true(X509_sign(x, ca, EVP_sha256()) > 0);
	len = i2d_X509(x, &at);
	X509_NAME_free(name);
	X509_REQ_free(req);
	X509_free(x);
	EVP_PKEY_free(ca);
	return (size_t)len;
}

size_t
scene_objects(struct rig *rig, const char *label)
{
	union {
		const char *in;
		void *out;
	} loan = {label};
	struct module_attr match = {CKA_LABEL, loan.out, strlen(label)};
	unsigned long session, handles[16];
	struct module *m;
	struct slot slot;
	struct uri *u;
	size_t n;

	rig_ok(rig, uri_open(&u, rig->cfg.uri, &rig->why));
	rig_ok(rig, module_open(&m, rig->cfg.module, &rig->why));
	rig_ok(rig, slot_find(&slot, m, u, NULL, &rig->why));
	assert_true(rv_ok(module_session_open(m, slot.id, &session)));
	assert_true(rv_ok(module_login(m, session, CKU_USER,
	    (const uint8_t *)SOFTHSM_PIN, strlen(SOFTHSM_PIN))));
	assert_true(rv_ok(module_find(m, session, &match, 1, handles, 16, &n)));
	(void)module_session_close(m, session);
	module_close(m);
	uri_close(u);
	return n;
}

static enum token_scheme
scheme_of(const struct token_identity *id)
{
	return id->type == TOKEN_RSA ? TOKEN_RSA_PKCS1 : TOKEN_ECDSA;
}

bool
scene_serves(struct rig *rig, const uint8_t *der, size_t len)
{
	struct token_identity ids[32];
	struct softhsm_cert cert = {.len = len};
	uint8_t digest[32] = {1}, sig[1024];
	size_t n, siglen = sizeof(sig);
	uint64_t generation;
	struct token *t;
	bool ok = false;

	memcpy(cert.der, der, len);
	assert_int_equal(
	    EVP_Digest(der, len, cert.sha256, NULL, EVP_sha256(), NULL), 1);
	rig_ok(rig, token_open(&t, &rig->cfg, &rig->why));
	rig_ok(rig, token_ready(t, &rig->why));
	n = token_list(t, 0, ids, 32, &generation);
	for (size_t i = 0; i < n && !ok; i++) {
		if (memcmp(ids[i].sha256, cert.sha256, 32) != 0)
			continue;
		rig_ok(rig,
		    token_sign(t, cert.sha256, scheme_of(&ids[i]), TOKEN_SHA256,
			0, digest, 32, sig, &siglen, &rig->why));
		ok = rig_verify(&cert, scheme_of(&ids[i]), TOKEN_SHA256, 0,
			 digest, 32, sig, siglen) == 1;
	}
	token_close(t);
	return ok;
}
