#include "mp/cms.h"

#include <string.h>

#include <openssl/pem.h> /* before cms.h, which asks for it */
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "agent/evp.h"
#include "mp/der.h"
#include "mp/reply.h"

#define RECIPIENTS_MAX 16     /* tried; each costs a private-key operation */
#define RECIPIENTS_ALL_MAX 64 /* of any kind, in one message */

/* What one attempt, with one recipient's key, came to. */
enum outcome { OPENED, UNREADABLE, SIGNER_FAILED };

bool
mp_cms_is_enveloped(const uint8_t *data, size_t len)
{
	static const uint8_t oid[] = {
	    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03};
	size_t head;

	if (len < 2 || data[0] != 0x30)
		return false;
	head = data[1] > 0x80 && data[1] <= 0x84 ? 2u + (data[1] & 0x7Fu) : 2;
	return len >= head + sizeof(oid) &&
	       memcmp(data + head, oid, sizeof(oid)) == 0;
}

/* An armour may say that it is locked: nobody is asked for a password. */
static int
no_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

/* NULL if it is no CMS at all. Bytes after it are ignored (wire-facts 7). */
static CMS_ContentInfo *
parse(const uint8_t *data, size_t len)
{
	CMS_ContentInfo *cms = NULL;
	const uint8_t *p = data;
	BIO *bio;

	if (len < 5 || memcmp(data, "-----", 5) != 0)
		return d2i_CMS_ContentInfo(NULL, &p, (long)len);
	bio = BIO_new_mem_buf(data, (int)len);
	if (bio != NULL)
		cms = PEM_read_bio_CMS(bio, NULL, no_password, NULL);
	BIO_free(bio);
	return cms;
}

/* The content cipher, by whose mode a caller could be made an oracle. */
static int
check_cipher(const CMS_ContentInfo *cms, struct mp_error *e)
{
	static const int known[] = {NID_des_ede3_cbc, NID_aes_128_cbc,
	    NID_aes_192_cbc, NID_aes_256_cbc};
	char name[80];
	ASN1_OBJECT *cipher = mp_der_content_cipher(cms);
	int nid, r;

	if (cipher == NULL)
		return mp_fail(e, MP_ECRYPT,
		    "the encrypted data names no "
		    "content cipher; ask for them again");
	nid = OBJ_obj2nid(cipher);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (nid == known[i]) {
			ASN1_OBJECT_free(cipher);
			return MP_OK;
		}
	(void)OBJ_obj2txt(name, sizeof(name), cipher, 0);
	r = mp_fail(e, MP_ECRYPT,
	    "the data are encrypted with %s; only "
	    "3DES-CBC and AES-CBC (128, 192, 256) are taken",
	    name);
	ASN1_OBJECT_free(cipher);
	return r;
}

/* The digest of a MGF1 algorithm; default SHA-1 if there is none. */
static int
mgf1_digest(X509_ALGOR *mgf)
{
	X509_ALGOR *md;
	int nid;

	if (mgf == NULL)
		return NID_sha1;
	if (OBJ_obj2nid(mgf->algorithm) != NID_mgf1)
		return NID_undef;
	md = ASN1_TYPE_unpack_sequence(
	    ASN1_ITEM_rptr(X509_ALGOR), mgf->parameter);
	nid = md == NULL ? NID_undef : OBJ_obj2nid(md->algorithm);
	X509_ALGOR_free(md);
	return nid;
}

/* OAEP as a signer can do it: one digest for all, no label (signer.h). */
static bool
oaep_possible(const X509_ALGOR *alg)
{
	RSA_OAEP_PARAMS *p;
	int hash;
	bool ok;

	p = ASN1_TYPE_unpack_sequence(
	    ASN1_ITEM_rptr(RSA_OAEP_PARAMS), alg->parameter);
	if (p == NULL)
		return false;
	hash = p->hashFunc == NULL ? NID_sha1
				   : OBJ_obj2nid(p->hashFunc->algorithm);
	ok = (hash == NID_sha1 || hash == NID_sha256 || hash == NID_sha384 ||
		 hash == NID_sha512) &&
	     mgf1_digest(p->maskGenFunc) == hash && p->pSourceFunc == NULL;
	RSA_OAEP_PARAMS_free(p);
	return ok;
}

/* Can recipient ri be ours at all? */
static bool
usable(CMS_RecipientInfo *ri)
{
	X509_ALGOR *alg = NULL;
	EVP_PKEY *pub = NULL;
	X509 *cert = NULL;
	int nid;

	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_TRANS ||
	    !CMS_RecipientInfo_ktri_get0_algs(ri, &pub, &cert, &alg))
		return false;
	nid = OBJ_obj2nid(alg->algorithm);
	return nid == NID_rsaEncryption ||
	       (nid == NID_rsaesOaep && oaep_possible(alg));
}

/*
 * Did the signer fail, and not only the mathematics? Its trouble is this
 * thread's last; a key that is OpenSSL's own never touches it. A ciphertext
 * that does not fit the key (no class, or EARG) is meant for another one.
 */
static bool
signer_failed(const EVP_PKEY *key)
{
	const OSSL_PROVIDER *prov = EVP_PKEY_get0_provider(key);
	int err = evp_trouble()->err;

	if (prov == NULL ||
	    strcmp(OSSL_PROVIDER_get0_name(prov), "default") == 0)
		return false;
	return err != SIGNER_OK && err != SIGNER_EDATA && err != SIGNER_EARG;
}

/* Moves what bio holds to clear, and wipes it there. */
static void
drain(BIO *bio, bool keep, struct mp_buf *clear)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (len <= 0 || data == NULL)
		return;
	if (keep)
		mp_buf_add(clear, data, (size_t)len);
	OPENSSL_cleanse(data, (size_t)len);
}

