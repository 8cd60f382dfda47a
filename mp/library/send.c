/* Invoke and Post: a message checked, sent, and its reply brought back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sealpoint/messaging.h>

#include "mp/client_send.h"
#include "mp/library/attachment.h"
#include "mp/library/failure.h"
#include "mp/library/file.h"
#include "mp/library/message.h"
#include "mp/library/messaging.h"
#include "mp/message.h"
#include "mp/reply.h"
#include "mp/utf16.h"
#include "mp/xml.h"

_Static_assert(SEALPOINT_SMSID_MAX == MP_SMSID_MAX, "room for the same id");
_Static_assert(SEALPOINT_TRACKING_MAX == MP_GUID_MAX, "a GUID fits");

/* Of a relayed message; the name is not documented, but seen (sdk-facts 3). */
static const char file_type[] = "FileType";

/* A report in a file that needs conversion is read whole, so: */
#define REPORT_MAX (16u << 20)

/* What goes to the messaging layer, and what is released afterwards. */
struct job {
	const struct sealpoint_message *m;
	struct mp_buf body;
	struct mp_send send;
	struct mp_property *properties;
	struct mp_attachment *attachments;
	struct mp_buf *reports; /* as many as attachments; mostly empty */
};

/* XML that cannot be read is unfit for any endpoint. */
static int
unfit(struct sealpoint_failure *why, const struct job *j, int code,
    const struct mp_error *e)
{
	if (code == MP_ENOMEM || code == MP_ELIMIT)
		return failure_from(why, code, e, 0);
	return failure_set(why, SEALPOINT_ERR_INVALID_SCHEMA, "%s: %s",
	    j->m->endpoint, e->text);
}

/*
 * Which kind of message it is: by endpoint, root element, and, where several
 * share both, file type. An endpoint that the documentation does not have is
 * nobody's, and gets what it is given.
 */
static int
recognise(struct job *j, const char *root, struct sealpoint_failure *why)
{
	const char *type =
	    sealpoint_message_get_property_by_name(j->m, file_type);
	const struct mp_kind_rule *k, *near = NULL;
	char roots[MP_KIND_ROOTS_MAX];
	bool known = false;

	for (size_t i = 0; (k = mp_kind_at(i)) != NULL; i++) {
		if (k->endpoint == NULL ||
		    strcasecmp(k->endpoint, j->m->endpoint) != 0)
			continue;
		known = true;
		if (k->file_type != NULL &&
		    (type == NULL || strcasecmp(k->file_type, type) != 0))
			continue;
		near = near != NULL ? near : k;
		if (strcasecmp(k->root, root) == 0) {
			j->send.kind = k;
			return SEALPOINT_OK;
		}
	}
	if (!known)
		return SEALPOINT_OK;
	if (near == NULL)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "%s relays several kinds of message; set the property "
		    "FileType to SMX (state), IDMIF or SWM (metering)",
		    j->m->endpoint);
	mp_kind_roots(j->m->endpoint, roots);
	return failure_set(why, SEALPOINT_ERR_INVALID_SCHEMA,
	    "the body's root element is <%.60s>, but %s takes %s", root,
	    j->m->endpoint, roots);
}

static int
read_body(struct job *j, struct sealpoint_failure *why)
{
	struct mp_xml *doc;
	struct mp_error e;
	int r;

	r = body_utf8(&j->m->body, &j->body, why);
	if (r != SEALPOINT_OK)
		return r;
	if (j->body.len == 0)
		return failure_set(why, SEALPOINT_ERR_INVALID_SCHEMA,
		    "the message to %s has no body; set one", j->m->endpoint);
	j->send.body = (const char *)j->body.data;
	r = mp_xml_parse_many(&doc, j->send.body, j->body.len,
	    MP_XML_NODES_LARGE, "the message's body", &e);
	if (r != 0)
		return unfit(why, j, r, &e);
	r = recognise(j, mp_xml_name(mp_xml_root(doc)), why);
	mp_xml_free(doc);
	if (r == SEALPOINT_OK && j->send.kind != NULL) {
		r = mp_kind_check_body(
		    j->send.kind, j->send.body, j->body.len, &e);
		r = r == 0 ? SEALPOINT_OK : unfit(why, j, r, &e);
	}
	return r;
}

static int
take_properties(struct job *j, struct sealpoint_failure *why)
{
	const struct sealpoint_message *m = j->m;

	if (m->nproperties == 0)
		return SEALPOINT_OK;
	j->properties = calloc(m->nproperties, sizeof(*j->properties));
	if (j->properties == NULL)
		return failure_memory(why);
	for (size_t i = 0; i < m->nproperties; i++) {
		j->properties[i].name = m->properties[i].name;
		j->properties[i].value = m->properties[i].value;
	}
	j->send.properties = j->properties;
	j->send.nproperties = m->nproperties;
	return SEALPOINT_OK;
}

/*
 * The kind's report, which is XML: UTF-16 goes as it is, UTF-8 is marked to
 * be turned into it, and what has a declaration loses that first.
 */
static int
take_report(const struct sealpoint_attachment *from, struct mp_attachment *to,
    struct mp_buf *text, struct sealpoint_failure *why)
{
	static const uint8_t bom[2] = {0xFF, 0xFE};
	uint8_t start[2] = {0};
	size_t size, n = sizeof(start);
	struct mp_buf raw;
	struct mp_error e;
	int r = SEALPOINT_OK;

