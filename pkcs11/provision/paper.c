#include "pkcs11/provision/paper.h"

#include <string.h>
#include <strings.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pkcs11/provision/name.h"
#include "pkcs11/text.h"
#include "pkcs11/trouble.h"

#define SERIAL_LEN 20
#define BACK_S 3600 /* clocks differ */
#define NAME_MAX_LEN 253

/*
 * What clients in mixed mode carry: SMS signing and SMS encryption. Seen in
 * self-signed certificates of public tools; no document names them.
 */
#define SMS_USES "1.3.6.1.4.1.311.101.2,1.3.6.1.4.1.311.101"
#define RSA_USES "critical,digitalSignature,keyEncipherment,dataEncipherment"

static int
no_memory(struct token_trouble *why)
{
	ERR_clear_error();
	return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
}

/* The signature's algorithm; 0 if there is none. */
static int
algorithm(enum token_keytype type, enum token_hash hash)
{
	bool rsa = type == TOKEN_RSA;

	switch (hash) {
	case TOKEN_SHA1:
		return rsa ? NID_sha1WithRSAEncryption : NID_ecdsa_with_SHA1;
	case TOKEN_SHA256:
		return rsa ? NID_sha256WithRSAEncryption
			   : NID_ecdsa_with_SHA256;
	case TOKEN_SHA384:
		return rsa ? NID_sha384WithRSAEncryption
			   : NID_ecdsa_with_SHA384;
	case TOKEN_SHA512:
		return rsa ? NID_sha512WithRSAEncryption
			   : NID_ecdsa_with_SHA512;
	case TOKEN_HASH_NONE:
		break;
	}
	return 0;
}

/* RFC 3279 gives RSA a NULL for parameters, RFC 5758 gives ECDSA none. */
static int
set_algorithm(X509_ALGOR *alg, const struct paper *p)
{
	int nid = algorithm(p->type, p->hash);

	return nid != 0 &&
		       X509_ALGOR_set0(alg, OBJ_nid2obj(nid),
			   p->type == TOKEN_RSA ? V_ASN1_NULL : V_ASN1_UNDEF,
			   NULL) == 1
		   ? 0
		   : -1;
}

static X509_NAME *
subject_of(const char *text, struct token_trouble *why, int *r)
{
	uint8_t der[NAME_DER_MAX];
	const uint8_t *at = der;
	X509_NAME *name;
	size_t len;

	*r = name_parse(text, der, &len, why);
	if (*r != TOKEN_OK)
		return NULL;
	name = d2i_X509_NAME(NULL, &at, (long)len);
	if (name == NULL)
		*r = no_memory(why);
	return name;
}

static EVP_PKEY *
public_of(const struct paper_key *key)
{
	const uint8_t *at = key->spki;

	return d2i_PUBKEY(NULL, &at, (long)key->spkilen);
}

static int
add(STACK_OF(X509_EXTENSION) * *list, X509V3_CTX *ctx, int nid,
    const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	int ok = e != NULL && X509v3_add_ext(list, e, -1) != NULL;

	X509_EXTENSION_free(e);
	return ok ? 0 : -1;
}

static int
set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	BIGNUM *n;
	int ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	/* Positive, and always of the same length (RFC 5280, 4.1.2.2). */
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n != NULL &&
	     BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok ? 0 : -1;
}

static int
extend(X509 *x)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	X509V3_CTX ctx;
	int ok;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ok = add(&list, &ctx, NID_key_usage, RSA_USES) == 0 &&
	     add(&list, &ctx, NID_ext_key_usage, SMS_USES) == 0 &&
	     add(&list, &ctx, NID_subject_key_identifier, "hash") == 0;
	for (int i = 0; ok && i < sk_X509_EXTENSION_num(list); i++)
		ok = X509_add_ext(x, sk_X509_EXTENSION_value(list, i), -1) == 1;
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return ok ? 0 : -1;
}

/*
 * Only X509_sign() may set the algorithm inside, and it wants a key that can
 * sign; ours is elsewhere. The structure itself is ours, and not const.
 */
