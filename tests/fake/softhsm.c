#include "tests/fake/softhsm.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#define need(what)                                                            \
	do {                                                                  \
		if (!(what)) {                                                \
			(void)fprintf(stderr, "%s:%d: %s failed\n", __FILE__, \
			    __LINE__, #what);                                 \
			abort();                                              \
		}                                                             \
	} while (0)

struct hsm {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	bool always, bare; /* as in struct softhsm */
};

/* A certificate authority whose key is soft. */
struct ca {
	EVP_PKEY *key;
	X509 *cert;
};

bool
softhsm_prepare(struct softhsm *h)
{
	char path[128];
	FILE *f;

	memset(h, 0, sizeof(*h));
	if (access(SOFTHSM_MODULE, R_OK) != 0)
		return false;
	(void)snprintf(h->module, sizeof(h->module), "%s", SOFTHSM_MODULE);
	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/sealpoint-hsm.XXXXXX");
	need(mkdtemp(h->dir) != NULL);
	(void)snprintf(h->guard, sizeof(h->guard), "%s/guard", h->dir);
	(void)snprintf(path, sizeof(path), "%s/tokens", h->dir);
	need(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/softhsm2.conf", h->dir);
	f = fopen(path, "w");
	need(f != NULL);
	(void)fprintf(f,
	    "directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
	    "log.level = ERROR\nslots.removable = false\n",
	    h->dir);
	need(fclose(f) == 0);
	need(setenv("SOFTHSM2_CONF", path, 1) == 0);
	return true;
}

bool
softhsm_make(struct softhsm *h)
{
	if (!softhsm_prepare(h))
		return false;
	softhsm_fill(h);
	return true;
}

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void
softhsm_remove(struct softhsm *h)
{
	if (h->dir[0] != '\0')
		(void)nftw(h->dir, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	h->dir[0] = '\0';
}

static CK_UTF8CHAR *
text(const char *s)
{
	union {
		const char *in;
		CK_UTF8CHAR *out;
	} u = {s};

	return u.out;
}

static void
start(struct hsm *hsm)
{
	hsm->f = p11_kit_module_load(SOFTHSM_MODULE, P11_KIT_MODULE_UNMANAGED);
	need(hsm->f != NULL);
	need(hsm->f->C_Initialize(NULL) == CKR_OK);
}

static void
stop(struct hsm *hsm)
{
	need(hsm->f->C_Finalize(NULL) == CKR_OK);
	p11_kit_module_release(hsm->f);
}

/* Makes a token in the slot that has none, and logs its user in. */
static void
make_token(struct hsm *hsm, const char *label, CK_TOKEN_INFO *info)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;
	CK_UTF8CHAR padded[32];

	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, strlen(label));
	need(hsm->f->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK);
	/* SoftHSM puts the slot without a token last. */
	need(hsm->f->C_InitToken(slots[n - 1], text(SOFTHSM_SO_PIN),
		 strlen(SOFTHSM_SO_PIN), padded) == CKR_OK);
	need(hsm->f->C_OpenSession(slots[n - 1],
		 CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
		 &hsm->session) == CKR_OK);
	need(hsm->f->C_Login(hsm->session, CKU_SO, text(SOFTHSM_SO_PIN),
		 strlen(SOFTHSM_SO_PIN)) == CKR_OK);
	need(hsm->f->C_InitPIN(hsm->session, text(SOFTHSM_PIN),
		 strlen(SOFTHSM_PIN)) == CKR_OK);
	need(hsm->f->C_Logout(hsm->session) == CKR_OK);
	need(hsm->f->C_Login(hsm->session, CKU_USER, text(SOFTHSM_PIN),
		 strlen(SOFTHSM_PIN)) == CKR_OK);
	need(hsm->f->C_GetTokenInfo(slots[n - 1], info) == CKR_OK);
}

void
softhsm_add_empty(struct softhsm *h, const char *label)
{
	CK_TOKEN_INFO info;
	struct hsm hsm;

	(void)h;
	start(&hsm);
	make_token(&hsm, label, &info);
	stop(&hsm);
}

/* Makes a sensitive key pair; returns the public key's handle. */
static CK_OBJECT_HANDLE
make_pair(
    struct hsm *hsm, CK_MECHANISM_TYPE type, CK_BYTE id, const char *label)
{
	static CK_BYTE p256[] = {
	    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	/* The OID: SoftHSM 2.6.1 leaks the curve's name if it gets that. */
	static CK_BYTE ed[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE,
		 rsa = type == CKM_RSA_PKCS_KEY_PAIR_GEN,
		 always = rsa && hsm->always;
	CK_ULONG bits = 2048;
	CK_BYTE exponent[] = {1, 0, 1};
	CK_ATTRIBUTE public[] = {
	    {CKA_TOKEN, &yes, sizeof(yes)},
	    {CKA_VERIFY, &yes, sizeof(yes)},
	    {CKA_ID, &id, 1},
	    {CKA_LABEL, text(label), strlen(label)},
	    {CKA_MODULUS_BITS, &bits, sizeof(bits)},
	    {CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)},
	    {CKA_ENCRYPT, &yes, sizeof(yes)},
	};
	CK_ATTRIBUTE private[] = {
	    {CKA_TOKEN, &yes, sizeof(yes)},
	    {CKA_PRIVATE, &yes, sizeof(yes)},
	    {CKA_SENSITIVE, &yes, sizeof(yes)},
	    {CKA_EXTRACTABLE, &no, sizeof(no)},
	    {CKA_SIGN, &yes, sizeof(yes)},
	    {CKA_ID, &id, 1},
	    {CKA_LABEL, text(label), strlen(label)},
	    {CKA_DECRYPT, &rsa, sizeof(rsa)},
	    {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)},
	};
	CK_MECHANISM mech = {type, NULL, 0};
	CK_OBJECT_HANDLE pub, priv;
	CK_ULONG n = 7;

	if (!rsa) {
		public[4].type = CKA_EC_PARAMS;
		public[4].pValue = type == CKM_EC_KEY_PAIR_GEN ? p256 : ed;
		public[4].ulValueLen =
		    type == CKM_EC_KEY_PAIR_GEN ? sizeof(p256) : sizeof(ed);
		n = 5;
	}
	if (hsm->f->C_GenerateKeyPair(hsm->session, &mech, public, n, private,
		9, &pub, &priv) != CKR_OK)
		return 0;
	return pub;
}

static EVP_PKEY *
rsa_key(struct hsm *hsm, CK_OBJECT_HANDLE pub)
{
	uint8_t n[256], e[8], nn[256], ee[8];
	CK_ATTRIBUTE attrs[] = {
	    {CKA_MODULUS, n, sizeof(n)},
	    {CKA_PUBLIC_EXPONENT, e, sizeof(e)},
	};
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *bn, *be;
	OSSL_PARAM params[3];

	need(
	    hsm->f->C_GetAttributeValue(hsm->session, pub, attrs, 2) == CKR_OK);
	bn = BN_bin2bn(n, (int)attrs[0].ulValueLen, NULL);
	be = BN_bin2bn(e, (int)attrs[1].ulValueLen, NULL);
	need(BN_bn2nativepad(bn, nn, sizeof(nn)) == sizeof(nn));
	need(BN_bn2nativepad(be, ee, sizeof(ee)) == sizeof(ee));
	params[0] = OSSL_PARAM_construct_BN("n", nn, sizeof(nn));
	params[1] = OSSL_PARAM_construct_BN("e", ee, sizeof(ee));
	params[2] = OSSL_PARAM_construct_end();
	need(EVP_PKEY_fromdata_init(ctx) == 1);
	need(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	BN_free(bn);
	BN_free(be);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The point inside the OCTET STRING of CKA_EC_POINT. */
static EVP_PKEY *
point_key(struct hsm *hsm, CK_OBJECT_HANDLE pub, bool ed)
{
	char group[] = "prime256v1";
	uint8_t point[128];
	CK_ATTRIBUTE attr = {CKA_EC_POINT, point, sizeof(point)};
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM params[3];

	need(
	    hsm->f->C_GetAttributeValue(hsm->session, pub, &attr, 1) == CKR_OK);
	if (ed)
		return EVP_PKEY_new_raw_public_key(
		    EVP_PKEY_ED25519, NULL, point + 2, attr.ulValueLen - 2);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	params[0] = OSSL_PARAM_construct_utf8_string("group", group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(
	    "pub", point + 2, attr.ulValueLen - 2);
	params[2] = OSSL_PARAM_construct_end();
	need(EVP_PKEY_fromdata_init(ctx) == 1);
	need(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(e != NULL);
	need(X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* A certificate for key; ca->cert NULL makes it self-signed. */
static X509 *
certify(EVP_PKEY *key, const char *cn, const struct ca *ca, bool is_ca)
{
	X509 *x = X509_new(), *issuer = ca->cert != NULL ? ca->cert : x;
	X509_NAME *name = X509_get_subject_name(x);
	static long serial = 1000;

	need(X509_set_version(x, X509_VERSION_3) == 1);
	need(ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1);
	need(X509_NAME_add_entry_by_txt(
		 name, "CN", MBSTRING_UTF8, text(cn), -1, -1, 0) == 1);
	need(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
	need(X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL);
	need(X509_gmtime_adj(X509_getm_notAfter(x), 86400 * 30) != NULL);
	need(X509_set_pubkey(x, key) == 1);
	extend(x, issuer, NID_basic_constraints,
	    is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(x, issuer, NID_key_usage,
	    is_ca ? "critical,keyCertSign,cRLSign"
		  : "critical,digitalSignature,keyEncipherment");
	extend(x, issuer, NID_subject_key_identifier, "hash");
	if (!is_ca)
		extend(x, issuer, NID_ext_key_usage, "clientAuth");
	need(X509_sign(x, ca->key, EVP_sha256()) > 0);
	return x;
}

static void
note(struct softhsm_cert *c, X509 *x)
{
	uint8_t *at = c->der;
	int len = i2d_X509(x, NULL);

	need(len > 0 && (size_t)len <= sizeof(c->der));
	c->len = (size_t)i2d_X509(x, &at);
	need(EVP_Digest(c->der, c->len, c->sha1, NULL, EVP_sha1(), NULL) == 1);
	need(EVP_Digest(c->der, c->len, c->sha256, NULL, EVP_sha256(), NULL) ==
	     1);
}

static void
put_cert(struct hsm *hsm, const uint8_t *der, size_t len, CK_BYTE id)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BYTE subject[] = {0x30, 0x00};
	uint8_t copy[2048];
	CK_ATTRIBUTE attrs[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_CERTIFICATE_TYPE, &type, sizeof(type)},
	    {CKA_TOKEN, &yes, sizeof(yes)},
	    {CKA_PRIVATE, &no, sizeof(no)},
	    {CKA_SUBJECT, subject, sizeof(subject)},
	    {CKA_VALUE, copy, len},
	    {CKA_ID, &id, 1},
	};
	CK_OBJECT_HANDLE handle;

	need(len <= sizeof(copy));
	memcpy(copy, der, len);
	if (hsm->bare)
		return;
	need(hsm->f->C_CreateObject(
		 hsm->session, attrs, id != 0 ? 7 : 6, &handle) == CKR_OK);
}

static void
put(struct hsm *hsm, struct softhsm_cert *c, X509 *x, CK_BYTE id)
{
	note(c, x);
	put_cert(hsm, c->der, c->len, id);
	X509_free(x);
}

static void
fill_keys(struct softhsm *h, struct hsm *hsm, const struct ca *issuing)
{
	static const uint8_t junk[] = "30 03 not a certificate";
	CK_OBJECT_HANDLE pub;
	EVP_PKEY *key;

	pub = make_pair(hsm, CKM_RSA_PKCS_KEY_PAIR_GEN, 1, "rsa");
	need(pub != 0);
	key = rsa_key(hsm, pub);
	put(hsm, &h->rsa, certify(key, "rsa.test", issuing, false), 1);
	EVP_PKEY_free(key);
	pub = make_pair(hsm, CKM_EC_KEY_PAIR_GEN, 2, "ec");
	need(pub != 0);
	key = point_key(hsm, pub, false);
	put(hsm, &h->ec, certify(key, "ec.test", issuing, false), 2);
	EVP_PKEY_free(key);
	pub = h->plain
		  ? 0
		  : make_pair(hsm, CKM_EC_EDWARDS_KEY_PAIR_GEN, 3, "ed25519");
	if (pub != 0) {
		key = point_key(hsm, pub, true);
		put(hsm, &h->ed25519,
		    certify(key, "ed25519.test", issuing, false), 3);
		EVP_PKEY_free(key);
	}
	need(make_pair(hsm, CKM_RSA_PKCS_KEY_PAIR_GEN, 4, "lone") != 0);
	put_cert(hsm, junk, sizeof(junk), 5);
}

void
softhsm_fill(struct softhsm *h)
{
	struct ca root = {EVP_EC_gen("P-256"), NULL};
	struct ca issuing = {EVP_EC_gen("P-256"), NULL};
	struct ca nobody = {EVP_EC_gen("P-256"), NULL};
	CK_TOKEN_INFO info;
	struct hsm hsm = {0};
	X509 *x;

	start(&hsm);
	hsm.always = h->always;
	hsm.bare = h->bare;
	make_token(&hsm, SOFTHSM_LABEL, &info);
	(void)snprintf(h->uri, sizeof(h->uri),
	    "pkcs11:token=sealpoint%%20test;serial=%.16s", info.serialNumber);
	root.cert = certify(root.key, "Root", &root, true);
	issuing.cert = certify(issuing.key, "Issuing", &root, true);
	fill_keys(h, &hsm, &issuing);
	x = certify(nobody.key, "nobody.test", &nobody, false);
	put(&hsm, &h->foreign, x, 2);
	put(&hsm, &h->issuing, issuing.cert, 0);
	put(&hsm, &h->root, root.cert, 0);
	EVP_PKEY_free(root.key);
	EVP_PKEY_free(issuing.key);
	EVP_PKEY_free(nobody.key);
	stop(&hsm);
}
