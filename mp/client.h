/*
 * A client of one management point: the library's root object, what
 * ISmsMessaging is to the COM interfaces. Ties identity, trust, HTTP and
 * client state together; one thread at a time per object.
 */
#ifndef MP_CLIENT_H
#define MP_CLIENT_H

#include <stdbool.h>

#include "agent/evp.h"
#include "agent/signer.h"
#include "mp/error.h"
#include "mp/kinds/assignments.h"
#include "mp/kinds/document.h"
#include "mp/kinds/policyhash.h"
#include "mp/message.h"
#include "mp/state.h"
#include "mp/trust.h"

enum mp_mode { MP_MODE_NATIVE = 0, MP_MODE_MIXED = 1 };

/* AgentType of a registration (sdk-facts 4.1 [D]). */
enum mp_agent {
	MP_AGENT_CLIENT = 0,
	MP_AGENT_PROXY = 4,
	MP_AGENT_PROXY_CLIENT = 8,
};

/* Which URL, and how HTTP authenticates there (wire-facts 1.1). */
enum mp_auth {
	MP_AUTH_NONE = 0,      /* /ccm_system: anonymous or mutual TLS */
	MP_AUTH_WINDOWS = 1,   /* /ccm_system_windowsauth: NTLM, Negotiate */
	MP_AUTH_ALTERNATE = 2, /* /ccm_system_altauth: no client certificate */
};

/*
 * When a policy's body must match a SHA-1 or SHA-256 hash of its signed
 * assignment. It comes by plain GET and is not signed itself.
 */
enum mp_policy_hash_rule {
	MP_POLICY_HASH_NO_TLS = 0, /* where TLS does not prove its origin */
	MP_POLICY_HASH_ALWAYS = 1, /* over TLS, too */
};

struct mp_client_config {
	const char *mp;          /* [http[s]://]HOST[:PORT] */
	enum mp_mode mode;       /* the URL's scheme or port do not choose it */
	unsigned port;           /* 0: the URL's, else 443 native, 80 mixed */
	enum mp_agent as;        /* what registers; see mp_agent */
	const char *proxy_smsid; /* MP_AGENT_PROXY_CLIENT: its ISV proxy's */
	const char *client_id;   /* managed client that the proxy speaks for */
	const char *hint;        /* RegistrationHint, or NULL */
	const char *hardware_id; /* HardwareID1, or NULL */
	const char *want_smsid;  /* requested SMSID, or NULL */
	int internet;            /* InternetFlag 0, 1, 2 */
	bool crl;                /* check the MP's TLS certificate (native) */
	const char *crl_cache;   /* directory; NULL: state_dir */
	enum mp_auth auth;       /* URL and HTTP authentication */
	const char *auth_file;   /* "user:password" on one line, 0600: NTLM;
				    NULL: this user's Kerberos ticket */
	const char *http_proxy;  /* URL; native Internet-based clients only */
	const char *http_proxy_file; /* its credentials, likewise */
	const char
	    *encrypt_certs;    /* of every MP that may receive; NULL: MPCERT2 */
	enum mp_cipher cipher; /* of encrypted uploads */
	const char *site;      /* three characters */
	const char *netbios;   /* for registration */
	const char *fqdn;
	const char *ca;       /* TLS trust: file or directory; NULL: system */
	const char *mp_certs; /* pinned MP certificates: file or directory */
	enum mp_signature_rule signature;
	enum mp_hash mp_hash; /* the weakest that replies may be signed with */
	enum mp_policy_hash_rule policy_hash_rule;
	uint64_t upload_max; /* bytes of one message before it is compressed;
				0: MP_PAYLOAD_MAX; at most MP_SEALED_MAX */
	enum mp_hash hash;
	const char *state_dir; /* made and opened when first needed */
	unsigned timeout_ms;   /* per exchange; 0: 60 s */
	unsigned poll_ms;      /* between Confirmations; 0: 5 s, growing */
	bool strict_dates;     /* refuse what mp_client_warning warns of */
	int tls_max;           /* see mp/http.h */
	/* Tells of each step while it happens; may be NULL. */
	void (*step)(void *ctx, const char *what);
	void *step_ctx;
};

struct mp_client;

/* Signer and evp are borrowed; the strings of cfg must outlive the client. */
int mp_client_open(struct mp_client **cp, const struct mp_client_config *cfg,
    struct evp *evp, const struct signer *s, const uint8_t *thumb,
    size_t thumblen, struct mp_error *e);
void mp_client_close(struct mp_client *c); /* NULL-safe */

/* A warning about the certificate's dates, or NULL. Borrowed. */
const char *mp_client_warning(const struct mp_client *c);

/*
 * How the last reply was proven: "signature" or "tls"; NULL if there was
 * none. Documents are proven by TLS alone; so are policy bodies, and without
 * TLS by the hash that their signed assignment has ("hash"). Borrowed.
 */
const char *mp_client_proof(const struct mp_client *c);

/*
 * Registers, and polls with Confirmation while pending, for up to wait_s
 * seconds. *already: it was registered before, and nothing was sent. State
 * is stored before and after every step, so that a later call goes on where
 * this one ended: one that finds a pending registration confirms it, and
 * sends no new one. MP_EPENDING leaves a valid *out. An MP that forgot the
 * registration (status 2, 4) is asked anew once, for the same SMSID.
 */
int mp_client_register(struct mp_client *c, unsigned wait_s,
    struct mp_state_client *out, bool *already, struct mp_error *e);

/* Whose policy, and since when. */
struct mp_client_policies {
	const struct mp_assignments_user *user; /* NULL: the machine's */
	const char *cookie; /* of an earlier answer: what changed since */
};

/*
 * Policy assignments; free with mp_assignments_release. wanted: NULL for all
 * of the machine's. The management point may answer a cookie with everything
 * (out->reply_type "Full") as well.
 */
int mp_client_assignments(struct mp_client *c,
    const struct mp_client_policies *wanted, struct mp_assignments *out,
    struct mp_error *e);

/*
 * The policy's XML: decrypted, decompressed, UTF-8, in a buffer that the
 * caller initialised. The 2007 documentation lets clients of our kind pass
 * over flags 1, 2 and 4 (sdk-facts 4.3 [D]). Ours holds the key and identity
 * that RequiresAuth (2) and Secret (4) call for, so it sends the identity
 * headers and reads them, as the later SDK does (wire-facts 5.3 [S]); a task
 * sequence (1) is no policy for a client to apply, and is MP_EREFUSED.
 * Without TLS, a body that no SHA-1 or SHA-256 of its assignment fits is
 * MP_ETRUST, and so is a secret one that came unencrypted.
 */
int mp_client_policy(struct mp_client *c, const struct mp_assignment *a,
    struct mp_buf *xml, struct mp_error *e);

/* .sms_aut documents; see mp/kinds/document.h for who frees what. */
int mp_client_mp_list(
    struct mp_client *c, struct mp_list *out, struct mp_error *e);
int mp_client_key_information(
    struct mp_client *c, struct mp_key_information *out, struct mp_error *e);
int mp_client_certificates(
    struct mp_client *c, struct mp_certificates *out, struct mp_error *e);

#endif
