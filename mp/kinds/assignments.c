#include "mp/kinds/assignments.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/kinds/value.h"
#include "mp/message.h"
#include "mp/number.h"
#include "mp/writer.h"
#include "mp/xml.h"

#define NAME_MAX_LEN 512 /* characters of an id, a version, a hash */
#define LOCATION_MAX_LEN 4096
#define SID_MAX_LEN 184 /* characters that any SID can have */
#define VALIDATION_MAX_LEN 65536

/* Element text that may be empty. */
static void
put_text(struct mp_writer *w, const char *name, const char *text)
{
	mp_writer_leaf(w, name, text == NULL ? "" : text);
}

/* "S-1-" and numbers. */
static bool
is_sid(const char *text)
{
	return text != NULL && strncmp(text, "S-1-", 4) == 0 &&
	       text[4] != '\0' && strlen(text) <= SID_MAX_LEN &&
	       strspn(text + 4, "0123456789-") == strlen(text + 4);
}

static int
check_user(const struct mp_assignments_user *u, struct mp_error *e)
{
	const char *slash;

	if (u == NULL)
		return MP_OK;
	slash = u->name == NULL ? NULL : strchr(u->name, '\\');
	if (slash == NULL || slash == u->name || slash[1] == '\0')
		return mp_fail(e, MP_EARG,
		    "user policy is for a user that is written DOMAIN\\USER, "
		    "not \"%.60s\"",
		    u->name == NULL ? "" : u->name);
	if (!is_sid(u->sid))
		return mp_fail(e, MP_EARG,
		    "user %.100s needs a SID, \"S-1-...\"", u->name);
	if (u->ngroups > MP_USER_GROUPS_MAX)
		return mp_fail(e, MP_EARG,
		    "user %.100s is in %zu groups; %d are the most we send",
		    u->name, u->ngroups, MP_USER_GROUPS_MAX);
	for (size_t i = 0; i < u->ngroups; i++)
		if (!is_sid(u->groups[i]))
			return mp_fail(e, MP_EARG,
			    "group %zu of user %.100s is no SID, \"S-1-...\"",
			    i + 1, u->name);
	return MP_OK;
}

static int
check(const struct mp_assignments_request *r, struct mp_error *e)
{
	if (r->smsid == NULL || !mp_smsid_valid(r->smsid))
		return mp_fail(e, MP_EARG,
		    "policy is for a registered client; "
		    "register first");
	if (r->site == NULL || strlen(r->site) != 3)
		return mp_fail(e, MP_EARG, "a site code has three characters");
	if (r->sid != NULL && !is_sid(r->sid))
		return mp_fail(e, MP_EARG,
		    "the machine's SID \"%.60s\" is none; one is written "
		    "\"S-1-...\"",
		    r->sid);
	return check_user(r->user, e);
}

/* An empty element stands for no user, as sent [S]. */
static void
put_user(struct mp_writer *w, const struct mp_assignments_user *u)
{
	mp_writer_start(w, "User");
	if (u != NULL) {
		put_text(w, "NT4UserName", u->name);
		put_text(w, "SID", u->sid);
		mp_writer_start(w, "UserGroups");
		for (size_t i = 0; i < u->ngroups; i++)
			put_text(w, "SID", u->groups[i]);
		mp_writer_end(w, "UserGroups");
	}
	mp_writer_end(w, "User");
}

static void
put_machine(struct mp_writer *w, const struct mp_assignments_request *r)
{
	mp_writer_start(w, "Machine");
	put_text(w, "ClientID", r->smsid);
	put_text(w, "FQDN", r->fqdn);
	put_text(w, "NetBIOSName", r->netbios);
	put_text(w, "SID", r->sid);
	mp_writer_end(w, "Machine");
}

/* Does it ask for changes since a cookie, and not for everything? */
static bool
updates(const struct mp_assignments_request *r)
{
	return r->cookie != NULL && r->cookie[0] != '\0';
}

int
mp_assignments_request(const struct mp_assignments_request *r,
    struct mp_buf *xml, struct mp_error *e)
{
	bool since = updates(r);
	struct mp_writer w;
	int x = check(r, e);

