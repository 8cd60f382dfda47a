/*
 * The root object: what ISmsMessaging is. Makes messages and sends them;
 * knows the site, this machine's names, and where the agent and the client's
 * state are, all of which the COM interfaces took from Windows.
 *
 * One thread at a time per object; threads that each have their own do not
 * disturb each other. There is no other state: nothing to initialise, and
 * nothing that outlives its object.
 */
#ifndef SEALPOINT_MESSAGING_H
#define SEALPOINT_MESSAGING_H

#include <stddef.h>
#include <stdint.h>

#include <sealpoint/error.h>
#include <sealpoint/message.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEALPOINT_SMSID_MAX 48    /* "GUID:..." with NUL */
#define SEALPOINT_TRACKING_MAX 40 /* "{...}" with NUL */

struct sealpoint_messaging;

/* How a reply must be proven. */
enum sealpoint_proof {
	SEALPOINT_PROOF_SIGNATURE = 0, /* signed by a certificate we know */
	SEALPOINT_PROOF_TLS = 1,       /* unsigned is enough over good TLS */
};

enum sealpoint_authentication {
	SEALPOINT_AUTHENTICATION_NONE = 0,      /* our certificate alone */
	SEALPOINT_AUTHENTICATION_WINDOWS = 1,   /* NTLM or Negotiate */
	SEALPOINT_AUTHENTICATION_ALTERNATE = 2, /* no client certificate */
};

/* *out is yours: sealpoint_messaging_free(). */
SEALPOINT_API int sealpoint_messaging_new(
    struct sealpoint_messaging **out, struct sealpoint_failure *why);

/* NULL-safe. Messages that it made stay valid. */
SEALPOINT_API void sealpoint_messaging_free(struct sealpoint_messaging *s);

/* The agent's socket; NULL: $SEALPOINT_AGENT, or else the system's. */
SEALPOINT_API int sealpoint_messaging_set_agent(struct sealpoint_messaging *s,
    const char *socket, struct sealpoint_failure *why);

/* The site code: three letters or digits. Must be set. */
SEALPOINT_API int sealpoint_messaging_set_site(struct sealpoint_messaging *s,
    const char *code, struct sealpoint_failure *why);

/* What this client calls itself in messages; see sealpoint.1. */
SEALPOINT_API int sealpoint_messaging_set_names(struct sealpoint_messaging *s,
    const char *netbios, const char *fqdn, struct sealpoint_failure *why);

/* Where registrations are remembered: a directory, made if need be. */
SEALPOINT_API int sealpoint_messaging_set_state(struct sealpoint_messaging *s,
    const char *directory, struct sealpoint_failure *why);

/* Whom TLS trusts: a file or directory of certificates; NULL: the system's. */
SEALPOINT_API int sealpoint_messaging_set_ca(struct sealpoint_messaging *s,
    const char *path, struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_messaging_set_proof(struct sealpoint_messaging *s,
    enum sealpoint_proof proof, struct sealpoint_failure *why);

/* The weakest hash of replies' signatures: SHA-256, unless SHA-1 is set here,
 * for sites of old. */
SEALPOINT_API int sealpoint_messaging_set_proof_hash(
    struct sealpoint_messaging *s, enum sealpoint_hash weakest,
    struct sealpoint_failure *why);

/*
 * Must a policy fit a SHA-1 or SHA-256 hash of its signed assignment over TLS
 * as well (1), or only where no TLS proves it (0, the default)?
 */
SEALPOINT_API int sealpoint_messaging_set_policy_hash(
    struct sealpoint_messaging *s, int always, struct sealpoint_failure *why);

/*
 * The largest message that is sent, in bytes before it is compressed; 0: 256
 * MiB. More than SEALPOINT_UPLOAD_MAX is refused.
 */
#define SEALPOINT_UPLOAD_MAX 1073741824
SEALPOINT_API int sealpoint_messaging_set_upload_limit(
    struct sealpoint_messaging *s, uint64_t bytes,
    struct sealpoint_failure *why);

/* InternetFlag: 0 intranet, the default; 1 either; 2 always Internet. */
SEALPOINT_API int sealpoint_messaging_set_internet(
    struct sealpoint_messaging *s, int flag, struct sealpoint_failure *why);

/*
 * Where a site wants HTTP authentication, and so other URLs. credentials: a
 * file with user:password on one line that its owner alone may read; NULL:
 * this user's Kerberos ticket.
 */
SEALPOINT_API int sealpoint_messaging_set_authentication(
    struct sealpoint_messaging *s, enum sealpoint_authentication how,
    const char *credentials, struct sealpoint_failure *why);

/* Of one exchange with a management point; 0: 60 seconds. */
SEALPOINT_API int sealpoint_messaging_set_deadline(
    struct sealpoint_messaging *s, uint32_t milliseconds,
    struct sealpoint_failure *why);

/* Tells of each step while it happens, never of a secret; NULL: no more. */
SEALPOINT_API int sealpoint_messaging_set_trace(struct sealpoint_messaging *s,
    void (*step)(void *ctx, const char *what), void *ctx,
    struct sealpoint_failure *why);

/* An empty message; *out is yours: sealpoint_message_free(). */
SEALPOINT_API int sealpoint_messaging_create_message(
    struct sealpoint_messaging *s, struct sealpoint_message **out,
    struct sealpoint_failure *why);

/*
 * Sends a message and waits for the reply. host: [http[s]://]HOST[:PORT] of
 * the management point. The scheme does not choose the mode, the NATIVE_MODE
 * flag does; https:// in mixed mode is refused, since it would promise what
 * is not done. *reply is yours, NULL after a failure; it has a body, which is
 * believed: see sealpoint_messaging_set_proof().
 *
 * Failures: SEALPOINT_ERR_INVALID_SCHEMA before anything is sent,
 * SEALPOINT_ERR_ACCESS_DENIED (HTTP status 401 and 403),
 * SEALPOINT_ERR_NO_REPLY, SEALPOINT_ERR_TRANSPORT, and any other.
 */
SEALPOINT_API int sealpoint_messaging_invoke(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *request,
    struct sealpoint_message **reply, struct sealpoint_failure *why);

/*
 * Sends a message that has no reply. Delivers it at once, and returns when
 * the management point has it: nothing is queued, so a failure means that it
 * was not delivered, and the caller may post it again. tracking names the
 * delivery; it has room for SEALPOINT_TRACKING_MAX bytes.
 */
SEALPOINT_API int sealpoint_messaging_post(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *m, char *tracking,
    struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
