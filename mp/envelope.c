#include "mp/envelope.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "mp/reason.h"

#define KEY_BITS_MIN 1024  /* what a site of 2007 may have */
#define KEY_BITS_MAX 16384 /* OpenSSL's own limit */
#define INFO_MAX 8192      /* bytes of one RecipientInfo */
#define NAME_MAX_TOLD 200  /* bytes of a subject in a sentence */

static const uint8_t oid_enveloped[] = {
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03};
static const uint8_t oid_data[] = {
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01};
/* rsaEncryption, with its NULL */
static const uint8_t alg_rsa[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48,
    0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
static const uint8_t oid_3des[] = {
    0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x07};
static const uint8_t oid_aes256[] = {
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A};

/* DER is written from its end to its start, so that lengths are known. */
static void
before(struct mp_buf *b, const void *data, size_t len)
{
	mp_buf_add(b, data, len);
	if (!mp_buf_ok(b) || len == 0)
		return;
	memmove(b->data + len, b->data, b->len - len);
	memcpy(b->data, data, len);
}

/* Puts the tag and length of all that is in b, and of what comes after. */
static void
wrap(struct mp_buf *b, int tag, int xclass, bool constructed, uint64_t after)
{
	uint8_t head[16], *p = head;

	if (b->len + after > INT_MAX) {
		b->failed = true;
		return;
	}
	ASN1_put_object(
	    &p, constructed ? 1 : 0, (int)(b->len + after), tag, xclass);
	before(b, head, (size_t)(p - head));
}

static void
wrap_sequence(struct mp_buf *b, uint64_t after)
{
	wrap(b, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, true, after);
}

/* IssuerAndSerialNumber */
static int
put_issuer(struct mp_buf *b, const X509 *cert)
{
	uint8_t *name = NULL, *serial = NULL;
	int nname = i2d_X509_NAME(X509_get_issuer_name(cert), &name);
	int nserial = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &serial);
	struct mp_buf both;

	mp_buf_init(&both, INFO_MAX);
	if (nname > 0 && nserial > 0) {
		mp_buf_add(&both, name, (size_t)nname);
		mp_buf_add(&both, serial, (size_t)nserial);
		wrap_sequence(&both, 0);
	}
	if (mp_buf_ok(&both))
		before(b, both.data, both.len);
	mp_buf_release(&both);
	OPENSSL_free(name);
	OPENSSL_free(serial);
	return nname > 0 && nserial > 0 ? MP_OK : MP_ECRYPT;
}

/*
 * One KeyTransRecipientInfo around the encrypted key. By key id as the SDK
 * does; a certificate without one leaves issuer and serial number.
 */
static int
make_info(struct mp_envelope *v, X509 *cert, const uint8_t *key, size_t len,
    struct mp_buf *b)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);
	uint8_t version[] = {0x02, 0x01, 0x00};
	struct mp_buf rid;
	int r = MP_OK;

	mp_buf_init(&rid, INFO_MAX);
	before(b, key, len);
	wrap(b, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL, false, 0);
	before(b, alg_rsa, sizeof(alg_rsa));
	if (id != NULL && ASN1_STRING_length(id) > 0) {
		mp_buf_add(&rid, ASN1_STRING_get0_data(id),
		    (size_t)ASN1_STRING_length(id));
		wrap(&rid, 0, V_ASN1_CONTEXT_SPECIFIC, false, 0);
		if (mp_buf_ok(&rid))
			before(b, rid.data, rid.len);
		version[2] = 2;
		v->all_by_issuer = false;
	} else {
		r = put_issuer(b, cert);
	}
	before(b, version, sizeof(version));
	wrap_sequence(b, 0);
	if (r == MP_OK && (!mp_buf_ok(b) || !mp_buf_ok(&rid)))
		r = MP_ECRYPT;
	mp_buf_release(&rid);
	return r;
}

