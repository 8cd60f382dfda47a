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
#include "mp/message.h"
#include "mp/state.h"
#include "mp/trust.h"

struct mp_client_config {
	const char *mp;         /* https://HOST[:PORT]: native mode alone */
	const char *site;       /* three characters */
	const char *netbios;    /* for registration */
	const char *fqdn;
	const char *ca;         /* TLS trust: file or directory; NULL: system */
	const char *mp_certs;   /* pinned MP certificates: file or directory */
	enum mp_signature_rule signature;
	enum mp_hash hash;
	const char *state_dir;  /* made and opened when first needed */
	unsigned timeout_ms;    /* per exchange; 0: 60 s */
	unsigned poll_ms;       /* between Confirmations; 0: 5 s, growing */
	bool strict_dates;      /* refuse what mp_client_warning warns of */
	int tls_max;            /* see mp/http.h */
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
 * none. Documents and policy bodies are proven by TLS alone. Borrowed.
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

/* Policy assignments; free with mp_assignments_release. */
int mp_client_assignments(struct mp_client *c, struct mp_assignments *out,
    struct mp_error *e);

/*
 * The policy's XML: decrypted, decompressed, UTF-8, in a buffer that the
 * caller initialised. The 2007 documentation lets clients of our kind pass
 * over flags 1, 2 and 4 (sdk-facts 4.3 [D]). Ours holds the key and identity
 * that RequiresAuth (2) and Secret (4) call for, so it sends the identity
 * headers and reads them, as the later SDK does (wire-facts 5.3 [S]); a task
 * sequence (1) is no policy for a client to apply, and is MP_EREFUSED.
 */
int mp_client_policy(struct mp_client *c, const struct mp_assignment *a,
    struct mp_buf *xml, struct mp_error *e);

/* .sms_aut documents; see mp/kinds/document.h for who frees what. */
int mp_client_mp_list(struct mp_client *c, struct mp_list *out,
    struct mp_error *e);
int mp_client_key_information(struct mp_client *c,
    struct mp_key_information *out, struct mp_error *e);
int mp_client_certificates(struct mp_client *c, struct mp_certificates *out,
    struct mp_error *e);

#endif