static int
set_inner_algorithm(X509 *x, const struct paper *p)
{
	union {
		const X509_ALGOR *in;
		X509_ALGOR *out;
	} loan = {X509_get0_tbs_sigalg(x)};

	return set_algorithm(loan.out, p);
}

static int
take_tbs(struct paper *p, int len, struct token_trouble *why)
{
	if (len > 0 && len <= PAPER_TBS_MAX) {
		p->tbslen = (size_t)len;
		return TOKEN_OK;
	}
	ERR_clear_error();
	return trouble_say(why, TOKEN_EARG, false,
	    "it would be too large; give a shorter subject or fewer names");
}

int
paper_certificate(struct paper *p, const struct paper_key *key,
    const struct provision_wish *wish, struct token_trouble *why)
{
	X509 *x = X509_new();
	EVP_PKEY *public = public_of(key);
	X509_NAME *name = NULL;
	uint8_t *at = p->tbs;
	int r, len;

	memset(p, 0, sizeof(*p));
	p->type = key->type;
	p->hash = wish->hash;
	name = subject_of(wish->subject, why, &r);
	if (r != TOKEN_OK)
		goto out;
	r = no_memory(why);
	if (x == NULL || public == NULL ||
	    X509_set_version(x, X509_VERSION_3) != 1 || set_serial(x) != 0 ||
	    X509_set_subject_name(x, name) != 1 ||
	    X509_set_issuer_name(x, name) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), -BACK_S) == NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(x), (int)wish->days, 0, NULL) ==
		NULL ||
	    X509_set_pubkey(x, public) != 1 || extend(x) != 0 ||
	    set_inner_algorithm(x, p) != 0)
		goto out;
	len = i2d_re_X509_tbs(x, NULL);
	r = take_tbs(p, len, why);
	if (r == TOKEN_OK && i2d_re_X509_tbs(x, &at) != len)
		r = no_memory(why);
out:
	X509_NAME_free(name);
	EVP_PKEY_free(public);
	X509_free(x);
	return r;
}

/* One alternative name, or NULL. */
static GENERAL_NAME *
general_name(const char *text)
{
	static const struct {
		const char *prefix;
		int type;
	} forms[] = {
	    {"DNS:", GEN_DNS},
	    {"IP:", GEN_IPADD},
	    {"email:", GEN_EMAIL},
	    {"URI:", GEN_URI},
	};
	const char *value;
	size_t len;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		len = strlen(forms[i].prefix);
		if (strncasecmp(text, forms[i].prefix, len) != 0)
			continue;
		value = text + len;
		len = strlen(value);
		if (len == 0 || len > NAME_MAX_LEN)
			return NULL;
		/* All but addresses are IA5: printable ASCII, no blanks. */
		for (size_t j = 0; j < len; j++)
			if (value[j] <= ' ' || value[j] > '~')
				return NULL;
		return a2i_GENERAL_NAME(
		    NULL, NULL, NULL, forms[i].type, value, 0);
	}
	return NULL;
}

/* Adds the names to the extensions that a request asks for. */
static int
add_names(STACK_OF(X509_EXTENSION) * *list, const char *const *names, size_t n,
    struct token_trouble *why)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	int r = TOKEN_OK;

	for (size_t i = 0; i < n && r == TOKEN_OK && all != NULL; i++) {
		GENERAL_NAME *name = general_name(names[i]);
		char shown[64];

		text_clean(names[i], strlen(names[i]), shown, sizeof(shown));
		if (name == NULL)
			r = trouble_say(why, TOKEN_ECONFIG, false,
			    "\"%s\" is no alternative name; write DNS:NAME, "
			    "IP:ADDRESS, email:ADDRESS or URI:URI",
			    shown);
		else if (sk_GENERAL_NAME_push(all, name) <= 0)
			GENERAL_NAME_free(name);
	}
	if (r == TOKEN_OK &&
	    (all == NULL || (size_t)sk_GENERAL_NAME_num(all) != n ||
		(n > 0 && X509V3_add1_i2d(list, NID_subject_alt_name, all, 0,
			      X509V3_ADD_DEFAULT) != 1)))
		r = no_memory(why);
	ERR_clear_error();
	GENERAL_NAMES_free(all);
	return r;
}

