/* The client's policy: which there is, and what is in it. */
#include <string.h>

#include "mp/client_internal.h"
#include "mp/cms.h"
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
mp_client_assignments(struct mp_client *c,
    const struct mp_client_policies *wanted, struct mp_assignments *out,
    struct mp_error *e)
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
	request.user = wanted != NULL ? wanted->user : NULL;
	request.cookie = wanted != NULL ? wanted->cookie : NULL;
	ask.smsid = v.source;
	ask.netbios = v.netbios;
	mp_client_step(c, "asking %s for policy assignments%s%s", c->url.host,
	    request.user != NULL ? " of a user" : "",
	    request.cookie != NULL ? ", for changes alone" : "");
	if ((r = mp_assignments_request(&request, &body, e)) != 0 ||
	    (r = mp_client_ask(c, &ask, &body, &reply, e)) != 0)
		goto out;
	r = mp_assignments_answer(&request, &reply, out, e);
	if (r != 0)
		r = mp_fail_in(e, "%s", c->url.text);
out:
	mp_buf_release(&body);
	mp_buf_release(&reply);
	return r;
}

/*
 * Whoever sits on the wire can write what no TLS protects. The assignments
 * are signed always there, so that their hash proves the body. Sites that
 * enforce HTTPS send secrets in clear over it (wire-facts 5.4), others never.
 */
static int
prove(struct mp_client *c, const struct mp_assignment *a,
    const struct mp_buf *body, struct mp_error *e)
{
	bool wanted =
	    !c->x.tls || c->cfg.policy_hash_rule == MP_POLICY_HASH_ALWAYS;

	if (!c->x.tls && (a->flags & MP_POLICY_SECRET) != 0 &&
	    !mp_cms_is_enveloped(body->data, body->len))
		return mp_fail(e, MP_ETRUST,
		    "policy %.100s is secret (flag 4) but came from %s "
		    "unencrypted and without TLS; it is not used: look who is "
		    "between this host and the management point, or use "
		    "native mode",
		    a->policy, c->url.text);
	if (!wanted)
		return 0;
	if (!c->hashes.proven)
		return mp_fail(e, MP_ETRUST,
		    "policy %.100s from %s fits no SHA-1 or SHA-256 hash of "
		    "its signed assignment (the hash %s)%s; it is not used: "
		    "ask for the assignments again, and if that does not "
		    "help %s",
		    a->policy, c->url.text, mp_policyhash_text(c->hashes.worst),
		    c->x.tls ? "" : ", and nothing else proves it without TLS",
		    c->x.tls ? "have the site's policy hashes checked"
			     : "use native mode");
	if (!c->x.tls)
		c->x.proof = "hash";
	return 0;
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
	if (r == 0 && (r = prove(c, a, &body, e)) != 0) {
		c->x.proof = NULL;
		mp_buf_clear(xml);
	}
	if (r == 0)
		mp_client_step(c, "policy %s: its hash %s", a->policy,
		    mp_policyhash_text(c->hashes.worst));
out:
	mp_buf_release(&path);
	mp_buf_release(&body);
	return r;
}
