/*
 * What the tests of http share: certificates, a client whose key is far
 * away, a server that plays a script, and one exchange between them.
 */
#ifndef TESTS_UNIT_MP_HTTP_SCENE_H
#define TESTS_UNIT_MP_HTTP_SCENE_H

#include <limits.h>
#include <stdatomic.h>

#include "agent/evp.h"
#include "mp/http.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/https.h"
#include "tests/unit/mp/pki.h"

#define TYPE "multipart/mixed; boundary=\"aAbBcCdDv1234567890VxXyYzZ\""
#define DEADLINE_MS 3000
#define SEEN_MAX 8

/* Made once: keys take their time. */
struct http_world {
	EVP_PKEY *ca_key, *server_key, *client_key;
	X509 *ca, *other_ca, *server, *client;
	char dir[PATH_MAX];
	char ca_path[PATH_MAX], other_path[PATH_MAX];
	struct soft_signer *soft;
	struct signer signer;
	struct evp *evp;
	EVP_PKEY *key; /* client_key, far away */
};

/* What the server saw, and is to do. */
struct http_script {
	struct https_request seen[SEEN_MAX];
	char body[256];
	unsigned count;
	int status;
	const char *type;
	const char *raw;       /* in the place of an answer */
	atomic_size_t raw_len; /* may change between two exchanges */
	const char *extra;
	unsigned pause_ms;
	size_t drip, drip_after;
	bool close, rude;
};

extern struct http_world w;
extern struct http_script play;

/* For cmocka: around all tests, and before each. */
int make_world(void **state);
int end_world(void **state);
int set_up(void **state);

/* A server that asks for a certificate, and a client that has one. */
struct https_config server(void);
struct mp_http_config client(void);

struct mp_http *must_open(const struct mp_http_config *cfg);

/* Of the server, as this host; borrowed until the next call. */
char *address(const struct https *s, const char *scheme, const char *host);

/* Posts these bytes, as if they were a sealed message. */
int post_bytes(struct mp_http *h, const char *url, const void *data, size_t len,
    struct mp_http_reply *reply, struct mp_error *e);

/* Posts five bytes, "hello". */
int post(struct mp_http *h, const char *url, struct mp_http_reply *reply,
    struct mp_error *e);

/* One exchange that must fail with these words. */
void must_fail(const struct https_config *there,
    const struct mp_http_config *here, const char *scheme, const char *host,
    enum mp_err code, const char *words);

/* One that must work, with this body; "ok" unless told. */
void must_work_with(const struct https_config *there,
    const struct mp_http_config *here, const char *scheme, const char *body);
void must_work(const struct https_config *there,
    const struct mp_http_config *here, const char *scheme);

#endif
