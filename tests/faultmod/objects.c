/* Objects, their handles, and what is said of their attributes. */
#include <string.h>

#include "tests/faultmod/call.h"

CK_RV
C_CreateObject(CK_SESSION_HANDLE s, CK_ATTRIBUTE *attrs, CK_ULONG n,
    CK_OBJECT_HANDLE *object)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_CreateObject, &s))
		return c.rv;
	rv = call_real()->C_CreateObject(s, attrs, n, object);
	call_objects_out(rv, object, 1);
	return call_end(&c, rv);
}

CK_RV
C_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE old, CK_ATTRIBUTE *attrs,
    CK_ULONG n, CK_OBJECT_HANDLE *object)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_CopyObject, &s))
		return c.rv;
	rv = call_real()->C_CopyObject(s, call_object(old), attrs, n, object);
	call_objects_out(rv, object, 1);
	return call_end(&c, rv);
}

CK_RV
C_DestroyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_DestroyObject, &s))
		return c.rv;
	return call_end(
	    &c, call_real()->C_DestroyObject(s, call_object(object)));
}

CK_RV
C_GetObjectSize(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_GetObjectSize, &s))
		return c.rv;
	rv = call_real()->C_GetObjectSize(s, call_object(object), size);
	return call_end_length(&c, rv, size);
}

/* The first lie about that type, or NULL. */
static const struct faultmod_attr *
lie(CK_ATTRIBUTE_TYPE type)
{
	const struct faultmod_attr *a = call_page()->attrs;

	for (unsigned i = 0; i < FAULTMOD_ATTRS; i++)
		if (a[i].lie != 0 && a[i].type == type)
			return &a[i];
	return NULL;
}

static CK_RV
twist(CK_ATTRIBUTE *attr, CK_RV rv)
{
	const struct faultmod_attr *a = lie(attr->type);
	uint64_t value = a == NULL ? 0 : a->value;
	CK_ULONG n = attr->ulValueLen;

	switch (a == NULL ? 0 : a->lie) {
	case FAULTMOD_MISSING:
		attr->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	case FAULTMOD_SENSITIVE:
		attr->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_SENSITIVE;
	case FAULTMOD_VALUE:
		if (attr->pValue != NULL && n != CK_UNAVAILABLE_INFORMATION)
			memcpy(attr->pValue, &value,
			    n < sizeof(value) ? n : sizeof(value));
		break;
	case FAULTMOD_SIZE:
		attr->ulValueLen = value;
		break;
	default:
		break;
	}
	return rv;
}

CK_RV
C_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_GetAttributeValue, &s))
		return c.rv;
	rv = call_real()->C_GetAttributeValue(s, call_object(object), attrs, n);
	for (CK_ULONG i = 0; i < n; i++)
		rv = twist(&attrs[i], rv);
	return call_end_length(&c, rv, n > 0 ? &attrs[0].ulValueLen : NULL);
}

CK_RV
C_SetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_SetAttributeValue, &s))
		return c.rv;
	return call_end(&c,
	    call_real()->C_SetAttributeValue(s, call_object(object), attrs, n));
}

CK_RV
C_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	struct call c;

	if (!call_begin_session(&c, FAULTMOD_FindObjectsInit, &s))
		return c.rv;
	return call_end(&c, call_real()->C_FindObjectsInit(s, attrs, n));
}

CK_RV
C_FindObjects(
    CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_FindObjects, &s))
		return c.rv;
	rv = call_real()->C_FindObjects(s, objects, max, n);
	call_objects_out(rv, objects, *n);
	return call_end_length(&c, rv, n);
}

CK_RV
C_GenerateKey(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_ATTRIBUTE *attrs,
    CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_GenerateKey, &s))
		return c.rv;
	rv = call_real()->C_GenerateKey(s, mech, attrs, n, key);
	call_objects_out(rv, key, 1);
	return call_end(&c, rv);
}

CK_RV
C_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_ATTRIBUTE *pub,
    CK_ULONG npub, CK_ATTRIBUTE *priv, CK_ULONG npriv, CK_OBJECT_HANDLE *pubkey,
    CK_OBJECT_HANDLE *privkey)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_GenerateKeyPair, &s))
		return c.rv;
	rv = call_real()->C_GenerateKeyPair(
	    s, mech, pub, npub, priv, npriv, pubkey, privkey);
	call_objects_out(rv, pubkey, 1);
	call_objects_out(rv, privkey, 1);
	return call_end(&c, rv);
}

CK_RV
C_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_OBJECT_HANDLE with,
    CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *len)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_WrapKey, &s))
		return c.rv;
	rv = call_real()->C_WrapKey(
	    s, mech, call_object(with), call_object(key), out, len);
	return call_end_length(&c, rv, len);
}

CK_RV
C_UnwrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_OBJECT_HANDLE with,
    CK_BYTE *in, CK_ULONG inlen, CK_ATTRIBUTE *attrs, CK_ULONG n,
    CK_OBJECT_HANDLE *key)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_UnwrapKey, &s))
		return c.rv;
	rv = call_real()->C_UnwrapKey(
	    s, mech, call_object(with), in, inlen, attrs, n, key);
	call_objects_out(rv, key, 1);
	return call_end(&c, rv);
}

CK_RV
C_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *mech, CK_OBJECT_HANDLE base,
    CK_ATTRIBUTE *attrs, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	struct call c;
	CK_RV rv;

	if (!call_begin_session(&c, FAULTMOD_DeriveKey, &s))
		return c.rv;
	rv =
	    call_real()->C_DeriveKey(s, mech, call_object(base), attrs, n, key);
	call_objects_out(rv, key, 1);
	return call_end(&c, rv);
}
