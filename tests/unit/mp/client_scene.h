/*
 * What the tests of the client share: certificates, a little management
 * point, a client of it, and a state directory that goes with the test.
 */
#ifndef TESTS_UNIT_MP_CLIENT_SCENE_H
#define TESTS_UNIT_MP_CLIENT_SCENE_H

#include <limits.h>

#include "mp/client.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/little_mp.h"
#include "tests/unit/mp/pki.h"

#define SMSID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define OTHER "GUID:0D5A4B1C-9999-2222-3333-444455556666"
#define RESPONSE(type, status, more)                                        \
	"<ClientRegistrationResponse ResponseType=\"" type                  \
	"\" TimeStamp=\"2026-11-23T00:00:00Z\" Status=\"" status "\" " more \
	"/>"
#define WITH(id) "SMSID=\"" id "\" ApprovalStatus=\"1\""
#define DONE RESPONSE("Registration", "0", WITH(SMSID))
#define PENDING RESPONSE("Registration", "1", WITH(SMSID))
#define STILL RESPONSE("Confirmation", "1", WITH(SMSID))
#define CONFIRMED RESPONSE("Confirmation", "0", WITH(SMSID))
#define RESET(type) RESPONSE(type, "2", "")

/* Made once: keys take their time. */
struct client_world {
	EVP_PKEY *ca_key, *mp_key, *client_key;
	X509 *ca, *tls, *sign, *other, *client, *expired, *alone;
	char dir[PATH_MAX], ca_path[PATH_MAX], sign_path[PATH_MAX];
	struct soft_signer *soft;
	struct signer signer;
	struct signer_identity id, old, ec, self;
	struct evp *evp;
};

/* One test's management point, client and state. */
struct client_scene {
	struct little_mp mp;
	struct mp_client_config cfg;
	const struct signer_identity *who;
	struct mp_client *client;
	char url[64];
	char base[PATH_MAX], state[PATH_MAX];
	char steps[4096];
};

extern struct client_world w;
extern struct client_scene s;

/* For cmocka: around all tests, and around each. */
int make_world(void **state);
int end_world(void **state);
int set_up(void **state);
int set_up_mixed(void **state); /* HTTP, a self-signed certificate */
int tear_down(void **state);

/* The client anew, as a later run of a program has it. */
void reopen(void);

/* The failure's sentence must have these words. */
void says(const struct mp_error *e, const char *words);

/* Registers anew opened; must_enrol() insists that it works, and proven. */
int enrol(unsigned wait_s, struct mp_state_client *out, bool *already,
    struct mp_error *e);
void must_enrol(unsigned wait_s);

#endif
