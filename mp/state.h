/*
 * What the client must remember: its SMSID, registration and names for each
 * identity, management point, site and, where an ISV proxy speaks for others,
 * managed client. A SQLite file in the state directory; every call is one
 * transaction, and finds its row by an index. Holds no secret.
 */
#ifndef MP_STATE_H
#define MP_STATE_H

#include <stdbool.h>

#include "mp/error.h"
#include "mp/message.h"
#include "mp/url.h"

#define MP_NETBIOS_MAX 16 /* bytes of a NetBIOS name, with NUL */

enum mp_registration_status {
	MP_REGISTERED = 0, /* as on the wire (wire-facts 4.2) */
	MP_REG_PENDING = 1,
	MP_REG_RESET = 2,
	MP_REG_REJECTED = 3,
	MP_REG_CERT_RESET = 4,
	MP_REG_NONE = 100, /* never registered; ours alone */
};

struct mp_state_client {
	char smsid[MP_SMSID_MAX];
	enum mp_registration_status status;
	int approval;  /* -1 unknown, 0 pending, 1 approved, 2 n/a */
	int64_t since; /* UNIX time */
	char netbios[MP_NETBIOS_MAX]; /* as registered; "" if not known */
	char fqdn[MP_HOST_MAX];
	/* Msg/ID of the registration; its Confirmations carry it too. */
	char message[MP_GUID_MAX];
	int agent; /* enum mp_agent that it registered as; -1 unknown */
};

/* Whose registration, and where; compared byte for byte. */
struct mp_state_key {
	const char *sha256; /* of the certificate, hex */
	const char *mp;     /* its URL */
	const char *site;
	const char *client; /* name of a managed client; NULL: the signer */
};

struct mp_state;

/*
 * Opens dir/client.db, making both if they are not there (0700, 0600), and
 * brings a file of an earlier version up to this one's format. A
 * corrupt, locked or read-only file is MP_ESTATE with its path, and is left
 * as it is. A lock of another process is waited for, for five seconds. A
 * directory that everybody may write to is refused.
 */
int mp_state_open(struct mp_state **sp, const char *dir, struct mp_error *e);
void mp_state_close(struct mp_state *s); /* NULL-safe */

/* What was never stored is found as MP_REG_NONE with an empty id. */
int mp_state_get(struct mp_state *s, const struct mp_state_key *key,
    struct mp_state_client *out, struct mp_error *e);
int mp_state_put(struct mp_state *s, const struct mp_state_key *key,
    const struct mp_state_client *in, struct mp_error *e);

/* The same by SMSID, of either case; key->client does not count. */
int mp_state_find(struct mp_state *s, const struct mp_state_key *key,
    const char *smsid, struct mp_state_client *out, struct mp_error *e);

/*
 * Has another client than the key's that SMSID there: another managed client
 * of the same certificate, or one of another certificate?
 */
int mp_state_taken(struct mp_state *s, const struct mp_state_key *key,
    const char *smsid, bool *taken, struct mp_error *e);

#endif
