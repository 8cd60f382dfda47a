/* invoke and post: messages whose body is the caller's own XML. */
#include <string.h>
#include <strings.h>

#include "mp/cli/command.h"
#include "mp/cli/letter.h"
#include "mp/kinds/value.h"
#include "mp/reply.h"

#define FILE_TYPE "FileType" /* of a relayed message (sdk-facts 3) */

static const struct option_def invoke_options[] = {
    {OPTION_ENDPOINT, '\0', "endpoint", "NAME",
	"who is to read it, such as MP_LocationManager"},
    {OPTION_PROPERTY, '\0', "property", "NAME=VALUE...",
	"a property of the message"},
    {OPTION_ATTACH, '\0', "attach", "NAME=FILE...",
	"what travels with it; of two with one name the later counts"},
    {OPTION_FLAGS, '\0', "flags", "LIST",
	"of sign, encrypt, crl and compress, with commas between; or none"},
    {OPTION_DRY_RUN, '\0', "dry-run", NULL,
	"print the envelope and the payload, and send nothing"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write the reply; with --dry-run, what would be posted"},
    {0},
};

static const struct option_def post_options[] = {
    {OPTION_ENDPOINT, '\0', "endpoint", "NAME",
	"who is to read it, such as MP_HinvEndpoint"},
    {OPTION_PROPERTY, '\0', "property", "NAME=VALUE...",
	"a property of the message"},
    {OPTION_ATTACH, '\0', "attach", "NAME=FILE...",
	"what travels with it; of two with one name the later counts"},
    {OPTION_FLAGS, '\0', "flags", "LIST",
	"of sign, encrypt, crl and compress, with commas between; or none"},
    {OPTION_DRY_RUN, '\0', "dry-run", NULL,
	"print the envelope and the payload, and send nothing"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"with --dry-run: where to write the bytes that would be posted"},
    {0},
};

static const struct output_column posted[] = {
    {"endpoint", "endpoint"},
    {"http status", "http_status"},
    {NULL, NULL},
};

/* The value of the property FileType, or NULL. */
static const char *
file_type(const struct letter *l)
{
	for (size_t i = 0; i < l->send.nproperties; i++)
		if (strcasecmp(l->properties[i].name, FILE_TYPE) == 0)
			return l->properties[i].value;
	return NULL;
}

/* Does the row fit the endpoint and, where kinds share it, the file type? */
static bool
fits(const struct mp_kind_rule *k, const char *endpoint, const char *type)
{
	if (k->endpoint == NULL || strcasecmp(k->endpoint, endpoint) != 0)
		return false;
	return k->file_type == NULL ||
	       (type != NULL && strcasecmp(k->file_type, type) == 0);
}

/*
 * What the documentation knows of the endpoint; one that it does not have
 * gets what it is given.
 */
static int
recognise(struct letter *l, const char *root)
{
	const char *endpoint = l->send.endpoint, *type = file_type(l);
	const struct mp_kind_rule *k, *near = NULL;
	char roots[MP_KIND_ROOTS_MAX];

	for (size_t i = 0; (k = mp_kind_at(i)) != NULL; i++) {
		if (!fits(k, endpoint, type))
			continue;
		near = k;
		if (strcasecmp(k->root, root) == 0)
			break;
	}
	if (near == NULL && mp_kind_by_endpoint(endpoint, NULL) != NULL)
		return session_usage(l->s,
		    "%s relays several kinds of message: say which with "
		    "--property FileType=SMX (state), IDMIF or SWM (metering)",
		    endpoint);
	if (near != NULL && k == NULL) {
		mp_kind_roots(endpoint, roots);
		output_error(l->s->out,
		    "the body's root element is <%.60s>, but %s takes %s: a "
		    "management point answers that with "
		    "SMS_ERR_INVALID_SCHEMA",
		    root, endpoint, roots);
		return COMMAND_FAILED;
	}
	l->send.kind = near;
	return COMMAND_DONE;
}

/* The kind adds its FileType itself. */
static void
drop_file_type(struct letter *l)
{
	size_t n = 0;

	if (l->send.kind == NULL || l->send.kind->file_type == NULL)
		return;
	for (size_t i = 0; i < l->send.nproperties; i++)
		if (strcasecmp(l->properties[i].name, FILE_TYPE) != 0)
			l->properties[n++] = l->properties[i];
	l->send.nproperties = n;
}

/* The body: one XML document of the right root element. */
static int
compose(struct letter *l, const char *path)
{
	struct mp_error e = {0};
	struct mp_xml *doc;
	int r;

	l->send.endpoint = l->s->opt->value[OPTION_ENDPOINT];
	if (l->send.endpoint == NULL)
		return session_usage(
		    l->s, "to which endpoint? Give --endpoint NAME");
	r = letter_options(l);
	if (r == COMMAND_DONE)
		r = letter_read(l, path);
	if (r != COMMAND_DONE)
		return r;
	if (mp_value_parse(&doc, l->send.body, strlen(l->send.body),
		"the message's body", &e) != MP_OK)
		return session_mp_failed(l->s, &e);
	r = recognise(l, mp_xml_name(mp_xml_root(doc)));
	mp_xml_free(doc);
	drop_file_type(l);
	return r;
}

static int
check_mode(struct letter *l, enum mp_reply_mode mode)
{
	const struct mp_kind_rule *k = l->send.kind;

	if (k == NULL || k->mode == mode)
		return COMMAND_DONE;
	return session_usage(l->s,
	    mode == MP_REPLY_SYNC ? "%s gives no reply to wait for: use "
				    "`sealpoint post`"
				  : "%s answers, which a posted message does "
				    "not wait for: use `sealpoint invoke`",
	    k->endpoint);
}

/* The reply, which was believed. */
static int
print_reply(struct session *s, struct mp_buf *reply)
{
	static const struct output_column columns[] = {{NULL, NULL}};
	struct record *about;

	if (reply->len == 0) {
		output_error(s->out,
		    "the management point gave an empty reply: it may not "
		    "know this client. Register it, or ask its administrator");
		return COMMAND_FAILED;
	}
	if (!s->out->json)
		return session_write(s, reply->data, reply->len, 0600, true);
	about = record_new();
	record_set(about, "reply", (char *)reply->data);
	record_set(about, "proof", mp_client_proof(s->mp));
	return session_card(s, about, columns);
}

static int
print_posted(struct letter *l)
{
	struct session *s = l->s;
	struct record *about = record_new();

	record_set(about, "endpoint", l->send.endpoint);
	record_set_number(
	    about, "http_status", (uint64_t)mp_client_status(s->mp));
	return session_card(s, about, posted);
}

static int
deliver(struct letter *l, enum mp_reply_mode mode)
{
	struct mp_buf reply;
	int r;

	if (l->s->opt->given[OPTION_DRY_RUN])
		return letter_show(l);
	mp_buf_init(&reply, MP_CONTENT_MAX);
	r = letter_send(l, mode == MP_REPLY_SYNC ? &reply : NULL);
	if (r == COMMAND_DONE)
		r = mode == MP_REPLY_SYNC ? print_reply(l->s, &reply)
					  : print_posted(l);
	mp_buf_release(&reply);
	if (r == COMMAND_DONE && mode == MP_REPLY_SYNC)
		session_tell_proof(l->s);
	return r;
}

static int
raw(struct session *s, const char *path, enum mp_reply_mode mode)
{
	struct letter l;
	int r;

	letter_init(&l, s, mode == MP_REPLY_ASYNC);
	r = compose(&l, path);
	if (r == COMMAND_DONE)
		r = check_mode(&l, mode);
	if (r == COMMAND_DONE)
		r = session_mp(
		    s, mode == MP_REPLY_SYNC && !s->opt->given[OPTION_DRY_RUN]);
	if (r == COMMAND_DONE)
		r = deliver(&l, mode);
	letter_release(&l);
	return r;
}

static int
invoke(struct session *s, const char *operand)
{
	return raw(s, operand, MP_REPLY_SYNC);
}

static int
post(struct session *s, const char *operand)
{
	return raw(s, operand, MP_REPLY_ASYNC);
}

const struct command command_invoke = {
    .name = "invoke",
    .operand = "FILE",
    .summary = "send XML of your own and print the reply",
    .about = "Sends the XML of FILE, or of standard input if that is -, to an "
	     "endpoint of the management point, and writes the reply once it "
	     "is proven. An endpoint that is documented gets only what its "
	     "documentation allows; any other gets what it is given. "
	     "Attachments go as they are.",
    .options = invoke_options,
    .mp = true,
    .run = invoke,
};

const struct command command_post = {
    .name = "post",
    .operand = "FILE",
    .summary = "send XML of your own that has no reply",
    .about = "Sends the XML of FILE, or of standard input if that is -, to an "
	     "endpoint of the management point that gives no reply. It is "
	     "delivered at once, and nothing is queued: a failure means that "
	     "it may be posted again. Attachments go as they are.",
    .options = post_options,
    .mp = true,
    .run = post,
};
