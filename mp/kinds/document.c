#include "mp/kinds/document.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include "mp/hex.h"
#include "mp/number.h"
#include "mp/utf16.h"
#include "mp/xml.h"

#define DOCUMENT_MAX (4u << 20) /* bytes, as UTF-8 */
#define CERT_MAX 32768          /* bytes of one DER certificate */
#define FIELD_MAX 4096          /* bytes of a name or a key */
#define LIST_MAX 10000          /* management points */

/* Reads a document as it came, and checks its root. */
static int
open_document(const struct mp_buf *body, const char *what, const char *root,
    struct mp_xml **doc, struct mp_error *e)
{
	struct mp_buf text;
	int r;

	*doc = NULL;
	mp_buf_init(&text, DOCUMENT_MAX);
	r = mp_text_to_utf8(body->data, body->len, &text, e);
	if (r != MP_OK)
		(void)mp_fail_in(e, "%s", what);
	else
		r = mp_xml_parse(
		    doc, (const char *)text.data, text.len, what, e);
	mp_buf_release(&text);
	if (r == MP_OK && !mp_xml_is(mp_xml_root(*doc), root)) {
		r = mp_fail(e, MP_EREPLY, "%s is <%.40s>, not <%s>", what,
		    mp_xml_name(mp_xml_root(*doc)), root);
		mp_xml_free(*doc);
		*doc = NULL;
	}
	return r;
}

/* Copies a field for showing; NULL is "". */
static int
copy(char **to, const char *text, struct mp_error *e)
{
	if (text == NULL)
		text = "";
	if (strlen(text) > FIELD_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "a field of the management point's "
		    "document is longer than %d bytes",
		    FIELD_MAX);
	*to = strdup(text);
	return *to != NULL ? MP_OK
			   : mp_fail(e, MP_ENOMEM,
				 "no memory for a "
				 "management point's document");
}

/* A name as attribute or, failing that, as child element (wire-facts 12). */
static const char *
field(const struct mp_xml_node *n, const char *name)
{
	const char *value = mp_xml_attr(n, name);

	return value != NULL ? value : mp_xml_child_text(n, name);
}

/* The SSLState among an MP's capabilities; 0 (mixed) if none. */
static int
take_state(struct mp_list_entry *entry, const struct mp_xml_node *mp,
    struct mp_error *e)
{
	const struct mp_xml_node *p;
	uint64_t n;

	p = mp_xml_child(mp_xml_child(mp, "Capabilities"), "Property");
	for (; p != NULL; p = mp_xml_next(p, "Property")) {
		const char *name = mp_xml_attr(p, "Name");
		const char *value = mp_xml_attr(p, "Value");

		if (name == NULL || strcasecmp(name, "SSLState") != 0)
			continue;
		if (value == NULL || !mp_number(value, UINT32_MAX, &n))
			return mp_fail(e, MP_EREPLY,
			    "the SSLState of management "
			    "point %.100s is no number",
			    entry->name);
		entry->ssl_state = (unsigned)n;
	}
	return MP_OK;
}

static int
take_entry(struct mp_list_entry *entry, const struct mp_xml_node *mp,
    struct mp_error *e)
{
	int r;

	if ((r = copy(&entry->name, field(mp, "Name"), e)) != MP_OK ||
	    (r = copy(&entry->fqdn, field(mp, "FQDN"), e)) != MP_OK ||
	    (r = copy(&entry->site, field(mp, "SiteCode"), e)) != MP_OK ||
	    (r = copy(&entry->version, field(mp, "Version"), e)) != MP_OK)
		return r;
	return take_state(entry, mp, e);
}

static int
take_list(
    const struct mp_xml_node *root, struct mp_list *out, struct mp_error *e)
{
	const struct mp_xml_node *mp = mp_xml_child(root, "MP");
	size_t n = 0;
	int r;

	for (; mp != NULL; mp = mp_xml_next(mp, "MP"))
		n++;
	if (n > LIST_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "a list of %zu management points "
		    "is more than the %d we take",
		    n, LIST_MAX);
	out->list = calloc(n + 1, sizeof(*out->list));
	if (out->list == NULL)
		return mp_fail(e, MP_ENOMEM,
		    "no memory for %zu management "
		    "points",
		    n);
	for (mp = mp_xml_child(root, "MP"); mp != NULL;
	     mp = mp_xml_next(mp, "MP")) {
		/* Counted first, so that release sees a half one. */
		r = take_entry(&out->list[out->count++], mp, e);
		if (r != MP_OK)
			return r;
	}
	return MP_OK;
}