static int
ask_extensions(X509_REQ *req, enum token_keytype type, const char *const *names,
    size_t n, struct token_trouble *why)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	X509V3_CTX ctx;
	int r;

	X509V3_set_ctx(&ctx, NULL, NULL, req, NULL, 0);
	r = no_memory(why);
	if (add(&list, &ctx, NID_key_usage,
		type == TOKEN_RSA ? "critical,digitalSignature,keyEncipherment"
				  : "critical,digitalSignature") != 0 ||
	    add(&list, &ctx, NID_ext_key_usage, "clientAuth") != 0)
		goto out;
	r = add_names(&list, names, n, why);
	if (r == TOKEN_OK && X509_REQ_add_extensions(req, list) != 1)
		r = no_memory(why);
out:
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return r;
}

int
paper_request(struct paper *p, const struct paper_key *key, const char *subject,
    const char *const *names, size_t nnames, struct token_trouble *why)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *public = public_of(key);
	X509_NAME *name = NULL;
	uint8_t *at = p->tbs;
	int r, len;

	memset(p, 0, sizeof(*p));
	p->type = key->type;
	p->hash = key->type == TOKEN_EC && key->bits > 256 ? TOKEN_SHA384
							   : TOKEN_SHA256;
	name = subject_of(subject, why, &r);
	if (r != TOKEN_OK)
		goto out;
	r = no_memory(why);
	if (req == NULL || public == NULL ||
	    X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_subject_name(req, name) != 1 ||
	    X509_REQ_set_pubkey(req, public) != 1)
		goto out;
	r = ask_extensions(req, key->type, names, nnames, why);
	if (r != TOKEN_OK)
		goto out;
	len = i2d_re_X509_REQ_tbs(req, NULL);
	r = take_tbs(p, len, why);
	if (r == TOKEN_OK && i2d_re_X509_REQ_tbs(req, &at) != len)
		r = no_memory(why);
out:
	X509_NAME_free(name);
	EVP_PKEY_free(public);
	X509_REQ_free(req);
	return r;
}

/* SEQUENCE { what was signed, AlgorithmIdentifier, BIT STRING }. */
static int
join(const struct paper *p, X509_ALGOR *alg, ASN1_BIT_STRING *bits,
    uint8_t *der, size_t *len)
{
	int body = (int)p->tbslen + i2d_X509_ALGOR(alg, NULL) +
		   i2d_ASN1_BIT_STRING(bits, NULL);
	int all = ASN1_object_size(1, body, V_ASN1_SEQUENCE);
	uint8_t *at = der;

	if (all <= 0 || all > PROVISION_DER_MAX)
		return -1;
	ASN1_put_object(&at, 1, body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	memcpy(at, p->tbs, p->tbslen);
	at += p->tbslen;
	(void)i2d_X509_ALGOR(alg, &at);
	(void)i2d_ASN1_BIT_STRING(bits, &at);
	*len = (size_t)(at - der);
	return *len == (size_t)all ? 0 : -1;
}

int
paper_join(const struct paper *p, const uint8_t *sig, size_t siglen,
    uint8_t *der, size_t *len, struct token_trouble *why)
{
	X509_ALGOR *alg = X509_ALGOR_new();
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	int r;

	*len = 0;
	r = no_memory(why);
	if (alg == NULL || bits == NULL || set_algorithm(alg, p) != 0 ||
	    ASN1_STRING_set(bits, sig, (int)siglen) != 1)
		goto out;
	/* All bits count, zeros at the end too. */
	bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07L);
	bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
	if (join(p, alg, bits, der, len) == 0)
		r = TOKEN_OK;
out:
	if (r != TOKEN_OK)
		*len = 0;
	ASN1_BIT_STRING_free(bits);
	X509_ALGOR_free(alg);
	return r;
}
