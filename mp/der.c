#include "mp/der.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/asn1.h>
#include <openssl/err.h>

#define UNIV V_ASN1_UNIVERSAL
#define CTX V_ASN1_CONTEXT_SPECIFIC

/* What is left of a value's content. */
struct der {
	const uint8_t *p;
	size_t len;
};

/* The next value, which must have that tag: its content. */
static bool
next(const struct der *d, int tag, int class, struct der *content)
{
	const uint8_t *p = d->p;
	int gottag, gotclass;
	long len;

	/* Bit 0x80: too long; bit 1: indefinite, which DER has not. */
	if (d->len == 0 ||
	    (ASN1_get_object(&p, &len, &gottag, &gotclass, (long)d->len) &
		0x81) != 0)
		return false;
	content->p = p;
	content->len = (size_t)len;
	return gottag == tag && gotclass == class;
}

static bool
enter(struct der *d, int tag, int class)
{
	struct der content;

	if (!next(d, tag, class, &content))
		return false;
	*d = content;
	return true;
}

static bool
skip(struct der *d, int tag, int class)
{
	struct der content;

	if (!next(d, tag, class, &content))
		return false;
	d->len -= (size_t)(content.p - d->p) + content.len;
	d->p = content.p + content.len;
	return true;
}

/* RFC 5652, 3 and 6.1: down to contentEncryptionAlgorithm's identifier. */
static ASN1_OBJECT *
walk(struct der d)
{
	const uint8_t *start;

	if (!enter(&d, V_ASN1_SEQUENCE, UNIV) ||
	    !skip(&d, V_ASN1_OBJECT, UNIV) || !enter(&d, 0, CTX) ||
	    !enter(&d, V_ASN1_SEQUENCE, UNIV) ||
	    !skip(&d, V_ASN1_INTEGER, UNIV))
		return NULL;
	(void)skip(&d, 0, CTX); /* originatorInfo, optional */
	if (!skip(&d, V_ASN1_SET, UNIV) || !enter(&d, V_ASN1_SEQUENCE, UNIV) ||
	    !skip(&d, V_ASN1_OBJECT, UNIV) || !enter(&d, V_ASN1_SEQUENCE, UNIV))
		return NULL;
	start = d.p;
	return d2i_ASN1_OBJECT(NULL, &start, (long)d.len);
}

ASN1_OBJECT *
mp_der_content_cipher(const CMS_ContentInfo *cms)
{
	ASN1_OBJECT *cipher = NULL;
	unsigned char *der = NULL;
	int len;

	/* Written anew, because what was read may have been BER. */
	len = i2d_CMS_ContentInfo(cms, &der);
	if (len > 0)
		cipher = walk((struct der){der, (size_t)len});
	OPENSSL_free(der);
	ERR_clear_error();
	return cipher;
}
