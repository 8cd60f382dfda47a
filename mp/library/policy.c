/* Policies of a registered client: the list, and what each says. */
#include <sealpoint/policy.h>

#include <stdlib.h>
#include <strings.h>

#include "mp/client_send.h"
#include "mp/library/failure.h"
#include "mp/library/message.h"
#include "mp/library/messaging.h"

#define SAME(a, b) _Static_assert((a) == (b), #a)
SAME(SEALPOINT_POLICY_TASK_SEQUENCE, MP_POLICY_TASK_SEQUENCE);
SAME(SEALPOINT_POLICY_REQUIRES_AUTH, MP_POLICY_REQUIRES_AUTH);
SAME(SEALPOINT_POLICY_SECRET, MP_POLICY_SECRET);
SAME(SEALPOINT_POLICY_INTRANET_ONLY, MP_POLICY_INTRANET_ONLY);
SAME(SEALPOINT_POLICY_COMPRESSED, MP_POLICY_COMPRESSED);

struct sealpoint_policies {
	struct mp_assignments all;
};

/* In the messaging layer's words; user is filled in for it. */
static int
translate(const struct sealpoint_policy_scope *scope,
    struct mp_assignments_user *user, struct mp_client_policies *wanted,
    struct sealpoint_failure *why)
{
	if (scope->user == NULL &&
	    (scope->user_sid != NULL || scope->groups_count > 0))
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "a SID without a user says nothing; name the user as "
		    "DOMAIN\\user");
	if (scope->groups == NULL && scope->groups_count > 0)
		return failure_missing(why, "the list of groups");
	*user = (struct mp_assignments_user){.name = scope->user,
	    .sid = scope->user_sid,
	    .groups = scope->groups,
	    .ngroups = scope->groups_count};
	*wanted = (struct mp_client_policies){
	    .user = scope->user != NULL ? user : NULL, .cookie = scope->cookie};
	return SEALPOINT_OK;
}

int
sealpoint_messaging_policies(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *settings, struct sealpoint_policies **out,
    struct sealpoint_failure *why)
{
	static const struct sealpoint_policy_scope machine;

	return sealpoint_messaging_policies_of(
	    s, host, settings, &machine, out, why);
}

int
sealpoint_messaging_policies_of(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *settings,
    const struct sealpoint_policy_scope *scope, struct sealpoint_policies **out,
    struct sealpoint_failure *why)
{
	struct mp_client_policies wanted;
	struct mp_assignments_user user;
	struct sealpoint_policies *p;
	struct mp_client *c;
	struct mp_error e;
	int r;

	if (out == NULL)
		return failure_missing(why, "the place for the policies");
	*out = NULL;
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (settings == NULL)
		return failure_missing(why, "the message with the settings");
	if (scope == NULL)
		return failure_missing(why, "the scope of the policies");
	r = translate(scope, &user, &wanted, why);
	if (r == SEALPOINT_OK)
		r = messaging_client(s, host, settings, NULL, &c, why);
	if (r != SEALPOINT_OK)
		return r;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return failure_memory(why);
	r = mp_client_assignments(c, &wanted, &p->all, &e);
	if (r == 0)
		*out = p;
	else
		sealpoint_policies_free(p);
	return failure_from(why, r, &e, mp_client_status(c));
}

void
sealpoint_policies_free(struct sealpoint_policies *p)
{
	if (p == NULL)
		return;
	mp_assignments_release(&p->all);
	free(p);
}

size_t
sealpoint_policies_count(const struct sealpoint_policies *p)
{
	return p != NULL ? p->all.count : 0;
}

static const struct mp_assignment *
at(const struct sealpoint_policies *p, size_t index)
{
	if (p == NULL || index >= p->all.count)
		return NULL;
	return &p->all.list[index];
}

const char *
sealpoint_policies_id(const struct sealpoint_policies *p, size_t index)
{
	const struct mp_assignment *a = at(p, index);

	return a != NULL ? a->policy : NULL;
}

const char *
sealpoint_policies_version(const struct sealpoint_policies *p, size_t index)
{
	const struct mp_assignment *a = at(p, index);

	return a != NULL ? a->version : NULL;
}

const char *
sealpoint_policies_category(const struct sealpoint_policies *p, size_t index)
{
	const struct mp_assignment *a = at(p, index);

	return a != NULL ? a->category : NULL;
}

uint32_t
sealpoint_policies_flags(const struct sealpoint_policies *p, size_t index)
{
	const struct mp_assignment *a = at(p, index);

	return a != NULL ? a->flags : 0;
}

const char *
sealpoint_policies_assignment(const struct sealpoint_policies *p, size_t index)
{
	const struct mp_assignment *a = at(p, index);

	return a != NULL ? a->id : NULL;
}

int
sealpoint_policies_are_changes(const struct sealpoint_policies *p)
{
	return p != NULL && strcasecmp(p->all.reply_type, "Delta") == 0;
}

const char *
sealpoint_policies_cookie(const struct sealpoint_policies *p)
{
	return p != NULL ? p->all.cookie : "";
}

size_t
sealpoint_policies_changes_count(const struct sealpoint_policies *p)
{
	return p != NULL ? p->all.nchanges : 0;
}

const char *
sealpoint_policies_change_assignment(
    const struct sealpoint_policies *p, size_t index)
{
	if (p == NULL || index >= p->all.nchanges)
		return NULL;
	return p->all.changes[index].id;
}

const char *
sealpoint_policies_change_action(
    const struct sealpoint_policies *p, size_t index)
{
	if (p == NULL || index >= p->all.nchanges)
		return NULL;
	return p->all.changes[index].action;
}

int
sealpoint_messaging_policy(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *settings,
    const struct sealpoint_policies *p, size_t index,
    struct sealpoint_message **out, struct sealpoint_failure *why)
{
	const struct mp_assignment *a;
	struct mp_client *c;
	struct mp_error e;
	struct mp_buf xml;
	int r;

	if (out == NULL)
		return failure_missing(why, "the place for the policy");
	*out = NULL;
	if (s == NULL)
		return failure_missing(why, "the messaging object");
	if (settings == NULL)
		return failure_missing(why, "the message with the settings");
	a = at(p, index);
	if (a == NULL)
		return failure_set(why, SEALPOINT_ERR_INDEX_OUT_OF_RANGE,
		    "there is no policy %zu: the list has %zu, and they are "
		    "counted from 0",
		    index, sealpoint_policies_count(p));
	r = messaging_client(s, host, settings, NULL, &c, why);
	if (r != SEALPOINT_OK)
		return r;
	mp_buf_init(&xml, SEALPOINT_BODY_MAX);
	r = mp_client_policy(c, a, &xml, &e);
	if (r == 0)
		r = message_reply(out, xml.data, xml.len, why);
	else
		r = failure_from(why, r, &e, mp_client_status(c));
	mp_buf_release(&xml);
	return r;
}