int
mp_list_parse(const struct mp_buf *xml, struct mp_list *out, struct mp_error *e)
{
	struct mp_xml *doc;
	int r;

	memset(out, 0, sizeof(*out));
	r = open_document(
	    xml, "the list of management points", "MPList", &doc, e);
	if (r != MP_OK)
		return r;
	r = take_list(mp_xml_root(doc), out, e);
	if (r != MP_OK)
		mp_list_release(out);
	mp_xml_free(doc);
	return r;
}

void
mp_list_release(struct mp_list *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->list[i].name);
		free(l->list[i].fqdn);
		free(l->list[i].site);
		free(l->list[i].version);
	}
	free(l->list);
	memset(l, 0, sizeof(*l));
}

/* Hex text to a certificate; empty text is none. */
static int
take_cert(X509 **cert, const char *hex, const char *what, struct mp_error *e)
{
	struct mp_buf der;
	const uint8_t *p;
	int r = MP_OK;

	*cert = NULL;
	mp_buf_init(&der, CERT_MAX);
	if (!mp_hex_decode(hex, strlen(hex), &der)) {
		r = mp_fail(e, MP_EREPLY,
		    "%s is not hexadecimal of at most %d "
		    "bytes",
		    what, CERT_MAX);
	} else if (der.len > 0) {
		p = der.data;
		*cert = d2i_X509(NULL, &p, (long)der.len);
		if (*cert == NULL || p != der.data + der.len)
			r = mp_fail(e, MP_EREPLY,
			    "%s is no X.509 certificate in "
			    "DER",
			    what);
	}
	if (r != MP_OK) {
		X509_free(*cert);
		*cert = NULL;
	}
	ERR_clear_error();
	mp_buf_release(&der);
	return r;
}

int
mp_key_information_parse(const struct mp_buf *xml,
    struct mp_key_information *out, struct mp_error *e)
{
	const struct mp_xml_node *n;
	struct mp_xml *doc;
	int r;

	memset(out, 0, sizeof(*out));
	r = open_document(xml, "the management point's key information",
	    "MPKEYINFORMATION", &doc, e);
	if (r != MP_OK)
		return r;
	n = mp_xml_root(doc);
	if ((r = copy(&out->assignment_site, field(n, "AssignmentSiteCode"),
		 e)) != MP_OK ||
	    (r = copy(&out->machine, field(n, "MACHINENAME"), e)) != MP_OK ||
	    (r = copy(&out->fqdn, field(n, "FQDN"), e)) != MP_OK ||
	    (r = copy(&out->site, field(n, "SITECODE"), e)) != MP_OK ||
	    (r = copy(&out->root_key, field(n, "TRUSTEDROOTKEY"), e)) !=
		MP_OK ||
	    (r = take_cert(&out->cert, field(n, "MPCERTIFICATE"),
		 "the management point's MPCERTIFICATE", e)) != MP_OK)
		mp_key_information_release(out);
	mp_xml_free(doc);
	return r;
}

void
mp_key_information_release(struct mp_key_information *k)
{
	if (k == NULL)
		return;
	free(k->assignment_site);
	free(k->machine);
	free(k->fqdn);
	free(k->site);
	free(k->root_key);
	X509_free(k->cert);
	memset(k, 0, sizeof(*k));
}

int
mp_certificates_parse(
    const struct mp_buf *xml, struct mp_certificates *out, struct mp_error *e)
{
	const struct mp_xml_node *n;
	struct mp_xml *doc;
	int r;

	memset(out, 0, sizeof(*out));
	r = open_document(xml, "the management point's certificate document",
	    "MPCertificates", &doc, e);
	if (r != MP_OK)
		return r;
	n = mp_xml_root(doc);
	if ((r = take_cert(&out->signing, field(n, "Certificate1"),
		 "the management point's Certificate1", e)) != MP_OK ||
	    (r = take_cert(&out->encryption, field(n, "Certificate2"),
		 "the management point's Certificate2", e)) != MP_OK)
		mp_certificates_release(out);
	mp_xml_free(doc);
	return r;
}

int
mp_site_certificate_parse(
    const struct mp_buf *xml, X509 **site, struct mp_error *e)
{
	struct mp_xml *doc;
	int r;

	*site = NULL;
	r = open_document(
	    xml, "the site's signing certificate", "X509Data", &doc, e);
	if (r != MP_OK)
		return r;
	r = take_cert(site, field(mp_xml_root(doc), "X509Certificate"),
	    "the site's X509Certificate", e);
	mp_xml_free(doc);
	return r;
}

void
mp_certificates_release(struct mp_certificates *c)
{
	if (c == NULL)
		return;
	X509_free(c->signing);
	X509_free(c->encryption);
	X509_free(c->site);
	memset(c, 0, sizeof(*c));
}
