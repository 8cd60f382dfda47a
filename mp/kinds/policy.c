#include "mp/kinds/policy.h"

#include <string.h>
#include <strings.h>

#include "mp/cms.h"
#include "mp/hex.h"
#include "mp/kinds/location.h"
#include "mp/utf16.h"
#include "mp/xml.h"
#include "mp/zip.h"

#define POLICY_MAX (64u << 20) /* bytes of one policy, in any form */

int
mp_policy_path(const struct mp_assignment *a, const char *host,
    struct mp_buf *path, struct mp_error *e)
{
	int r = mp_location_path(a->location, host, path, e);

	if (r != MP_OK)
		(void)mp_fail_in(e, "policy %.100s", a->policy);
	return r;
}

/* A web page, which is how refusals arrive (wire-facts 1.5). */
static bool
is_page(const struct mp_buf *text)
{
	const char *p = text->data == NULL ? "" : (const char *)text->data;

	p += strspn(p, " \t\r\n");
	return strncasecmp(p, "<html", 5) == 0 ||
	       strncasecmp(p, "<!doctype html", 14) == 0;
}

static int
refuse_page(const struct mp_assignment *a, struct mp_error *e)
{
	if (a->flags & (MP_POLICY_SECRET | MP_POLICY_REQUIRES_AUTH))
		return mp_fail(e, MP_EREFUSED,
		    "the management point sent a web "
		    "page instead of the body, as it does when it does not "
		    "recognise the client: check that it is registered and "
		    "approved there");
	return mp_fail(e, MP_EREPLY,
	    "the management point sent a web page "
	    "instead of the body; ask for the assignments again, the policy "
	    "may be gone");
}

/* Replaces the PolicyXML wrapper by what it holds (wire-facts 5.4). */
static int
unwrap(
    const struct mp_xml_node *wrapper, struct mp_buf *xml, struct mp_error *e)
{
	const char *method = mp_xml_attr(wrapper, "Compression");
	const char *hex = mp_xml_text(wrapper);
	struct mp_buf packed, wide, text;
	int r = MP_OK;

	if (method == NULL || strcasecmp(method, "zlib") != 0)
		return mp_fail(e, MP_EREPLY,
		    "it is compressed with \"%.20s\", "
		    "of which only zlib is known",
		    method == NULL ? "" : method);
	mp_buf_init(&packed, POLICY_MAX);
	mp_buf_init(&wide, POLICY_MAX);
	mp_buf_init(&text, POLICY_MAX);
	if (!mp_hex_decode(hex, strlen(hex), &packed))
		r = mp_fail(e, MP_EREPLY,
		    "its compressed text is not "
		    "hexadecimal");
	if (r == MP_OK)
		r = mp_unzip(packed.data, packed.len, &wide, e);
	if (r == MP_OK)
		r = mp_text_to_utf8(wide.data, wide.len, &text, e);
	if (r == MP_OK) {
		mp_buf_clear(xml);
		mp_buf_add(xml, text.data, text.len);
		if (!mp_buf_ok(xml))
			r = mp_fail(e, MP_ELIMIT, "it is longer than %zu bytes",
			    xml->max);
	}
	mp_buf_release(&packed);
	mp_buf_release(&wide);
	mp_buf_release(&text);
	return r;
}

/* Checks the root, and takes one wrapper off if `wrapped` is allowed. */
static int
check_root(struct mp_buf *xml, bool wrapped, struct mp_error *e)
{
	const struct mp_xml_node *root;
	struct mp_xml *doc;
	int r;

	r = mp_xml_parse(
	    &doc, (const char *)xml->data, xml->len, "the policy's text", e);
	if (r != MP_OK)
		return r;
	root = mp_xml_root(doc);
	if (wrapped && mp_xml_is(root, "PolicyXML")) {
		r = unwrap(root, xml, e);
		if (r == MP_OK)
			r = check_root(xml, false, e);
	} else if (!mp_xml_is(root, "Policy")) {
		r = mp_fail(e, MP_EREPLY, "it is <%.40s>, not a policy",
		    mp_xml_name(root));
	}
	mp_xml_free(doc);
	return r;
}

/* The body's text in UTF-8; clear gets what was encrypted, if it was. */
static int
read_text(const struct mp_identity *me, const struct mp_buf *body,
    struct mp_buf *clear, struct mp_buf *xml, struct mp_error *e)
{
	int r;

	if (body->len == 0)
		return mp_fail(e, MP_EREPLY,
		    "its body is empty; the management "
		    "point does not know this client, or the policy is gone");
	if (!mp_cms_is_enveloped(body->data, body->len))
		return mp_text_to_utf8(body->data, body->len, xml, e);
	r = mp_cms_open(body->data, body->len, me->key, me->cert, clear, e);
	if (r == MP_OK)
		r = mp_text_to_utf8(clear->data, clear->len, xml, e);
	return r;
}

int
mp_policy_open_hashed(const struct mp_assignment *a,
    const struct mp_identity *me, const struct mp_buf *body, struct mp_buf *xml,
    struct mp_policyhashes *hashes, struct mp_error *e)
{
	struct mp_buf clear;
	int r;

	memset(hashes, 0, sizeof(*hashes));
	mp_buf_init(&clear, POLICY_MAX);
	r = read_text(me, body, &clear, xml, e);
	if (r == MP_OK && is_page(xml))
		r = refuse_page(a, e);
	else if (r == MP_OK)
		r = check_root(xml, true, e);
	if (r == MP_OK) {
		mp_policyhash_check(a, body, &clear, xml, hashes);
	} else {
		(void)mp_fail_in(e, "policy %.100s", a->policy);
		mp_buf_clear(xml);
	}
	mp_buf_release(&clear);
	return r;
}

int
mp_policy_open(const struct mp_assignment *a, const struct mp_identity *me,
    const struct mp_buf *body, struct mp_buf *xml, struct mp_error *e)
{
	struct mp_policyhashes hashes;

	return mp_policy_open_hashed(a, me, body, xml, &hashes, e);
}
