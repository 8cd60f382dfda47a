/*
 * What a client sends besides registration and policy: any kind of message,
 * raw or made by its builder, now or as a dry run. Part of mp/client.h's
 * object; one thread at a time.
 */
#ifndef MP_CLIENT_SEND_H
#define MP_CLIENT_SEND_H

#include "mp/client.h"
#include "mp/kinds/kind.h"
#include "mp/message.h"
#include "mp/sealed.h"

struct mp_send {
	const struct mp_kind_rule *kind; /* NULL: endpoint alone counts, and a
					    reply is waited for if wanted */
	const char *endpoint;            /* raw messages; else NULL */
	const char *body; /* UTF-8 XML; the kind decides on a declaration */
	const struct mp_property *properties; /* besides the kind's FileType */
	size_t nproperties;
	const struct mp_attachment *attachments;
	size_t nattachments;
	bool flags_given; /* else the kind's defaults */
	uint32_t flags;   /* SIGN, ENCRYPT, CRL, COMPRESS */
	/* Told how much of how much is sent; may be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t all);
	void *progress_ctx;
};

/*
 * Checks flags and body against the kind's rules, seals and sends. reply gets
 * the believed answer as UTF-8 XML, and stays empty for kinds without one
 * (NULL is allowed for those). Nothing is sent that is only half built.
 */
int mp_client_send(struct mp_client *c, const struct mp_send *what,
    struct mp_buf *reply, struct mp_error *e);

/*
 * The same up to the sending. header: the <Msg> element as UTF-8, empty for a
 * kind that has none; payload: what it says, before compression and
 * encryption, as text for people (mp/preview.h); request: the body that would
 * be posted, byte for byte. The caller initialised all three; they are empty
 * after a failure.
 */
int mp_client_dry_run(struct mp_client *c, const struct mp_send *what,
    struct mp_buf *header, struct mp_buf *payload, struct mp_sealed *request,
    struct mp_error *e);

/* SMSID that this client is registered under; MP_ENOTFOUND if it is not. */
int mp_client_smsid(
    struct mp_client *c, char smsid[MP_SMSID_MAX], struct mp_error *e);

/*
 * From now on for another managed client, or for none (NULL), under these
 * names, on the same connection. The strings are borrowed; after a failure
 * the client is what it was.
 */
int mp_client_speak(struct mp_client *c, const char *client_id,
    const char *netbios, const char *fqdn, struct mp_error *e);

/* HTTP status of the last exchange; 0: none that was answered. */
long mp_client_status(const struct mp_client *c);

#endif
