#include <string.h>

#include <p11-kit/pkcs11.h>

#include "pkcs11/module_impl.h"

/* p11-kit's headers know no const; the standard forbids writing to inputs. */
static unsigned char *
loan(const uint8_t *bytes)
{
	union {
		const uint8_t *in;
		unsigned char *out;
	} u = {bytes};

	return u.out;
}

struct rv
module_session_open(
    struct module *m, unsigned long slot, unsigned long *session)
{
	struct rv rv;

	*session = 0;
	module_enter(m);
	rv = module_say(
	    m->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, session),
	    "C_OpenSession");
	module_leave(m);
	/* No session has this number: what said so may have opened one. */
	if (rv_ok(rv) && *session == CK_INVALID_HANDLE)
		rv.value = CKR_GENERAL_ERROR;
	return rv;
}

struct rv
module_session_close(struct module *m, unsigned long session)
{
	struct rv rv;

	module_enter(m);
	rv = module_say(m->f->C_CloseSession(session), "C_CloseSession");
	module_leave(m);
	return rv;
}

struct rv
module_session_close_all(struct module *m, unsigned long slot)
{
	struct rv rv;

	module_enter(m);
	rv = module_say(m->f->C_CloseAllSessions(slot), "C_CloseAllSessions");
	module_leave(m);
	return rv;
}

struct rv
module_session_user(struct module *m, unsigned long session, bool *user)
{
	CK_SESSION_INFO info;
	CK_RV r;

	memset(&info, 0, sizeof(info));
	module_enter(m);
	r = m->f->C_GetSessionInfo(session, &info);
	module_leave(m);
	*user = r == CKR_OK && (info.state == CKS_RO_USER_FUNCTIONS ||
				   info.state == CKS_RW_USER_FUNCTIONS);
	return module_say(r, "C_GetSessionInfo");
}

struct rv
module_login(struct module *m, unsigned long session, unsigned long user,
    const uint8_t *pin, size_t pinlen)
{
	struct rv rv;

	m->logins++;
	module_enter(m);
	rv = module_say(
	    m->f->C_Login(session, user, loan(pin), pinlen), "C_Login");
	module_leave(m);
	m->refused += !rv_ok(rv);
	return rv;
}

struct rv
module_logout(struct module *m, unsigned long session)
{
	struct rv rv;

	module_enter(m);
	rv = module_say(m->f->C_Logout(session), "C_Logout");
	module_leave(m);
	return rv;
}

struct rv
module_ping(struct module *m, unsigned long session, bool random)
{
	CK_BYTE bytes[8];
	struct rv rv;
	bool user;

	if (!random || m->f->C_GenerateRandom == NULL)
		return module_session_user(m, session, &user);
	module_enter(m);
	rv = module_say(m->f->C_GenerateRandom(session, bytes, sizeof(bytes)),
	    "C_GenerateRandom");
	module_leave(m);
	return rv;
}

struct rv
module_sign_init(struct module *m, unsigned long session, unsigned long key,
    const struct module_mech *mech)
{
	CK_MECHANISM ck = {mech->type, mech->params, mech->paramslen};
	struct rv rv;

	module_enter(m);
	rv = module_say(m->f->C_SignInit(session, &ck, key), "C_SignInit");
	module_leave(m);
	return rv;
}

struct rv
module_sign(struct module *m, unsigned long session, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen)
{
	CK_ULONG len = *outlen;
	CK_RV r;

	module_enter(m);
	r = m->f->C_Sign(session, loan(in), inlen, out, &len);
	module_leave(m);
	if (r == CKR_OK && len > *outlen)
		r = CKR_GENERAL_ERROR;
	*outlen = r == CKR_OK ? len : 0;
	return module_say(r, "C_Sign");
}

struct rv
module_decrypt_init(struct module *m, unsigned long session, unsigned long key,
    const struct module_mech *mech)
{
	CK_MECHANISM ck = {mech->type, mech->params, mech->paramslen};
	struct rv rv;

	module_enter(m);
	rv =
	    module_say(m->f->C_DecryptInit(session, &ck, key), "C_DecryptInit");
	module_leave(m);
	return rv;
}

struct rv
module_decrypt(struct module *m, unsigned long session, const uint8_t *in,
    size_t inlen, uint8_t *out, size_t *outlen)
{
	CK_ULONG len = *outlen;
	CK_RV r;

	module_enter(m);
	r = m->f->C_Decrypt(session, loan(in), inlen, out, &len);
	module_leave(m);
	if (r == CKR_OK && len > *outlen)
		r = CKR_GENERAL_ERROR;
	*outlen = r == CKR_OK ? len : 0;
	return module_say(r, "C_Decrypt");
}
