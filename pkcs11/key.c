#include "pkcs11/key.h"

#include <string.h>

#include <p11-kit/pkcs11.h>

#define ALLOWED_MAX 64 /* entries of CKA_ALLOWED_MECHANISMS that we read */
#define SIGN_RAW (1u << 31)
#define OPEN_RAW (1u << 30)

/* Which mechanism with which use makes which bit. */
static const struct offer {
	unsigned long mech;
	unsigned long flag;
	uint32_t bit;
} offers[] = {
    {CKM_RSA_PKCS, CKF_SIGN, TOKEN_MECH(TOKEN_RSA_PKCS1)},
    {CKM_RSA_PKCS_PSS, CKF_SIGN, TOKEN_MECH(TOKEN_RSA_PSS)},
    {CKM_RSA_X_509, CKF_SIGN, SIGN_RAW},
    {CKM_ECDSA, CKF_SIGN, TOKEN_MECH(TOKEN_ECDSA)},
    {CKM_EDDSA, CKF_SIGN, TOKEN_MECH(TOKEN_EDDSA)},
    {CKM_RSA_PKCS, CKF_DECRYPT, TOKEN_MECH_DECRYPT_PKCS1},
    {CKM_RSA_X_509, CKF_DECRYPT, OPEN_RAW},
    {CKM_RSA_PKCS_OAEP, CKF_DECRYPT, TOKEN_MECH(TOKEN_RSA_OAEP)},
};

#define OFFERS (sizeof(offers) / sizeof(offers[0]))

struct rv
key_mechs_read(struct key_mechs *mechs, struct module *m, unsigned long slot)
{
	unsigned long types[MODULE_MECHS_MAX], flags;
	struct rv rv, one;
	size_t n;

	memset(mechs, 0, sizeof(*mechs));
	rv = module_mechs(m, slot, types, MODULE_MECHS_MAX, &n);
	for (size_t i = 0; rv_ok(rv) && i < OFFERS; i++) {
		const struct offer *o = &offers[i];
		bool listed = false;

		for (size_t j = 0; j < n && !listed; j++)
			listed = types[j] == o->mech;
		if (!listed)
			continue;
		/* A mechanism that the token disowns offers nothing. */
		one = module_mech_flags(m, slot, o->mech, &flags);
		if (rv_retry(one))
			one = module_mech_flags(m, slot, o->mech, &flags);
		if (rv_retry(one) || rv_class(one) == RV_PINLOCKED)
			return one;
		if (!rv_ok(one) || (flags & o->flag) == 0)
			continue;
		if (o->flag == CKF_SIGN)
			mechs->sign |= o->bit;
		else
			mechs->decrypt |= o->bit;
	}
	return rv;
}

/* The bits that CKA_ALLOWED_MECHANISMS leaves; absent or empty leaves all. */
static uint32_t
allowed(struct module *m, unsigned long session, unsigned long handle)
{
	CK_MECHANISM_TYPE list[ALLOWED_MAX];
	struct module_attr attr = {CKA_ALLOWED_MECHANISMS, list, sizeof(list)};
	uint32_t bits = 0;

	if (!rv_ok(module_read(m, session, handle, &attr, 1)) ||
	    attr.len == MODULE_ATTR_NONE || attr.len < sizeof(list[0]))
		return UINT32_MAX;
	for (size_t i = 0; i < attr.len / sizeof(list[0]); i++)
		for (size_t j = 0; j < OFFERS; j++)
			if (offers[j].mech == list[i])
				bits |= offers[j].bit;
	return bits;
}

/* Which bits make sense for a key of that type. */
static uint32_t
fitting(enum token_keytype type)
{
	switch (type) {
	case TOKEN_RSA:
		return TOKEN_MECH(TOKEN_RSA_PKCS1) | TOKEN_MECH(TOKEN_RSA_PSS) |
		       TOKEN_MECH(TOKEN_RSA_OAEP) | TOKEN_MECH_DECRYPT_PKCS1 |
		       SIGN_RAW | OPEN_RAW;
	case TOKEN_EC:
		return TOKEN_MECH(TOKEN_ECDSA);
	case TOKEN_ED25519:
		return TOKEN_MECH(TOKEN_EDDSA);
	}
	return 0;
}

static void
enable(struct key *k, const struct key_mechs *mechs, bool sign, bool decrypt,
    uint32_t allow)
{
	uint32_t bits =
	    (sign ? mechs->sign : 0) | (decrypt ? mechs->decrypt : 0);
	uint32_t pss = TOKEN_MECH(TOKEN_RSA_PSS);

	bits &= allow & fitting(k->pub.type);
	if ((bits & SIGN_RAW) != 0 && (bits & pss) == 0)
		bits |= pss | TOKEN_MECH_RAW_PSS;
	k->open_raw = (bits & OPEN_RAW) != 0;
	k->mechs = bits & ~(SIGN_RAW | OPEN_RAW);
}

static void
end(struct key_tag *tag, const struct module_attr *attr)
{
	tag->len = attr->len == MODULE_ATTR_NONE ? 0 : (uint8_t)attr->len;
}

struct rv
key_tags_read(struct key_tags *tags, struct module *m, unsigned long session,
    unsigned long handle)
{
	struct module_attr attrs[] = {
	    {CKA_ID, tags->id.bytes, sizeof(tags->id.bytes)},
	    {CKA_LABEL, tags->label.bytes, sizeof(tags->label.bytes)},
	};
	struct rv rv = module_read(m, session, handle, attrs, 2);

	end(&tags->id, &attrs[0]);
	end(&tags->label, &attrs[1]);
	return rv;
}

/* Room for every public attribute that a key object may have. */
struct parts {
	uint8_t n[PUB_RSA_MAX / 8], e[16], spki[2048], params[32], point[160];
	size_t nlen, elen, spkilen, paramslen, pointlen;
};

