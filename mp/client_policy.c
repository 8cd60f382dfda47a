/* The client's policy: which there is, and what is in it. */
#include <string.h>

#include "mp/client_internal.h"
#include "mp/kinds/policy.h"
#include "mp/reply.h"

static const char policies[] = "MP_PolicyManager";

static int
named(const struct mp_client_voice *v, struct mp_error *e)
{
	if (v->netbios[0] != '\0' && v->fqdn[0] != '\0')
		return 0;
	return mp_fail(e, MP_EARG,
	    "the message needs this client's names, and none are stored with "
	    "its registration; give its NetBIOS name (--netbios) and its DNS "
	    "name (--fqdn)");
}

int
mp_client_assignments(
    struct mp_client *c, struct mp_assignments *out, struct mp_error *e)
{
	struct mp_client_question ask = {.endpoint = policies};
	struct mp_assignments_request request = {0};
	struct mp_client_voice v;
	struct mp_buf body, reply;
	struct mp_error own;
	int r;

	e = e != NULL ? e : &own;
	memset(out, 0, sizeof(*out));
	c->x.proof = NULL;
	mp_buf_init(&body, CLIENT_REQUEST_MAX);
	mp_buf_init(&reply, MP_CONTENT_MAX);
	if ((r = mp_client_voice(c, &v, e)) != 0 || (r = named(&v, e)) != 0)
		goto out;
	request.smsid = v.speaks;
	request.fqdn = v.fqdn;
	request.netbios = v.netbios;
	request.site = c->site;
	ask.smsid = v.source;
	ask.netbios = v.netbios;
	mp_client_step(c, "asking %s for policy assignments", c->url.host);
	if ((r = mp_assignments_request(&request, &body, e)) != 0 ||
	    (r = mp_client_ask(c, &ask, &body, &reply, e)) != 0)
		goto out;
	r = mp_assignments_parse(&reply, out, e);
	if (r != 0)
		r = mp_fail_in(e, "%s", c->url.text);
out:
	mp_buf_release(&body);
	mp_buf_release(&reply);
	return r;
}

int
mp_client_policy(struct mp_client *c, const struct mp_assignment *a,
    struct mp_buf *xml, struct mp_error *e)
{
	bool identify;
	struct mp_client_voice v;
	struct mp_buf path, body;
	struct mp_error own;
	int r;

	e = e != NULL ? e : &own;
	c->x.proof = NULL;
	memset(&c->hashes, 0, sizeof(c->hashes));
	if ((a->flags & MP_POLICY_TASK_SEQUENCE) != 0)
		return mp_fail(e, MP_EREFUSED,
		    "policy %s is a task sequence (flag 1), which a client "
		    "must not download; choose another policy",
		    a->policy);
	identify =
	    (a->flags & (MP_POLICY_REQUIRES_AUTH | MP_POLICY_SECRET)) != 0;
	mp_buf_init(&path, CLIENT_REQUEST_MAX);
	mp_buf_init(&body, MP_REPLY_MAX);
	if ((r = mp_client_voice(c, &v, e)) != 0 ||
	    (r = mp_policy_path(a, c->url.host, &path, e)) != 0)
		goto out;
	mp_client_step(c, "fetching policy %s", a->policy);
	/*
	 * A proxy shows its own id, which its key can prove; that this gets
	 * the policy of the client that it speaks for is inferred [I].
	 */
	r = mp_exchange_get(
	    &c->x, (const char *)path.data, v.source, identify, &body, e);
	if (r == 0)
		r = mp_policy_open_hashed(a, &c->me, &body, xml, &c->hashes, e);
	if (r == 0)
		mp_client_step(c, "policy %s: its hash %s", a->policy,
		    mp_policyhash_text(c->hashes.worst));
out:
	mp_buf_release(&path);
	mp_buf_release(&body);
	return r;
}

const struct mp_policyhashes *
mp_client_hashes(const struct mp_client *c)
{
	return &c->hashes;
}
