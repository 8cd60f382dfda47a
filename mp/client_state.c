/* What is remembered of a client, and who speaks for whom. */
#include <stdio.h>
#include <string.h>

#include "mp/client_internal.h"

static int
open_state(struct mp_client *c, struct mp_error *e)
{
	if (c->state != NULL)
		return 0;
	if (c->cfg.state_dir == NULL)
		return mp_fail(e, MP_EARG,
		    "a directory for the client's state is needed (--state)");
	return mp_state_open(&c->state, c->cfg.state_dir, e);
}

static struct mp_state_key
where(const struct mp_client *c, const char *managed)
{
	return (struct mp_state_key){.sha256 = c->sha256,
	    .mp = c->url.text,
	    .site = c->site,
	    .client = managed};
}

int
mp_client_recall(struct mp_client *c, const char *managed,
    struct mp_state_client *st, struct mp_error *e)
{
	struct mp_state_key key = where(c, managed);
	int r = open_state(c, e);

	if (r == 0)
		return mp_state_get(c->state, &key, st, e);
	memset(st, 0, sizeof(*st));
	st->status = MP_REG_NONE;
	return r;
}

int
mp_client_remember(struct mp_client *c, const char *managed,
    const struct mp_state_client *st, struct mp_error *e)
{
	struct mp_state_key key = where(c, managed);
	int r = open_state(c, e);

	return r != 0 ? r : mp_state_put(c->state, &key, st, e);
}

int
mp_client_taken(struct mp_client *c, const char *managed, const char *smsid,
    bool *taken, struct mp_error *e)
{
	struct mp_state_key key = where(c, managed);
	int r = open_state(c, e);

	*taken = false;
	return r != 0 ? r : mp_state_taken(c->state, &key, smsid, taken, e);
}

/* Is it registered? `who` for the sentence if not. */
static int
enrolled(const struct mp_client *c, const struct mp_state_client *st,
    const char *who, struct mp_error *e)
{
	if (st->status == MP_REGISTERED)
		return 0;
	if (st->status == MP_REG_PENDING)
		return mp_fail(e, MP_EPENDING,
		    "the registration of %s with %s, site %s, is still "
		    "pending; run `sealpoint register` again to see whether "
		    "it was approved",
		    who, c->url.text, c->site);
	return mp_fail(e, MP_ENOTFOUND,
	    "%s is not registered with %s, site %s; run `sealpoint register` "
	    "first",
	    who, c->url.text, c->site);
}

/* The certificate's own registration: a client's or a proxy's. */
static int
own(struct mp_client *c, struct mp_state_client *st, struct mp_error *e)
{
	char who[sizeof(c->me.thumbprint) + 32];
	int r = mp_client_recall(c, NULL, st, e);

	(void)snprintf(
	    who, sizeof(who), "the certificate %s", c->me.thumbprint);
	return r != 0 ? r : enrolled(c, st, who, e);
}

int
mp_client_proxy(
    struct mp_client *c, char smsid[MP_SMSID_MAX], struct mp_error *e)
{
	struct mp_state_client st;
	int r;

	if (c->cfg.proxy_smsid != NULL) {
		(void)snprintf(smsid, MP_SMSID_MAX, "%s", c->cfg.proxy_smsid);
		return 0;
	}
	r = own(c, &st, e);
	memcpy(smsid, st.smsid, MP_SMSID_MAX);
	if (r == MP_ENOTFOUND)
		return mp_fail(e, MP_ENOTFOUND,
		    "an ISV proxy must be registered itself before it speaks "
		    "for clients, and the certificate %s is not registered "
		    "with %s, site %s; run `sealpoint register --as proxy` "
		    "first, or name with --proxy the id that the console gave "
		    "it",
		    c->me.thumbprint, c->url.text, c->site);
	if (r == 0 && st.agent == MP_AGENT_CLIENT)
		return mp_fail(e, MP_EARG,
		    "the certificate %s is registered with %s, site %s, as a "
		    "client of its own, so it cannot speak for others; use "
		    "the key of an ISV proxy (--as proxy)",
		    c->me.thumbprint, c->url.text, c->site);
	return r;
}

/* A managed client, by its id or its name. */
static int
managed(struct mp_client *c, struct mp_state_client *st, struct mp_error *e)
{
	struct mp_state_key key = where(c, NULL);
	const char *id = c->cfg.client_id;
	char who[MP_HOST_MAX + 16];
	int r;

	if (id == NULL) {
		r = mp_client_recall(c, c->managed, st, e);
		(void)snprintf(who, sizeof(who), "the client %s", c->managed);
		return r != 0 ? r : enrolled(c, st, who, e);
	}
	r = open_state(c, e);
	if (r == 0)
		r = mp_state_find(c->state, &key, id, st, e);
	if (r != 0)
		return r;
	/* Who registered it elsewhere knows it better than our file. */
	if (st->status == MP_REG_NONE)
		st->status = MP_REGISTERED;
	(void)snprintf(st->smsid, sizeof(st->smsid), "%s", id);
	(void)snprintf(who, sizeof(who), "the client %s", id);
	return enrolled(c, st, who, e);
}

static void
adopt_names(struct mp_client *c, const struct mp_state_client *st,
    struct mp_client_voice *v)
{
	const char *netbios = c->cfg.netbios, *fqdn = c->cfg.fqdn;

	(void)snprintf(v->netbios, sizeof(v->netbios), "%s",
	    netbios != NULL ? netbios : st->netbios);
	(void)snprintf(
	    v->fqdn, sizeof(v->fqdn), "%s", fqdn != NULL ? fqdn : st->fqdn);
}

int
mp_client_voice(
    struct mp_client *c, struct mp_client_voice *v, struct mp_error *e)
{
	bool proxy = c->cfg.client_id != NULL || c->managed[0] != '\0';
	struct mp_state_client st;
	int r;

	memset(v, 0, sizeof(*v));
	r = proxy ? managed(c, &st, e) : own(c, &st, e);
	if (r != 0)
		return r;
	memcpy(v->speaks, st.smsid, sizeof(v->speaks));
	memcpy(v->source, st.smsid, sizeof(v->source));
	adopt_names(c, &st, v);
	if (proxy)
		r = mp_client_proxy(c, v->source, e);
	if (r != 0)
		memset(v, 0, sizeof(*v));
	return r;
}

int
mp_client_smsid(
    struct mp_client *c, char smsid[MP_SMSID_MAX], struct mp_error *e)
{
	struct mp_client_voice v;
	struct mp_error own_words;
	int r;

	r = mp_client_voice(c, &v, e != NULL ? e : &own_words);
	memcpy(smsid, v.speaks, MP_SMSID_MAX);
	return r;
}