	if (x != MP_OK)
		return x;
	mp_writer_init(&w, xml);
	mp_writer_start(&w, "RequestAssignments");
	mp_writer_set(&w, "SchemaVersion", "1.00");
	mp_writer_set(&w, "ACK", "false");
	mp_writer_set(&w, "RequestType", since ? "OnUpdate" : "Always");
	if (r->validation)
		mp_writer_set(&w, "ValidationRequested", "CRC");
	mp_writer_start(&w, "Identification");
	put_machine(&w, r);
	put_user(&w, r->user);
	mp_writer_end(&w, "Identification");
	mp_writer_start(&w, "PolicySource");
	mp_writer_put(&w, "SMS:");
	mp_writer_put(&w, r->site);
	mp_writer_end(&w, "PolicySource");
	mp_writer_start(&w, "Resource");
	mp_writer_set(&w, "ResourceType", r->user == NULL ? "Machine" : "User");
	mp_writer_end(&w, "Resource");
	put_text(&w, "ServerCookie", since ? r->cookie : NULL);
	mp_writer_end(&w, "RequestAssignments");
	return mp_writer_done(&w, "the policy request", e);
}

static int
copy(char **to, const char *text, size_t max, const char *what,
    struct mp_error *e)
{
	return mp_value_copy(to, text, max, "a policy assignment", what, e);
}

/* An attribute that must be there and not empty. */
static int
take_id(char **to, const struct mp_xml_node *n, const char *name,
    struct mp_error *e)
{
	int x = copy(to, mp_xml_attr(n, name), NAME_MAX_LEN, name, e);

	if (x == MP_OK && **to == '\0')
		return mp_fail(
		    e, MP_EREPLY, "a policy assignment has no %s", name);
	return x;
}

static int
take_name(char **to, const struct mp_xml_node *n, const char *name,
    struct mp_error *e)
{
	return copy(to, mp_xml_attr(n, name), NAME_MAX_LEN, name, e);
}

/* The first location; more would be other places of the same body. */
static int
take_location(struct mp_assignment *a, const struct mp_xml_node *policy,
    struct mp_error *e)
{
	const struct mp_xml_node *l = mp_xml_child(policy, "PolicyLocation");
	const char *hash = l == NULL ? NULL : mp_xml_attr(l, "PolicyHash");
	const char *hash_ex = l == NULL ? NULL : mp_xml_attr(l, "PolicyHashEx");
	int x;

	if ((x = copy(&a->location, mp_xml_text(l), LOCATION_MAX_LEN,
		 "PolicyLocation", e)) != MP_OK ||
	    (x = copy(&a->hash, hash, NAME_MAX_LEN, "PolicyHash", e)) != MP_OK)
		return x;
	return copy(&a->hash_ex, hash_ex, NAME_MAX_LEN, "PolicyHashEx", e);
}

static int
take_policy(struct mp_assignment *a, const struct mp_xml_node *assignment,
    const struct mp_xml_node *policy, struct mp_error *e)
{
	const char *flags = mp_xml_attr(policy, "PolicyFlags");
	uint64_t n = 0;
	int x;

	if ((x = take_id(&a->id, assignment, "PolicyAssignmentID", e)) !=
		MP_OK ||
	    (x = take_id(&a->policy, policy, "PolicyID", e)) != MP_OK ||
	    (x = take_name(&a->version, policy, "PolicyVersion", e)) != MP_OK ||
	    (x = take_name(&a->category, policy, "PolicyCategory", e)) !=
		MP_OK ||
	    (x = take_name(&a->type, policy, "PolicyType", e)) != MP_OK ||
	    (x = take_name(&a->action, assignment, "Action", e)) != MP_OK ||
	    (x = take_location(a, policy, e)) != MP_OK)
		return x;
	if (flags != NULL && flags[0] != '\0' &&
	    !mp_number(flags, UINT32_MAX, &n))
		return mp_fail(e, MP_EREPLY,
		    "policy assignment %.100s has "
		    "PolicyFlags \"%.20s\", which is no number",
		    a->id, flags);
	a->flags = (unsigned)n;
	return MP_OK;
}

/* Policies, and assignments that have none. */
static void
count(const struct mp_xml_node *root, size_t *policies, size_t *changes)
{
	const struct mp_xml_node *a, *p;

	*policies = *changes = 0;
	for (a = mp_xml_child(root, "PolicyAssignment"); a != NULL;
	     a = mp_xml_next(a, "PolicyAssignment")) {
		p = mp_xml_child(a, "Policy");
		*changes += p == NULL;
		for (; p != NULL; p = mp_xml_next(p, "Policy"))
			++*policies;
	}
}

