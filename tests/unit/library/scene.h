/*
 * A management point that fits in a test, a client key behind the public
 * table of functions, and messaging objects that know of both.
 */
#ifndef TESTS_UNIT_LIBRARY_SCENE_H
#define TESTS_UNIT_LIBRARY_SCENE_H

#include "tests/unit/library/rig.h"

#include <limits.h>

#include "tests/unit/mp/little_mp.h"
#include "tests/unit/mp/pki.h"

#define SMSID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define RESPONSE(type, status)                                   \
	"<ClientRegistrationResponse ResponseType=\"" type       \
	"\" TimeStamp=\"2026-11-23T00:00:00Z\" Status=\"" status \
	"\" SMSID=\"" SMSID "\" ApprovalStatus=\"1\"/>"
#define DONE RESPONSE("Registration", "0")
#define PENDING RESPONSE("Registration", "1")
#define STILL RESPONSE("Confirmation", "1")

/* Made once: keys take their time. */
struct world {
	EVP_PKEY *ca_key, *mp_key, *client_key;
	X509 *ca, *tls, *sign, *client;
	char dir[PATH_MAX], ca_path[PATH_MAX], sign_path[PATH_MAX];
	struct rig rig;
	struct signer_identity key;
	struct sealpoint_identity *identity;
};

/* One management point, and a client of it. */
struct scene {
	struct little_mp mp;
	char url[64];
	char base[PATH_MAX], state[PATH_MAX];
	struct sealpoint_messaging *messaging;
	struct sealpoint_message *message; /* settings of native mode */
	char steps[4096];
};

extern struct world w;

int make_world(void **state);
int end_world(void **state);

void scene_start(struct scene *s);
void scene_end(struct scene *s);

/* Registers, with what the scene's management point answers. */
int scene_register(struct scene *s, struct sealpoint_failure *why);

#endif
