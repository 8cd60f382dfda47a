/*
 * A management point that fits in a test: opens what it is sent, looks up
 * what to say in a list that the test wrote, and signs it. Knows only what
 * the client's tests ask for; the real stand-in is tests/mpsim.
 */
#ifndef TESTS_UNIT_MP_LITTLE_MP_H
#define TESTS_UNIT_MP_LITTLE_MP_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/unit/mp/https.h"

#define LITTLE_SEEN_MAX 16

enum little_kind {
	LITTLE_REGISTRATION = 1,
	LITTLE_CONFIRMATION,
	LITTLE_ASSIGNMENTS,
	LITTLE_GET,
	LITTLE_OTHER, /* cannot be read, or is nothing of the above */
};

/* What to answer to one message, or to a GET of a path. */
struct little_answer {
	enum little_kind kind;
	const char *path; /* of a GET: begins so */
	const char *xml;  /* or the bytes of a document */
	size_t len;       /* of those bytes; 0: xml is text */
	int status;       /* HTTP; 0: 200 */
	unsigned pause_ms;
	bool used;    /* each is given once ... */
	bool forever; /* ... or always */
};

struct little_seen {
	enum little_kind kind;
	char path[512];
	char xml[8192];    /* the body's text */
	char header[8192]; /* <Msg> as ASCII */
	char head[16384];
};

struct little_mp {
	struct https *server;
	EVP_PKEY *sign_key;
	X509 *sign_cert; /* NULL: replies are not signed */
	const char *site, *senders;
	struct little_answer *answers; /* ends with kind 0 */
	struct little_seen seen[LITTLE_SEEN_MAX];
	unsigned count;
};

/* The https_handler; its ctx is the little_mp. */
void little_handle(void *ctx, struct https_request *q, struct mp_buf *answer);

unsigned little_count(const struct little_mp *m, enum little_kind kind);

#endif
