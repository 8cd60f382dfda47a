/* The client's calls for documents that an MP gives to anyone who asks. */
#include <string.h>

#include "mp/client_internal.h"
#include "mp/reply.h"

static int
fetch(struct mp_client *c, const char *path, struct mp_buf *xml,
    struct mp_error *e)
{
	mp_client_step(c, "fetching %s from %s", path, c->url.host);
	return mp_exchange_get(&c->x, path, NULL, false, xml, e);
}

/* Whose document could not be read? */
static int
named(const struct mp_client *c, int r, struct mp_error *e)
{
	return r == 0 ? 0 : mp_fail_in(e, "%s", c->url.text);
}

int
mp_client_mp_list(struct mp_client *c, struct mp_list *out, struct mp_error *e)
{
	struct mp_error own;
	struct mp_buf xml;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	mp_buf_init(&xml, MP_REPLY_MAX);
	r = fetch(c, MP_PATH_MPLIST, &xml, e);
	if (r == 0)
		r = named(c, mp_list_parse(&xml, out, e), e);
	mp_buf_release(&xml);
	return r;
}

int
mp_client_key_information(
    struct mp_client *c, struct mp_key_information *out, struct mp_error *e)
{
	struct mp_error own;
	struct mp_buf xml;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	mp_buf_init(&xml, MP_REPLY_MAX);
	r = fetch(c, MP_PATH_KEYINFO, &xml, e);
	if (r == 0)
		r = named(c, mp_key_information_parse(&xml, out, e), e);
	mp_buf_release(&xml);
	return r;
}

/* Not every MP has one to give: 404 leaves it out (wire-facts 1.1 [T]). */
static int
site_certificate(struct mp_client *c, X509 **site, struct mp_error *e)
{
	struct mp_buf xml;
	int r;

	mp_buf_init(&xml, MP_REPLY_MAX);
	r = fetch(c, MP_PATH_SITESIGNCERT, &xml, e);
	if (r == 0)
		r = named(c, mp_site_certificate_parse(&xml, site, e), e);
	else if (r == MP_EHTTP && c->x.status == 404)
		r = 0;
	mp_buf_release(&xml);
	return r;
}

int
mp_client_certificates(
    struct mp_client *c, struct mp_certificates *out, struct mp_error *e)
{
	struct mp_error own;
	struct mp_buf xml;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	mp_buf_init(&xml, MP_REPLY_MAX);
	r = fetch(c, MP_PATH_MPCERT2, &xml, e);
	if (r == 0)
		r = named(c, mp_certificates_parse(&xml, out, e), e);
	if (r == 0)
		r = site_certificate(c, &out->site, e);
	if (r != 0) {
		mp_certificates_release(out);
		memset(out, 0, sizeof(*out));
	}
	mp_buf_release(&xml);
	return r;
}
