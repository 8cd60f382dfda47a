#include <p11-kit/pkcs11.h>

#include "pkcs11/module_impl.h"

/* Fetches what the running search finds; entered. */
static struct rv
fetch(struct module *m, CK_SESSION_HANDLE session, unsigned long *handles,
    size_t max, size_t *n)
{
	CK_OBJECT_HANDLE spare;
	CK_ULONG got;
	CK_RV r;

	do {
		got = 0;
		if (*n == max) {
			r = m->f->C_FindObjects(session, &spare, 1, &got);
			if (r == CKR_OK && got > 0)
				r = CKR_BUFFER_TOO_SMALL;
			break;
		}
		r = m->f->C_FindObjects(session, handles + *n, max - *n, &got);
		if (r == CKR_OK && got > max - *n)
			r = CKR_GENERAL_ERROR;
		if (r == CKR_OK)
			*n += got;
	} while (r == CKR_OK && got > 0);
	return module_say(r, "C_FindObjects");
}

struct rv
module_find(struct module *m, unsigned long session,
    const struct module_attr *match, size_t nmatch, unsigned long *handles,
    size_t max, size_t *n)
{
	CK_ATTRIBUTE attrs[MODULE_ATTRS_MAX];
	struct rv rv;
	CK_RV end = CKR_OK;

	*n = 0;
	if (nmatch > MODULE_ATTRS_MAX)
		return module_say(CKR_ARGUMENTS_BAD, "C_FindObjectsInit");
	for (size_t i = 0; i < nmatch; i++) {
		attrs[i].type = match[i].type;
		attrs[i].pValue = match[i].value;
		attrs[i].ulValueLen = match[i].len;
	}
	m->searches++;
	module_enter(m);
	rv = module_say(m->f->C_FindObjectsInit(session, attrs, nmatch),
	    "C_FindObjectsInit");
	if (rv_ok(rv)) {
		rv = fetch(m, session, handles, max, n);
		end = m->f->C_FindObjectsFinal(session);
	}
	module_leave(m);
	if (rv_ok(rv) && end != CKR_OK)
		rv = module_say(end, "C_FindObjectsFinal");
	if (!rv_ok(rv))
		*n = 0;
	return rv;
}

/* One or more attributes in one call; lengths checked, troubles left out. */
static CK_RV
ask(struct module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
    const struct module_attr *attrs, size_t n, size_t *lens)
{
	CK_ATTRIBUTE a[MODULE_ATTRS_MAX];
	CK_RV r;

	for (size_t i = 0; i < n; i++) {
		a[i].type = attrs[i].type;
		a[i].pValue = attrs[i].value;
		a[i].ulValueLen = attrs[i].value != NULL ? attrs[i].len : 0;
	}
	module_enter(m);
	r = m->f->C_GetAttributeValue(session, object, a, n);
	module_leave(m);
	for (size_t i = 0; i < n; i++) {
		/* An answer to what was not asked is none. */
		bool fits =
		    a[i].type == attrs[i].type &&
		    (attrs[i].value == NULL || a[i].ulValueLen <= attrs[i].len);

		lens[i] = a[i].ulValueLen != CK_UNAVAILABLE_INFORMATION && fits
			      ? a[i].ulValueLen
			      : MODULE_ATTR_NONE;
	}
	return r;
}

/* The three answers that concern one attribute, not the object. */
static bool
mild(CK_RV r)
{
	return r == CKR_ATTRIBUTE_SENSITIVE ||
	       r == CKR_ATTRIBUTE_TYPE_INVALID || r == CKR_BUFFER_TOO_SMALL;
}

struct rv
module_read(struct module *m, unsigned long session, unsigned long object,
    struct module_attr *attrs, size_t n)
{
	size_t lens[MODULE_ATTRS_MAX];
	CK_RV r = CKR_ARGUMENTS_BAD;

	if (n <= MODULE_ATTRS_MAX)
		r = ask(m, session, object, attrs, n, lens);
	/*
	 * Some libraries stop at the first attribute that they do not know,
	 * so after such an answer each is asked for alone.
	 */
	for (size_t i = 0; mild(r) && i < n; i++) {
		CK_RV one = ask(m, session, object, attrs + i, 1, lens + i);

		if (one != CKR_OK)
			lens[i] = MODULE_ATTR_NONE;
		if (one != CKR_OK && !mild(one))
			r = one;
		else if (i == n - 1)
			r = CKR_OK;
	}
	for (size_t i = 0; i < n; i++)
		attrs[i].len = r == CKR_OK ? lens[i] : MODULE_ATTR_NONE;
	return module_say(r, "C_GetAttributeValue");
}

struct rv
module_attr_len(struct module *m, unsigned long session, unsigned long object,
    unsigned long type, size_t *len)
{
	struct module_attr attr = {type, NULL, 0};
	CK_RV r = ask(m, session, object, &attr, 1, len);

	if (r != CKR_OK)
		*len = MODULE_ATTR_NONE;
	return module_say(mild(r) ? CKR_OK : r, "C_GetAttributeValue");
}