static struct rv
parts_read(struct parts *p, struct module *m, unsigned long session,
    unsigned long handle)
{
	struct module_attr attrs[] = {
	    {CKA_MODULUS, p->n, sizeof(p->n)},
	    {CKA_PUBLIC_EXPONENT, p->e, sizeof(p->e)},
	    {CKA_PUBLIC_KEY_INFO, p->spki, sizeof(p->spki)},
	    {CKA_EC_PARAMS, p->params, sizeof(p->params)},
	    {CKA_EC_POINT, p->point, sizeof(p->point)},
	};
	size_t *lens[] = {
	    &p->nlen, &p->elen, &p->spkilen, &p->paramslen, &p->pointlen};
	struct rv rv = module_read(m, session, handle, attrs, 5);

	for (size_t i = 0; i < 5; i++)
		*lens[i] = attrs[i].len == MODULE_ATTR_NONE ? 0 : attrs[i].len;
	return rv;
}

/* The public key that the parts of one object make, if they do. */
static int
assemble(struct pub *pub, enum token_keytype type, const struct parts *p)
{
	int r = -1;

	switch (type) {
	case TOKEN_RSA:
		r = pub_rsa(pub, p->n, p->nlen, p->e, p->elen);
		break;
	case TOKEN_EC:
		r = pub_ec(pub, p->params, p->paramslen, p->point, p->pointlen);
		break;
	case TOKEN_ED25519:
		r = pub_ed25519(pub, p->point, p->pointlen);
		break;
	}
	if (r != 0 && pub_spki(pub, p->spki, p->spkilen) == 0)
		r = pub->type == type ? 0 : -1;
	return r;
}

static enum token_keytype
keytype(CK_KEY_TYPE ck)
{
	return ck == CKK_RSA          ? TOKEN_RSA
	       : ck == CKK_EC         ? TOKEN_EC
	       : ck == CKK_EC_EDWARDS ? TOKEN_ED25519
				      : 0;
}

/*
 * Size of a key whose public part is not known. Without even a size it is
 * of no use, save for RSA, which takes the certificate's once proved.
 */
static uint32_t
guess_bits(enum token_keytype type, const struct parts *p)
{
	if (type == TOKEN_ED25519)
		return 256;
	return type == TOKEN_EC ? pub_curve_bits(p->params, p->paramslen) : 0;
}

/* An EC private key object rarely holds its own public part. */
static struct rv
own_public_read(struct key *k, enum token_keytype type, struct module *m,
    unsigned long session)
{
	struct parts parts;
	struct rv rv = parts_read(&parts, m, session, k->handle);

	if (!rv_ok(rv))
		return rv;
	k->known = assemble(&k->pub, type, &parts) == 0;
	if (!k->known) {
		memset(&k->pub, 0, sizeof(k->pub));
		k->pub.type = type;
		k->pub.bits = guess_bits(type, &parts);
	}
	return rv;
}

struct rv
key_read(struct key *k, struct key_tags *tags, struct module *m,
    unsigned long session, unsigned long handle, const struct key_mechs *mechs,
    bool *use)
{
	CK_BBOOL sign = CK_FALSE, decrypt = CK_FALSE, always = CK_FALSE;
	CK_KEY_TYPE ck = (CK_KEY_TYPE)-1;
	struct module_attr attrs[] = {
	    {CKA_KEY_TYPE, &ck, sizeof(ck)},
	    {CKA_SIGN, &sign, sizeof(sign)},
	    {CKA_DECRYPT, &decrypt, sizeof(decrypt)},
	    {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)},
	    {CKA_ID, tags->id.bytes, sizeof(tags->id.bytes)},
	    {CKA_LABEL, tags->label.bytes, sizeof(tags->label.bytes)},
	};
	enum token_keytype type;
	struct rv rv;

	*use = false;
	memset(k, 0, sizeof(*k));
	k->handle = handle;
	rv = module_read(m, session, handle, attrs, 6);
	end(&tags->id, &attrs[4]);
	end(&tags->label, &attrs[5]);
	type = attrs[0].len == sizeof(ck) ? keytype(ck) : 0;
	if (!rv_ok(rv) || type == 0)
		return rv;
	k->always = attrs[3].len == sizeof(always) && always != CK_FALSE;
	rv = own_public_read(k, type, m, session);
	if (!rv_ok(rv))
		return rv;
	enable(k, mechs, sign != CK_FALSE, decrypt != CK_FALSE,
	    allowed(m, session, handle));
	*use = k->known || k->pub.bits != 0 || type == TOKEN_RSA;
	return rv;
}

struct rv
key_public_read(struct pub *pub, struct key_tags *tags, struct module *m,
    unsigned long session, unsigned long handle, bool *use)
{
	CK_KEY_TYPE ck = (CK_KEY_TYPE)-1;
	struct module_attr attr = {CKA_KEY_TYPE, &ck, sizeof(ck)};
	enum token_keytype type;
	struct parts parts;
	struct rv rv;

	*use = false;
	memset(pub, 0, sizeof(*pub));
	rv = module_read(m, session, handle, &attr, 1);
	type = attr.len == sizeof(ck) ? keytype(ck) : 0;
	if (!rv_ok(rv) || type == 0)
		return rv;
	rv = key_tags_read(tags, m, session, handle);
	if (rv_ok(rv))
		rv = parts_read(&parts, m, session, handle);
	if (rv_ok(rv))
		*use = assemble(pub, type, &parts) == 0;
	return rv;
}

bool
key_tag_same(const struct key_tag *a, const struct key_tag *b)
{
	return a->len > 0 && a->len == b->len &&
	       memcmp(a->bytes, b->bytes, a->len) == 0;
}