/* Encrypts the content's key to one certificate. */
static int
encrypt_key(X509 *cert, const uint8_t *key, size_t keylen, uint8_t *out,
    size_t *outlen, struct mp_error *e)
{
	EVP_PKEY *pub = X509_get0_pubkey(cert);
	EVP_PKEY_CTX *c = NULL;
	int r;

	if (pub == NULL || !EVP_PKEY_is_a(pub, "RSA") ||
	    EVP_PKEY_get_bits(pub) < KEY_BITS_MIN ||
	    EVP_PKEY_get_bits(pub) > KEY_BITS_MAX)
		return mp_fail(e, MP_EARG,
		    "its key is no RSA key of %d to %d bits, which this "
		    "encryption needs",
		    KEY_BITS_MIN, KEY_BITS_MAX);
	c = EVP_PKEY_CTX_new_from_pkey(NULL, pub, NULL);
	r = MP_OK;
	if (c == NULL || EVP_PKEY_encrypt_init(c) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) <= 0 ||
	    EVP_PKEY_encrypt(c, out, outlen, key, keylen) <= 0)
		r = mp_fail(e, MP_ECRYPT, "OpenSSL: %s", mp_reason_openssl());
	EVP_PKEY_CTX_free(c);
	return r;
}

static int
add_recipient(struct mp_envelope *v, X509 *cert, const uint8_t *key,
    size_t keylen, struct mp_buf *info, struct mp_error *e)
{
	uint8_t wrapped[KEY_BITS_MAX / 8];
	char name[NAME_MAX_TOLD];
	size_t len = sizeof(wrapped);
	int r;

	r = encrypt_key(cert, key, keylen, wrapped, &len, e);
	if (r == MP_OK && make_info(v, cert, wrapped, len, info) != MP_OK)
		r = mp_fail(e, MP_ECRYPT, "it cannot be named as recipient");
	if (r == MP_OK)
		return r;
	(void)X509_NAME_oneline(
	    X509_get_subject_name(cert), name, sizeof(name));
	for (char *p = name; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return mp_fail_in(e, "the message cannot be encrypted to %s", name);
}

/* DER wants the members of a SET in the order of their bytes. */
static int
compare(const void *a, const void *b)
{
	const struct mp_buf *x = a, *y = b;
	int d = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

	if (d != 0)
		return d;
	return x->len < y->len ? -1 : x->len > y->len;
}

static int
add_recipients(struct mp_envelope *v, const struct mp_recipients *to,
    const uint8_t *key, size_t keylen, struct mp_error *e)
{
	struct mp_buf *infos = calloc(to->n, sizeof(*infos));
	int r = MP_OK;

	if (infos == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory to encrypt with");
	for (size_t i = 0; i < to->n; i++)
		mp_buf_init(&infos[i], INFO_MAX);
	for (size_t i = 0; r == MP_OK && i < to->n; i++)
		r = add_recipient(v, to->certs[i], key, keylen, &infos[i], e);
	if (r == MP_OK) {
		qsort(infos, to->n, sizeof(*infos), compare);
		for (size_t i = 0; i < to->n; i++)
			mp_buf_add(&v->infos, infos[i].data, infos[i].len);
	}
	for (size_t i = 0; i < to->n; i++)
		mp_buf_release(&infos[i]);
	free(infos);
	return r;
}

/* AlgorithmIdentifier of the content: its OID, and the IV as parameter. */
static void
name_cipher(struct mp_envelope *v, enum mp_cipher cipher, const uint8_t *iv,
    size_t ivlen)
{
	struct mp_buf *b = &v->algorithm;

	mp_buf_add(b, iv, ivlen);
	wrap(b, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL, false, 0);
	if (cipher == MP_CIPHER_AES256)
		before(b, oid_aes256, sizeof(oid_aes256));
	else
		before(b, oid_3des, sizeof(oid_3des));
	wrap_sequence(b, 0);
}

int
mp_envelope_open(
    struct mp_envelope *v, const struct mp_recipients *to, struct mp_error *e)
{
	const EVP_CIPHER *type = to->cipher == MP_CIPHER_AES256
				     ? EVP_aes_256_cbc()
				     : EVP_des_ede3_cbc();
	uint8_t key[EVP_MAX_KEY_LENGTH], iv[EVP_MAX_IV_LENGTH];
	size_t ivlen = (size_t)EVP_CIPHER_get_iv_length(type);
	int r;

	memset(v, 0, sizeof(*v));
	mp_buf_init(&v->infos, (size_t)MP_RECIPIENTS_MAX * INFO_MAX);
	mp_buf_init(&v->algorithm, 128);
	v->all_by_issuer = true;
	if (to->n == 0 || to->n > MP_RECIPIENTS_MAX)
		return mp_fail(e, MP_EARG,
		    "a message is encrypted to 1 to %d management points, not "
		    "to %zu",
		    MP_RECIPIENTS_MAX, to->n);
	v->ctx = EVP_CIPHER_CTX_new();
	r = MP_OK;
	if (v->ctx == NULL || RAND_bytes(iv, (int)ivlen) != 1 ||
	    EVP_EncryptInit_ex(v->ctx, type, NULL, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_rand_key(v->ctx, key) != 1 ||
	    EVP_EncryptInit_ex(v->ctx, NULL, NULL, key, iv) != 1)
		r = mp_fail(e, MP_ECRYPT,
		    "no key to encrypt a message with can be made (%s)",
		    mp_reason_openssl());
	if (r == MP_OK)
		r = add_recipients(
		    v, to, key, (size_t)EVP_CIPHER_get_key_length(type), e);
	if (r == MP_OK)
		name_cipher(v, to->cipher, iv, ivlen);
	OPENSSL_cleanse(key, sizeof(key));
	ERR_clear_error();
	if (r != MP_OK)
		mp_envelope_close(v);
	return r;
}

void
mp_envelope_close(struct mp_envelope *v)
{
	EVP_CIPHER_CTX_free(v->ctx);
	v->ctx = NULL;
	mp_buf_release(&v->infos);
	mp_buf_release(&v->algorithm);
}

static int
broken(struct mp_error *e)
{
	return mp_fail(e, MP_ECRYPT, "the message cannot be encrypted (%s)",
	    mp_reason_openssl());
}

int
mp_envelope_add(struct mp_envelope *v, const uint8_t *data, size_t len,
    uint8_t *out, size_t *outlen, struct mp_error *e)
{
	int n = 0;

	*outlen = 0;
	if (len > INT_MAX - MP_ENVELOPE_BLOCK ||
	    EVP_EncryptUpdate(v->ctx, out, &n, data, (int)len) != 1)
		return broken(e);
	*outlen = (size_t)n;
	v->size += (size_t)n;
	return MP_OK;
}

int
mp_envelope_end(struct mp_envelope *v, uint8_t out[MP_ENVELOPE_BLOCK],
    size_t *outlen, struct mp_error *e)
{
	int n = 0;

	*outlen = 0;
	if (EVP_EncryptFinal_ex(v->ctx, out, &n) != 1)
		return broken(e);
	*outlen = (size_t)n;
	v->size += (size_t)n;
	return MP_OK;
}

int
mp_envelope_head(
    const struct mp_envelope *v, struct mp_buf *der, struct mp_error *e)
{
	static const uint8_t by_issuer[] = {0x02, 0x01, 0x00};
	static const uint8_t by_id[] = {0x02, 0x01, 0x02};
	struct mp_buf b, set;

	mp_buf_init(&b, v->infos.max + 1024);
	mp_buf_init(&set, v->infos.max + 16);
	mp_buf_add(&set, v->infos.data, v->infos.len);
	wrap(&set, V_ASN1_SET, V_ASN1_UNIVERSAL, true, 0);
	wrap(&b, 0, V_ASN1_CONTEXT_SPECIFIC, false, v->size);
	before(&b, v->algorithm.data, v->algorithm.len);
	before(&b, oid_data, sizeof(oid_data));
	wrap_sequence(&b, v->size);
	before(&b, set.data, set.len);
	/* RFC 5652, 6.1 */
	before(&b, v->all_by_issuer ? by_issuer : by_id, sizeof(by_id));
	wrap_sequence(&b, v->size);
	wrap(&b, 0, V_ASN1_CONTEXT_SPECIFIC, true, v->size);
	before(&b, oid_enveloped, sizeof(oid_enveloped));
	wrap_sequence(&b, v->size);
	mp_buf_add(der, b.data, b.len);
	if (!mp_buf_ok(&b) || !mp_buf_ok(&set))
		der->failed = true;
	mp_buf_release(&b);
	mp_buf_release(&set);
	if (!mp_buf_ok(der))
		return mp_fail(
		    e, MP_ELIMIT, "the message is too large to be encrypted");
	return MP_OK;
}