/* One assignment: each of its policies, or what to do with it. */
static int
take_assignment(
    const struct mp_xml_node *a, struct mp_assignments *out, struct mp_error *e)
{
	const struct mp_xml_node *p = mp_xml_child(a, "Policy");
	struct mp_assignment_change *c;
	int x = MP_OK;

	/* Counted first, so that release sees a half one. */
	if (p == NULL) {
		c = &out->changes[out->nchanges++];
		x = take_id(&c->id, a, "PolicyAssignmentID", e);
		return x != MP_OK ? x : take_name(&c->action, a, "Action", e);
	}
	for (; x == MP_OK && p != NULL; p = mp_xml_next(p, "Policy"))
		x = take_policy(&out->list[out->count++], a, p, e);
	return x;
}

static int
take_all(const struct mp_xml_node *root, struct mp_assignments *out,
    struct mp_error *e)
{
	const struct mp_xml_node *a;
	size_t n, changes;
	int x = MP_OK;

	count(root, &n, &changes);
	if (n > MP_ASSIGNMENTS_MAX || changes > MP_ASSIGNMENTS_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%zu policy assignments in one "
		    "reply are more than the %d we take",
		    n > changes ? n : changes, MP_ASSIGNMENTS_MAX);
	out->list = calloc(n + 1, sizeof(*out->list));
	out->changes = calloc(changes + 1, sizeof(*out->changes));
	if (out->list == NULL || out->changes == NULL)
		return mp_fail(e, MP_ENOMEM,
		    "no memory for %zu policy "
		    "assignments",
		    n + changes);
	for (a = mp_xml_child(root, "PolicyAssignment");
	     x == MP_OK && a != NULL; a = mp_xml_next(a, "PolicyAssignment"))
		x = take_assignment(a, out, e);
	return x;
}

static int
take_reply(const struct mp_xml_node *root, struct mp_assignments *out,
    struct mp_error *e)
{
	const char *type = mp_xml_attr(root, "ReplyType");
	int x;

	if (!mp_xml_is(root, "ReplyAssignments"))
		return mp_fail(e, MP_EREPLY,
		    "the answer to a policy request is "
		    "<%.40s>, not <ReplyAssignments>",
		    mp_xml_name(root));
	if (type == NULL ||
	    (strcasecmp(type, "Full") != 0 && strcasecmp(type, "Delta") != 0))
		return mp_fail(e, MP_EREPLY,
		    "the policy reply has ReplyType "
		    "\"%.20s\", neither Full nor Delta",
		    type == NULL ? "" : type);
	if ((x = copy(&out->reply_type, type, NAME_MAX_LEN, "ReplyType", e)) !=
		MP_OK ||
	    (x = copy(&out->cookie, mp_xml_child_text(root, "ServerCookie"),
		 NAME_MAX_LEN, "ServerCookie", e)) != MP_OK ||
	    (x = copy(&out->validation,
		 mp_xml_child_text(root, "ValidationData"), VALIDATION_MAX_LEN,
		 "ValidationData", e)) != MP_OK)
		return x;
	return take_all(root, out, e);
}

/*
 * Policy of another client or site, though well signed, is not for us: replies
 * carry nothing by which one could be told from an older one (docs,
 * ARCHITECTURE.md), but whose they are can be told.
 */
static int
check_machine(const struct mp_xml_node *root,
    const struct mp_assignments_request *asked, struct mp_error *e)
{
	const struct mp_xml_node *who = mp_xml_child(root, "Identification");
	const char *id =
	    mp_xml_child_text(mp_xml_child(who, "Machine"), "ClientID");
	const char *source = mp_xml_child_text(root, "PolicySource");

	if (id[0] != '\0' && strcasecmp(id, asked->smsid) != 0)
		return mp_fail(e, MP_ETRUST,
		    "the policy reply is for the client \"%.60s\", but %s "
		    "asked; it is not used: ask again, and if that does not "
		    "help look who is between this host and the management "
		    "point",
		    id, asked->smsid);
	if (source[0] != '\0' && (strncasecmp(source, "SMS:", 4) != 0 ||
				     strcasecmp(source + 4, asked->site) != 0))
		return mp_fail(e, MP_ETRUST,
		    "the policy reply is from the source \"%.60s\", but "
		    "SMS:%s was asked; it is not used: name the right site "
		    "(--site), or ask again",
		    source, asked->site);
	return MP_OK;
}

