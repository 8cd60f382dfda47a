#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "tests/bench/bench.h"

/* DigestInfo of SHA-256 (RFC 8017, 9.2, note 1) before 32 bytes of digest. */
static CK_BYTE digest_info[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

struct direct {
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_OBJECT_HANDLE key;
	enum bench_key type;
};

struct session {
	struct direct *d;
	CK_SESSION_HANDLE h;
};

static int
complain(const char *what, CK_RV rv)
{
	(void)fprintf(stderr, "bench: %s: 0x%lx\n", what, rv);
	return 1;
}

static void *
open_session(void *arg)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->d = arg;
	if (s->d->f->C_OpenSession(
		s->d->slot, CKF_SERIAL_SESSION, NULL, NULL, &s->h) != CKR_OK) {
		free(s);
		return NULL;
	}
	return s;
}

static int
sign(void *one)
{
	struct session *s = one;
	CK_MECHANISM m = {
	    s->d->type == BENCH_RSA ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	CK_BYTE sig[512];
	CK_ULONG n = sizeof(sig);
	CK_RV rv = s->d->f->C_SignInit(s->h, &m, s->d->key);

	if (rv == CKR_OK && s->d->type == BENCH_RSA)
		rv = s->d->f->C_Sign(
		    s->h, digest_info, sizeof(digest_info), sig, &n);
	else if (rv == CKR_OK)
		rv = s->d->f->C_Sign(s->h, digest_info, 32, sig, &n);
	return rv == CKR_OK ? 0 : complain("C_Sign", rv);
}

static void
close_session(void *one)
{
	struct session *s = one;

	(void)s->d->f->C_CloseSession(s->h);
	free(s);
}

static int
find_slot(struct direct *d, const char *label)
{
	CK_SLOT_ID ids[64];
	CK_ULONG n = 64;
	CK_RV rv = d->f->C_GetSlotList(CK_TRUE, ids, &n);

	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
		CK_TOKEN_INFO info;

		if (d->f->C_GetTokenInfo(ids[i], &info) == CKR_OK &&
		    strlen(label) <= sizeof(info.label) &&
		    memcmp(info.label, label, strlen(label)) == 0) {
			d->slot = ids[i];
			return 0;
		}
	}
	return complain("no such token", rv);
}

static int
log_in(struct direct *d, const char *pin_file, CK_SESSION_HANDLE *h)
{
	CK_BYTE pin[256];
	FILE *f = fopen(pin_file, "re");
	size_t n;
	CK_RV rv;

	if (f == NULL)
		return complain("PIN file", 0);
	n = fread(pin, 1, sizeof(pin), f);
	(void)fclose(f);
	while (n > 0 && (pin[n - 1] == '\n' || pin[n - 1] == '\r'))
		n--;
	rv = d->f->C_OpenSession(d->slot, CKF_SERIAL_SESSION, NULL, NULL, h);
	if (rv == CKR_OK)
		rv = d->f->C_Login(*h, CKU_USER, pin, n);
	explicit_bzero(pin, sizeof(pin));
	return rv == CKR_OK ? 0 : complain("C_Login", rv);
}

static int
find_key(struct direct *d, CK_SESSION_HANDLE h)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = d->type == BENCH_RSA ? CKK_RSA : CKK_EC;
	CK_ATTRIBUTE want[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_KEY_TYPE, &type, sizeof(type)},
	};
	CK_ULONG n = 0;
	CK_RV rv = d->f->C_FindObjectsInit(h, want, 2);

	if (rv == CKR_OK)
		rv = d->f->C_FindObjects(h, &d->key, 1, &n);
	(void)d->f->C_FindObjectsFinal(h);
	return rv == CKR_OK && n == 1 ? 0 : complain("no such key", rv);
}

int
direct_load(const struct bench_place *b, struct load *l)
{
	static struct direct d; /* a module is one for the process */
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	void *lib = dlopen(b->module, RTLD_NOW);
	CK_SESSION_HANDLE h;

	d.type = b->key;
	if (lib != NULL)
		*(void **)&get = dlsym(lib, "C_GetFunctionList");
	if (get == NULL || get(&d.f) != CKR_OK ||
	    d.f->C_Initialize(&args) != CKR_OK)
		return complain("the module cannot be loaded", 0);
	if (find_slot(&d, b->token) != 0 || log_in(&d, b->pin_file, &h) != 0 ||
	    find_key(&d, h) != 0)
		return 1;
	l->open = open_session;
	l->step = sign;
	l->close = close_session;
	l->arg = &d;
	return 0;
}
