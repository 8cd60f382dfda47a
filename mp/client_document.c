/* The client's calls for documents that an MP gives to anyone who asks. */
#include <string.h>

#include "mp/client_internal.h"
#include "mp/reply.h"

/* One for each document: what its parser makes of it, in *out. */
typedef int reader(const struct mp_buf *xml, void *out, struct mp_error *e);

static int
read_list(const struct mp_buf *xml, void *out, struct mp_error *e)
{
	return mp_list_parse(xml, out, e);
}

static int
read_key_information(const struct mp_buf *xml, void *out, struct mp_error *e)
{
	return mp_key_information_parse(xml, out, e);
}

static int
read_certificates(const struct mp_buf *xml, void *out, struct mp_error *e)
{
	return mp_certificates_parse(xml, out, e);
}

static int
read_site_certificate(const struct mp_buf *xml, void *out, struct mp_error *e)
{
	return mp_site_certificate_parse(xml, out, e);
}

/* Gets a document and reads it; the sentence of a failure names the MP. */
static int
fetch(struct mp_client *c, const char *path, reader *read, void *out,
    struct mp_error *e)
{
	struct mp_buf xml;
	int r;

	mp_buf_init(&xml, MP_REPLY_MAX);
	mp_client_step(c, "fetching %s from %s", path, c->url.host);
	r = mp_exchange_get(&c->x, path, NULL, false, &xml, e);
	if (r == 0 && (r = read(&xml, out, e)) != 0)
		r = mp_fail_in(e, "%s", c->url.text);
	mp_buf_release(&xml);
	return r;
}

int
mp_client_mp_list(struct mp_client *c, struct mp_list *out, struct mp_error *e)
{
	struct mp_error own;

	memset(out, 0, sizeof(*out));
	return fetch(c, MP_PATH_MPLIST, read_list, out, e != NULL ? e : &own);
}

int
mp_client_key_information(
    struct mp_client *c, struct mp_key_information *out, struct mp_error *e)
{
	struct mp_error own;

	memset(out, 0, sizeof(*out));
	return fetch(c, MP_PATH_KEYINFO, read_key_information, out,
	    e != NULL ? e : &own);
}

int
mp_client_certificates(
    struct mp_client *c, struct mp_certificates *out, struct mp_error *e)
{
	struct mp_error own;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	r = fetch(c, MP_PATH_MPCERT2, read_certificates, out, e);
	if (r == 0) {
		r = fetch(c, MP_PATH_SITESIGNCERT, read_site_certificate,
		    &out->site, e);
		/* Not every MP has one to give (wire-facts 1.1 [T]). */
		if (r == MP_EHTTP && c->x.status == 404)
			r = 0;
	}
	if (r != 0) {
		mp_certificates_release(out);
		memset(out, 0, sizeof(*out));
	}
	return r;
}