/*
 * Decrypts all with the key of recipient ri alone. A key that does not come
 * out right is replaced by a random one inside OpenSSL, and the content is
 * decrypted all the same: nobody learns which step went wrong.
 */
static enum outcome
attempt(CMS_ContentInfo *cms, CMS_RecipientInfo *ri, EVP_PKEY *key,
    struct mp_buf *clear, struct mp_error *e)
{
	enum outcome result = UNREADABLE;
	BIO *out = BIO_new(BIO_s_mem());
	int ok;

	if (out == NULL || !EVP_PKEY_up_ref(key))
		goto out;
	/* Without key and output this only says that no certificate is used,
	 * which makes OpenSSL check the length of what is decrypted. */
	(void)CMS_decrypt(cms, NULL, NULL, NULL, NULL, 0);
	(void)CMS_RecipientInfo_set0_pkey(ri, key);
	ok = CMS_RecipientInfo_decrypt(cms, ri);
	(void)CMS_RecipientInfo_set0_pkey(ri, NULL);
	if (ok <= 0 && signer_failed(key)) {
		(void)mp_fail(e, MP_ESIGNER,
		    "the data cannot be decrypted "
		    "now: %s",
		    evp_trouble()->text);
		result = SIGNER_FAILED;
		goto out;
	}
	if (CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY) == 1)
		result = OPENED;
	drain(out, result == OPENED, clear);
out:
	BIO_free(out);
	return result;
}

/* The recipients that can be tried, as they are numbered in the message. */
struct recipients {
	int index[RECIPIENTS_MAX];
	int count;
};

/* Does it say that it is for cert? */
static bool
names(CMS_RecipientInfo *ri, X509 *cert)
{
	return cert != NULL && CMS_RecipientInfo_ktri_cert_cmp(ri, cert) == 0;
}

/*
 * Counted first: asking each costs time, and each try parses all again. Those
 * that name us go first, since another's may come out right by chance, as
 * garbage (see attempt); but identifiers are not to be relied on (5.4).
 */
static int
note_usable(CMS_ContentInfo *cms, X509 *cert, struct recipients *those,
    struct mp_error *e)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
	int n = all == NULL ? 0 : sk_CMS_RecipientInfo_num(all);

	if (n > RECIPIENTS_ALL_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "the data are encrypted for %d recipients, more than the "
		    "%d we look at; have them encrypted for this client alone",
		    n, RECIPIENTS_ALL_MAX);
	for (int named = 1; named >= 0; named--)
		for (int i = 0; i < n && those->count < RECIPIENTS_MAX; i++) {
			CMS_RecipientInfo *ri =
			    sk_CMS_RecipientInfo_value(all, i);

			if (usable(ri) && names(ri, cert) == (named == 1))
				those->index[those->count++] = i;
		}
	return MP_OK;
}

/*
 * Tries recipient `index`, on a fresh parse: an attempt leaves its key
 * behind.
 */
static enum outcome
try_recipient(const uint8_t *data, size_t len, int index, EVP_PKEY *key,
    struct mp_buf *clear, struct mp_error *e)
{
	CMS_ContentInfo *cms = parse(data, len);
	STACK_OF(CMS_RecipientInfo) *all = NULL;
	enum outcome result = UNREADABLE;

	if (cms != NULL)
		all = CMS_get0_RecipientInfos(cms);
	if (all != NULL && index < sk_CMS_RecipientInfo_num(all))
		result = attempt(
		    cms, sk_CMS_RecipientInfo_value(all, index), key, clear, e);
	CMS_ContentInfo_free(cms);
	return result;
}

static int
try_all(const uint8_t *data, size_t len, const struct recipients *those,
    EVP_PKEY *key, struct mp_buf *clear, struct mp_error *e)
{
	for (int i = 0; i < those->count; i++) {
		switch (
		    try_recipient(data, len, those->index[i], key, clear, e)) {
		case OPENED:
			if (!mp_buf_ok(clear))
				return mp_fail(e, MP_ELIMIT,
				    "the decrypted "
				    "data are longer than %zu bytes",
				    clear->max);
			return MP_OK;
		case SIGNER_FAILED:
			return MP_ESIGNER;
		case UNREADABLE:
			break;
		}
	}
	if (those->count == 0)
		return mp_fail(e, MP_ECRYPT,
		    "the data are encrypted for no RSA "
		    "key in a way that is known here (PKCS#1 v1.5, or OAEP "
		    "with "
		    "one digest and no label)");
	return mp_fail(e, MP_ECRYPT,
	    "the data cannot be decrypted with this "
	    "key: they are meant for another one, or damaged");
}

int
mp_cms_open(const uint8_t *data, size_t len, EVP_PKEY *key, X509 *cert,
    struct mp_buf *clear, struct mp_error *e)
{
	struct recipients those = {.count = 0};
	CMS_ContentInfo *cms;
	int r;

	if (len > MP_REPLY_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%zu bytes of encrypted data are "
		    "more than the %u we take",
		    len, MP_REPLY_MAX);
	cms = parse(data, len);
	if (cms == NULL)
		r = mp_fail(e, MP_ECRYPT,
		    "the data are no CMS message in DER "
		    "or PEM");
	else if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_enveloped)
		r = mp_fail(e, MP_ECRYPT,
		    "the data are a CMS message, but not "
		    "EnvelopedData");
	else
		r = check_cipher(cms, e);
	if (r == MP_OK)
		r = note_usable(cms, cert, &those, e);
	CMS_ContentInfo_free(cms);
	if (r == MP_OK)
		r = try_all(data, len, &those, key, clear, e);
	if (r != MP_OK)
		mp_buf_clear(clear);
	ERR_clear_error();
	return r;
}
