/*
 * What the files of agent/evp/ share: the key object, digests by name, and
 * the parameters of an operation as OpenSSL spells them. No more of a key is
 * here than its name and its public half; what it does, a signer does.
 *
 * Nouns begin with evp because an OpenSSL linked statically has a key_ and a
 * digest_ of its own.
 */
#ifndef AGENT_EVP_INTERNAL_H
#define AGENT_EVP_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "agent/evp.h"

#define EVPPROV_NAME "sealpoint"
#define EVPKEY_PARAM "sealpoint-key" /* a struct evpkey *, for import alone */
#define EVPMD_COUNT (SIGNER_SHA512 + 1)

struct evp {
	atomic_uint refs; /* evp_open()'s own, and one of each key */
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *prov;
	EVP_MD *md[EVPMD_COUNT]; /* by enum signer_hash; NULL: not to be had */
};

enum evpkey_kind {
	EVPKEY_RSA = 1,
	EVPKEY_RSA_PSS = 2, /* restricted to PSS by its certificate */
	EVPKEY_EC = 3,
	EVPKEY_ED25519 = 4,
};

/* A signer's key. Counted; does not change once made, so needs no lock. */
struct evpkey {
	atomic_uint refs;
	enum evpkey_kind kind;
	struct evp *evp;             /* a reference */
	const struct signer *signer; /* borrowed */
	struct signer_identity id;
	EVP_PKEY *pub; /* the certificate's, of no provider of ours */
	size_t size;   /* bytes of a signature, at most; RSA: exactly */
	unsigned bits;
	enum signer_hash pss_hash; /* EVPKEY_RSA_PSS: all it takes; or NONE */
	int pss_salt;              /* EVPKEY_RSA_PSS: bytes of salt, at least */
};

/* What EVP_PKEY holds: keymgmt makes it before it knows the key. */
struct evpref {
	struct evpkey *key; /* a reference, or NULL */
};

/* A signature being made. */
struct evpsig {
	struct evpkey *key; /* a reference; NULL before the first init */
	enum signer_scheme scheme;
	enum signer_hash hash; /* NONE: not said yet, or Ed25519 */
	enum signer_hash mgf1; /* NONE: as hash */
	int salt;              /* bytes, or one of RSA_PSS_SALTLEN_... */
	bool whole;            /* we are given the message, not its digest */
	bool spent;            /* final was called */
	EVP_MD_CTX *running;   /* update was called */
};

/* evp.c */
void evp_ref(struct evp *e);
enum signer_hash evp_hash(const struct evp *e, const char *name);

/* provider.c */
OSSL_provider_init_fn evpprov_init;

/* key.c */
int evpkey_new(struct evpkey **kp, struct evp *e, const struct signer *s,
    const struct signer_identity *id, X509 *cert, struct signer_trouble *why);
struct evpkey *evpkey_ref(struct evpkey *k);
void evpkey_free(struct evpkey *k);              /* NULL-safe */
const char *evpkey_name(const struct evpkey *k); /* OpenSSL's, of the type */

/* As the signer's calls, but 1 or 0, with trouble and OpenSSL's error set. */
int evpkey_sign(struct evpkey *k, const struct signer_sign *what, uint8_t *sig,
    size_t *siglen, size_t room);
int evpkey_decrypt(struct evpkey *k, enum signer_scheme scheme,
    enum signer_hash hash, const uint8_t *in, size_t inlen, uint8_t *out,
    size_t *outlen, size_t room);

/*
 * Notes that something asked of the key (NULL before it is known) cannot be
 * done: as this thread's trouble, and as OpenSSL's error `reason`. Returns 0.
 */
int evpkey_refuse(const struct evpkey *k, int reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* trouble.c: this thread's last one. */
void evptrouble_clear(void);
void evptrouble_set(const struct signer_trouble *why);

/*
 * param.c: reads one parameter in any of the forms that OpenSSL and programs
 * give it. False if it makes no sense.
 */
bool evpparam_text(const OSSL_PARAM *p, char *text, size_t len);
bool evpparam_padding(const OSSL_PARAM *p, int *padding);
bool evpparam_salt(const OSSL_PARAM *p, int *salt);
int evpparam_put_padding(OSSL_PARAM *p, int padding);
int evpparam_put_salt(OSSL_PARAM *p, int salt);

/* sigparam.c: the parameters of a signature. */
OSSL_FUNC_signature_set_ctx_params_fn evpsig_set;
OSSL_FUNC_signature_settable_ctx_params_fn evpsig_settable;
OSSL_FUNC_signature_get_ctx_params_fn evpsig_get;
OSSL_FUNC_signature_gettable_ctx_params_fn evpsig_gettable;
int evpsig_set_hash(struct evpsig *c, const char *name);
int evpsig_saltlen(const struct evpsig *c); /* bytes, or -1 and refused */

/* algid.c: the DER AlgorithmIdentifier of what c signs with. */
int evpsig_algid(const struct evpsig *c, OSSL_PARAM *p);

/* signature.c, cipher.c, keymgmt.c: their rows of the provider's tables. */
extern const OSSL_DISPATCH evpsig_functions[];
extern const OSSL_DISPATCH evpsig_ed25519_functions[];
extern const OSSL_DISPATCH evpcipher_functions[];
extern const OSSL_DISPATCH evpkeymgmt_rsa_functions[];
extern const OSSL_DISPATCH evpkeymgmt_ec_functions[];
extern const OSSL_DISPATCH evpkeymgmt_ed25519_functions[];

#endif
