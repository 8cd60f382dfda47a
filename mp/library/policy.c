/* Policies of a registered client: the list, and what each says. */
#include <sealpoint/policy.h>

#include <stdlib.h>

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

int
sealpoint_messaging_policies(struct sealpoint_messaging *s, const char *host,
    const struct sealpoint_message *settings, struct sealpoint_policies **out,
    struct sealpoint_failure *why)
{
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
	r = messaging_client(s, host, settings, NULL, &c, why);
	if (r != SEALPOINT_OK)
		return r;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return failure_memory(why);
	r = mp_client_assignments(c, NULL, &p->all, &e);
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