	if (from->path != NULL)
		r = file_look(from->path, &size, start, &n, why);
	else if (from->len >= sizeof(start))
		memcpy(start, from->data, sizeof(start));
	if (r != SEALPOINT_OK || memcmp(start, bom, sizeof(bom)) == 0)
		return r;
	if (start[0] == '<' && start[1] != '?' && start[1] != '\0') {
		to->xml = true;
		return SEALPOINT_OK;
	}
	mp_buf_init(&raw, REPORT_MAX);
	if (from->path != NULL)
		r = file_read(from->path, &raw, why);
	else
		mp_buf_add(&raw, from->data, from->len);
	if (r == SEALPOINT_OK && !mp_buf_ok(&raw))
		r = failure_memory(why);
	if (r == SEALPOINT_OK &&
	    mp_text_to_utf8(raw.data, raw.len, text, &e) != 0)
		r = failure_set(why, SEALPOINT_ERR_INVALID_SCHEMA,
		    "the report %s: %s", from->name, e.text);
	mp_buf_release(&raw);
	to->path = NULL;
	to->data = text->data;
	to->len = text->len;
	to->xml = true;
	return r;
}

static int
take_attachments(struct job *j, struct sealpoint_failure *why)
{
	const struct mp_kind_rule *k = j->send.kind;
	const struct sealpoint_message *m = j->m;
	int r = SEALPOINT_OK;

	if (m->nattachments == 0)
		return SEALPOINT_OK;
	j->attachments = calloc(m->nattachments, sizeof(*j->attachments));
	j->reports = calloc(m->nattachments, sizeof(*j->reports));
	if (j->attachments == NULL || j->reports == NULL)
		return failure_memory(why);
	for (size_t i = 0; i < m->nattachments && r == SEALPOINT_OK; i++) {
		const struct sealpoint_attachment *a = m->attachments[i];

		j->attachments[i] = (struct mp_attachment){.name = a->name,
		    .path = a->path,
		    .data = a->data,
		    .len = a->len};
		mp_buf_init(&j->reports[i], 2 * REPORT_MAX);
		if (k != NULL && k->attachment != NULL &&
		    strcasecmp(k->attachment, a->name) == 0)
			r = take_report(
			    a, &j->attachments[i], &j->reports[i], why);
	}
	j->send.attachments = j->attachments;
	j->send.nattachments = m->nattachments;
	return r;
}

static void
release(struct job *j)
{
	for (size_t i = 0; j->reports != NULL && i < j->m->nattachments; i++)
		mp_buf_release(&j->reports[i]);
	free(j->reports);
	free(j->attachments);
	free(j->properties);
	mp_buf_release(&j->body);
}

/* Everything that can be said wrong before anybody is asked. */
static int
prepare(struct job *j, const struct sealpoint_message *m,
    enum mp_reply_mode mode, bool internet, struct sealpoint_failure *why)
{
	struct mp_error e;
	int r;

	memset(j, 0, sizeof(*j));
	j->m = m;
	if (m->endpoint == NULL)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "the message has no target endpoint; set one with "
		    "sealpoint_message_set_target_endpoint()");
	j->send.endpoint = m->endpoint;
	r = read_body(j, why);
	if (r != SEALPOINT_OK)
		return r;
	if (j->send.kind != NULL && j->send.kind->mode != mode)
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    mode == MP_REPLY_SYNC
			? "%s has no reply to wait for; post the message"
			: "%s answers, and a posted message has no reply; "
			  "invoke it",
		    m->endpoint);
	j->send.flags_given = m->flags_set;
	j->send.flags = m->flags;
	if (m->flags_set &&
	    mp_kind_check_flags(j->send.kind, m->flags, internet, &e) != 0)
		return failure_from(why, MP_EARG, &e, 0);
	r = take_properties(j, why);
	return r == SEALPOINT_OK ? take_attachments(j, why) : r;
}

/* reply NULL: none is waited for. */
static int
deliver(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *m, enum mp_reply_mode mode,
    struct mp_buf *reply, struct sealpoint_failure *why)
{
	struct mp_client *c;
	struct mp_error e;
	struct job j;
	int r;

	r = prepare(&j, m, mode, s->internet != 0, why);
	if (r == SEALPOINT_OK)
		r = messaging_client(s, host, m, NULL, &c, why);
	if (r == SEALPOINT_OK) {
		r = mp_client_send(c, &j.send, reply, &e);
		r = failure_from(why, r, &e, mp_client_status(c));
	}
	release(&j);
	return r;
}

int
sealpoint_messaging_invoke(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *request, struct sealpoint_message **reply,
    struct sealpoint_failure *why)
{
	struct mp_buf xml;
	int r;

	if (reply == NULL)
		return failure_missing(why, "the place for the reply");
	*reply = NULL;
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (request == NULL)
		return failure_missing(why, "the message");
	mp_buf_init(&xml, MP_CONTENT_MAX);
	r = deliver(s, host, request, MP_REPLY_SYNC, &xml, why);
	if (r == SEALPOINT_OK)
		r = message_reply(reply, xml.data, xml.len, why);
	mp_buf_release(&xml);
	return r;
}

int
sealpoint_messaging_post(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *m, char *tracking,
    struct sealpoint_failure *why)
{
	char id[MP_GUID_MAX];
	int r;

	if (tracking == NULL)
		return failure_missing(why, "the place for the tracking id");
	tracking[0] = '\0';
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (m == NULL)
		return failure_missing(why, "the message");
	if (mp_guid_make(id) != 0)
		return failure_memory(why);
	if (s->step != NULL)
		s->step(s->step_ctx,
		    "posting: delivering at once, nothing is queued");
	r = deliver(s, host, m, MP_REPLY_ASYNC, NULL, why);
	if (r == SEALPOINT_OK)
		(void)snprintf(tracking, SEALPOINT_TRACKING_MAX, "%s", id);
	return r;
}
