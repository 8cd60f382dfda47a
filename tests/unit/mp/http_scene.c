#include "tests/unit/mp/http_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct http_world w;
struct http_script play;

static void
handle(void *ctx, struct https_request *q, struct mp_buf *answer)
{
	struct http_script *p = ctx;

	if (p->count < SEEN_MAX) {
		p->seen[p->count] = *q;
		(void)snprintf(p->body, sizeof(p->body), "%.*s", (int)q->len,
		    (const char *)q->body);
	}
	p->count++;
	q->pause_ms = p->pause_ms;
	q->drip = p->drip;
	q->drip_after = p->drip_after;
	q->close = p->close;
	q->rude = p->rude;
	if (p->raw != NULL)
		mp_buf_add(answer, p->raw, p->raw_len);
	else if (p->extra != NULL)
		mp_buf_printf(answer,
		    "HTTP/1.1 %d X\r\n%s\r\nContent-Length: 2\r\n\r\nok",
		    p->status, p->extra);
	else
		https_answer(answer, p->status, p->type, "ok", 2);
}

int
make_world(void **state)
{
	struct signer_identity id;

	(void)state;
	w.ca_key = pki_key();
	w.server_key = pki_key();
	w.client_key = pki_key();
	w.ca = pki_cert(w.ca_key, &(struct pki_wish){.cn = "CA", .ca = true});
	w.other_ca = pki_cert(
	    w.server_key, &(struct pki_wish){.cn = "Other", .ca = true});
	w.server =
	    pki_cert(w.server_key, &(struct pki_wish){.cn = "MP1",
				       .san = "DNS:localhost,IP:127.0.0.1",
				       .issuer = w.ca,
				       .issuer_key = w.ca_key});
	w.client = pki_cert(w.client_key,
	    &(struct pki_wish){
		.cn = "CLIENT1", .issuer = w.ca, .issuer_key = w.ca_key});
	pki_dir(w.dir);
	pki_save(w.dir, "ca.pem", w.ca, w.ca_path);
	pki_save(w.dir, "other.pem", w.other_ca, w.other_path);
	w.soft = soft_signer_new();
	soft_signer_add(w.soft, w.client_key, w.client, &id);
	soft_signer_signer(w.soft, &w.signer);
	if (evp_open(&w.evp, NULL) != SIGNER_OK)
		return -1;
	return evp_key(w.evp, &w.signer, &id, w.client, &w.key, NULL);
}

int
end_world(void **state)
{
	(void)state;
	EVP_PKEY_free(w.key);
	evp_close(w.evp);
	signer_close(&w.signer);
	X509_free(w.ca);
	X509_free(w.other_ca);
	X509_free(w.server);
	X509_free(w.client);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.server_key);
	EVP_PKEY_free(w.client_key);
	pki_remove(w.dir);
	return 0;
}

int
set_up(void **state)
{
	(void)state;
	memset(&play, 0, sizeof(play));
	play.status = 200;
	soft_signer_fail(w.soft, SIGNER_OK, 0);
	return 0;
}

struct https_config
server(void)
{
	return (struct https_config){.cert = w.server,
	    .key = w.server_key,
	    .client_ca = w.ca,
	    .handle = handle,
	    .ctx = &play};
}

struct mp_http_config
client(void)
{
	return (struct mp_http_config){.ca_file = w.ca_path,
	    .connect_ms = DEADLINE_MS,
	    .timeout_ms = DEADLINE_MS,
	    .key = w.key,
	    .cert = w.client};
}

struct mp_http *
must_open(const struct mp_http_config *cfg)
{
	struct mp_http *h = NULL;
	struct mp_error e;

	if (mp_http_open(&h, cfg, &e) != 0)
		fail_msg("%s", e.text);
	return h;
}

char *
address(const struct https *s, const char *scheme, const char *host)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s://%s:%u/ccm_system/request",
	    scheme, host, https_port(s));
	return url;
}

int
post_bytes(struct mp_http *h, const char *url, const void *data, size_t len,
    struct mp_http_reply *reply, struct mp_error *e)
{
	const uint8_t *p = data;
	size_t first = len < 3000 ? len / 3 : 1000;
	struct mp_sealed body;
	int r;

	memset(e, 0, sizeof(*e));
	mp_sealed_init(&body);
	mp_buf_add(&body.head, p, first);
	assert_int_equal(
	    mp_spool_write(&body.payload, p + first, len - 2 * first, e), 0);
	mp_buf_add(&body.tail, p + len - first, first);
	r = mp_http_post(h, url, TYPE, &body, reply, e);
	mp_sealed_release(&body);
	return r;
}

int
post(struct mp_http *h, const char *url, struct mp_http_reply *reply,
    struct mp_error *e)
{
	return post_bytes(h, url, "hello", 5, reply, e);
}

void
must_fail(const struct https_config *there, const struct mp_http_config *here,
    const char *scheme, const char *host, enum mp_err code, const char *words)
{
	struct https *s = https_start(there);
	struct mp_http *h = must_open(here);
	struct mp_http_reply reply;
	struct mp_error e;
	int r;

	r = post(h, address(s, scheme, host), &reply, &e);
	if (r != (int)code || strstr(e.text, words) == NULL ||
	    strstr(e.text, host) == NULL)
		fail_msg(
		    "%d, \"%s\": not %d, \"%s\"", r, e.text, (int)code, words);
	assert_int_equal(reply.body.len, 0);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

void
must_work_with(const struct https_config *there,
    const struct mp_http_config *here, const char *scheme, const char *body)
{
	struct https *s = https_start(there);
	struct mp_http *h = must_open(here);
	struct mp_http_reply reply;
	struct mp_error e;

	if (post(h, address(s, scheme, "127.0.0.1"), &reply, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body.len, strlen(body));
	assert_memory_equal(reply.body.data, body, reply.body.len);
	mp_buf_release(&reply.body);
	mp_http_close(h);
	https_stop(s);
}

void
must_work(const struct https_config *there, const struct mp_http_config *here,
    const char *scheme)
{
	must_work_with(there, here, scheme, "ok");
}
