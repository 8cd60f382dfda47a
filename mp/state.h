/*
 * What the client must remember: its SMSID and registration for each
 * identity, management point and site. A SQLite file in the state directory;
 * every call is one transaction. Holds no secret.
 */
#ifndef MP_STATE_H
#define MP_STATE_H

#include "mp/error.h"
#include "mp/message.h"

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
};

struct mp_state;

/*
 * Opens dir/client.db, making both if they are not there (0700, 0600). A
 * corrupt, locked or read-only file is MP_ESTATE with its path, and is left
 * as it is. A lock of another process is waited for, for five seconds. A
 * directory that everybody may write to is refused.
 */
int mp_state_open(struct mp_state **sp, const char *dir, struct mp_error *e);
void mp_state_close(struct mp_state *s); /* NULL-safe */

/*
 * Key: SHA-256 of the certificate in hex, MP's URL, site code; compared byte
 * for byte. What was never stored is found as MP_REG_NONE with an empty id.
 */
int mp_state_get(struct mp_state *s, const char *sha256, const char *mp,
    const char *site, struct mp_state_client *out, struct mp_error *e);
int mp_state_put(struct mp_state *s, const char *sha256, const char *mp,
    const char *site, const struct mp_state_client *in, struct mp_error *e);

#endif