/* The same of a user; and changes are no answer to who asked for all. */
static int
check_scope(const struct mp_xml_node *root,
    const struct mp_assignments_request *asked, struct mp_error *e)
{
	const struct mp_xml_node *who = mp_xml_child(root, "Identification");
	const char *sid = mp_xml_child_text(mp_xml_child(who, "User"), "SID");
	const struct mp_xml_node *resource = mp_xml_child(root, "Resource");
	const char *type =
	    resource == NULL ? NULL : mp_xml_attr(resource, "ResourceType");
	const char *wanted = asked->user == NULL ? "Machine" : "User";
	const char *reply = mp_xml_attr(root, "ReplyType");

	if (asked->user != NULL && sid[0] != '\0' &&
	    strcasecmp(sid, asked->user->sid) != 0)
		return mp_fail(e, MP_ETRUST,
		    "the policy reply is for the user \"%.184s\", but that of "
		    "%.184s was asked for; it is not used: ask again, and if "
		    "that does not help look who is between this host and the "
		    "management point",
		    sid, asked->user->sid);
	if (type != NULL && strcasecmp(type, wanted) != 0)
		return mp_fail(e, MP_ETRUST,
		    "the policy reply is of the type \"%.20s\", but %s policy "
		    "was asked for; it is not used: ask again",
		    type, wanted);
	if (!updates(asked) && strcasecmp(reply, "Delta") == 0)
		return mp_fail(e, MP_ETRUST,
		    "the policy reply has changes only (Delta), but "
		    "everything was asked for; it is not used: ask again");
	return MP_OK;
}

static int
check_answer(const struct mp_xml_node *root,
    const struct mp_assignments_request *asked, struct mp_error *e)
{
	int x = check_machine(root, asked, e);

	return x != MP_OK ? x : check_scope(root, asked, e);
}

static int
parse(const struct mp_assignments_request *asked, const struct mp_buf *xml,
    struct mp_assignments *out, struct mp_error *e)
{
	struct mp_xml *doc;
	int x;

	memset(out, 0, sizeof(*out));
	/* Each of many assignments has a dozen nodes. */
	x = mp_xml_parse_many(&doc, (const char *)xml->data, xml->len,
	    MP_XML_NODES_LARGE, "the policy reply", e);
	if (x != MP_OK)
		return x;
	x = take_reply(mp_xml_root(doc), out, e);
	if (x == MP_OK && asked != NULL)
		x = check_answer(mp_xml_root(doc), asked, e);
	if (x != MP_OK)
		mp_assignments_release(out);
	mp_xml_free(doc);
	return x;
}

int
mp_assignments_parse(
    const struct mp_buf *xml, struct mp_assignments *out, struct mp_error *e)
{
	return parse(NULL, xml, out, e);
}

int
mp_assignments_answer(const struct mp_assignments_request *asked,
    const struct mp_buf *xml, struct mp_assignments *out, struct mp_error *e)
{
	return parse(asked, xml, out, e);
}

void
mp_assignments_release(struct mp_assignments *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->count; i++) {
		free(a->list[i].id);
		free(a->list[i].policy);
		free(a->list[i].version);
		free(a->list[i].category);
		free(a->list[i].type);
		free(a->list[i].location);
		free(a->list[i].hash);
		free(a->list[i].hash_ex);
		free(a->list[i].action);
	}
	for (size_t i = 0; i < a->nchanges; i++) {
		free(a->changes[i].id);
		free(a->changes[i].action);
	}
	free(a->changes);
	free(a->validation);
	free(a->list);
	free(a->reply_type);
	free(a->cookie);
	memset(a, 0, sizeof(*a));
}

const struct mp_assignment *
mp_assignments_find(const struct mp_assignments *a, const char *id)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcasecmp(a->list[i].id, id) == 0)
			return &a->list[i];
	for (size_t i = 0; i < a->count; i++)
		if (strcasecmp(a->list[i].policy, id) == 0)
			return &a->list[i];
	return NULL;
}
