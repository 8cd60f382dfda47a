/* The client's registration: asked for, waited for, remembered. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mp/client_internal.h"
#include "mp/kinds/registration.h"
#include "mp/reply.h"

/*
 * Between two Confirmations: the SDK waits 5 s (wire-facts 4.2 [O]), the 2007
 * how-to asks for 30 s to 5 min (sdk-facts 5 [D]). Begin with the one, for
 * sites that approve at once, and double up to the other.
 */
#define POLL_FIRST_MS 5000u
#define POLL_MAX_MS 30000u

static const char registrar[] = "MP_ClientRegistration";

struct enrolment {
	struct mp_client *c;
	struct mp_state_client *st; /* what is known, and stored */
	struct mp_registration form;
	const char *managed; /* name of a proxy's client, or NULL */
	char proxy[MP_SMSID_MAX];
	int64_t deadline_ms;
	unsigned pause_ms;
	bool again; /* a second Registration was sent */
	struct mp_error *e;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
rest(int64_t ms)
{
	struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

/* Sends what was made, and reads what it means. */
static int
send(
    struct enrolment *n, const struct mp_buf *body, struct mp_state_client *got)
{
	struct mp_client_question ask = {.endpoint = registrar,
	    .netbios = n->form.netbios,
	    .id = n->st->message};
	struct mp_buf reply;
	int r;

	mp_buf_init(&reply, MP_CONTENT_MAX);
	r = mp_client_ask(n->c, &ask, body, &reply, n->e);
	if (r == 0) {
		r = mp_registration_response(&reply, got, n->e);
		if (r != 0)
			r = mp_fail_in(n->e, "%s", n->c->url.text);
	}
	mp_buf_release(&reply);
	return r;
}

/* Adopts an answer: on disk before anything is done about it. */
static int
adopt(struct enrolment *n, const struct mp_state_client *got)
{
	n->st->status = got->status;
	n->st->approval = got->approval;
	n->st->since = got->since;
	if (got->smsid[0] != '\0')
		memcpy(n->st->smsid, got->smsid, sizeof(got->smsid));
	return mp_client_remember(n->c, n->managed, n->st, n->e);
}

static const char *
wanted(const struct mp_client *c)
{
	return c->cfg.want_smsid != NULL ? c->cfg.want_smsid : c->cfg.client_id;
}

/* One id for a registration and all its Confirmations (wire-facts 2 [S]). */
static int
number(struct enrolment *n)
{
	if (mp_guid_make(n->st->message) == 0)
		return 0;
	return mp_fail(n->e, MP_ENOMEM,
	    "registration: this machine gives no random numbers");
}

/*
 * A registration's answer does not say whose it is, so that one that was made
 * for another client, and kept by somebody on the wire, fits as well. What
 * this client asked for by name may be another's: a renewed certificate's.
 */
static int
check_new(struct enrolment *n, const struct mp_state_client *got)
{
	bool taken;
	int r;

	if (n->form.smsid != NULL && strcasecmp(n->form.smsid, got->smsid) == 0)
		return 0;
	r = mp_client_taken(n->c, n->managed, got->smsid, &taken, n->e);
	if (r != 0 || !taken)
		return r;
	return mp_fail(n->e, MP_ETRUST,
	    "%s answered the registration of %s with %s, which another client "
	    "in this state has; the answer is not used: register again, and "
	    "if both are the same client, ask for that SMSID by name "
	    "(--smsid)",
	    n->c->url.text,
	    n->managed != NULL ? n->managed : n->c->me.thumbprint, got->smsid);
}

static int
apply(struct enrolment *n)
{
	struct mp_state_client got = {0};
	struct mp_buf body;
	int r;

	mp_client_step(
	    n->c, "registering with %s, site %s", n->c->url.text, n->c->site);
	mp_buf_init(&body, CLIENT_REQUEST_MAX);
	n->form.smsid = n->st->smsid[0] != '\0' ? n->st->smsid : wanted(n->c);
	/* Not writable? Then better before the management point knows us. */
	if ((r = number(n)) != 0 ||
	    (r = mp_client_remember(n->c, n->managed, n->st, n->e)) != 0 ||
	    (r = mp_registration_request(&n->form, &n->c->me, &body, n->e)) !=
		0 ||
	    (r = send(n, &body, &got)) != 0)
		goto out;
	if ((got.status == MP_REGISTERED || got.status == MP_REG_PENDING) &&
	    !mp_smsid_valid(got.smsid)) {
		r = mp_fail(n->e, MP_EREPLY,
		    "%s took the registration but gave no SMSID with it; "
		    "look at the management point's registration log",
		    n->c->url.text);
		goto out;
	}
	r = check_new(n, &got);
	if (r == 0)
		r = adopt(n, &got);
out:
	mp_buf_release(&body);
	return r;
}

static int
confirm(struct enrolment *n)
{
	struct mp_state_client got = {0};
	struct mp_buf body;
	int r;

	mp_client_step(n->c, "asking %s whether %s is registered",
	    n->c->url.host, n->st->smsid);
	mp_buf_init(&body, CLIENT_REQUEST_MAX);
	r = mp_registration_confirmation(
	    &n->form, &n->c->me, n->st->smsid, &body, n->e);
	if (r == 0)
		r = send(n, &body, &got);
	/* A current server may leave the id out here (wire-facts 4.2 [T]). */
	if (r == 0 && got.smsid[0] != '\0' &&
	    strcasecmp(got.smsid, n->st->smsid) != 0)
		r = mp_fail(n->e, MP_EREPLY,
		    "%s was asked about %s and answered about %s; the answer "
		    "is not used",
		    n->c->url.text, n->st->smsid, got.smsid);
	if (r == 0)
		r = adopt(n, &got);
	mp_buf_release(&body);
	return r;
}

/* Waits for the next question, or says that the time is over. */
static int
linger(struct enrolment *n)
{
	int64_t left = n->deadline_ms - now_ms();

	if (left <= 0)
		return mp_fail(n->e, MP_EPENDING,
		    "%s has not decided about %s yet: the registration is "
		    "pending; have it approved at site %s, then run the same "
		    "command again, and it goes on from here",
		    n->c->url.text, n->st->smsid, n->c->site);
	if (left > n->pause_ms)
		left = n->pause_ms;
	mp_client_step(n->c, "pending; asking again in %lld s",
	    (long long)(left + 999) / 1000);
	rest(left);
	if (n->c->cfg.poll_ms == 0)
		n->pause_ms = n->pause_ms < POLL_MAX_MS / 2 ? 2 * n->pause_ms
							    : POLL_MAX_MS;
	return 0;
}

static int
refused(struct enrolment *n)
{
	return mp_fail(n->e, MP_EREFUSED,
	    "%s refused to register the certificate %s (status %d); ask the "
	    "administrator of site %s whether the client is blocked or its "
	    "certificate is not trusted there, then register again",
	    n->c->url.text, n->c->me.thumbprint, (int)n->st->status,
	    n->c->site);
}

/* One more question. A network that fails meanwhile is waited for, too. */
static int
poll(struct enrolment *n, bool at_once)
{
	int r;

	if (!at_once && (r = linger(n)) != 0)
		return r;
	/* A registration of an older version kept no id. */
	if (n->st->message[0] == '\0' && (r = number(n)) != 0)
		return r;
	r = confirm(n);
	if (r != MP_ENET || now_ms() >= n->deadline_ms)
		return r;
	mp_client_step(n->c, "%s", n->e->text);
	return 0;
}

/* From what is known to registered, or to a reason why not. */
static int
settle(struct enrolment *n)
{
	bool pending = n->st->status == MP_REG_PENDING; /* an earlier run's */
	int r;

	r = pending ? poll(n, true) : apply(n);
	while (r == 0) {
		switch (n->st->status) {
		case MP_REGISTERED:
			return 0;
		case MP_REG_PENDING:
			r = poll(n, false);
			break;
		case MP_REG_RESET:
		case MP_REG_CERT_RESET:
			if (n->again)
				return refused(n);
			n->again = true;
			r = apply(n);
			break;
		case MP_REG_REJECTED:
		case MP_REG_NONE:
			return refused(n);
		}
	}
	return r;
}

/* What is said in the request, and kept with the answer. */
static int
fill(struct enrolment *n)
{
	const struct mp_client_config *cfg = &n->c->cfg;
	int r;

	n->form = (struct mp_registration){
	    .netbios = cfg->netbios != NULL ? cfg->netbios : n->st->netbios,
	    .fqdn = cfg->fqdn != NULL ? cfg->fqdn : n->st->fqdn,
	    .agent_type = (int)cfg->as,
	    .internet = cfg->internet,
	    .hash = cfg->hash,
	    .mixed = cfg->mode == MP_MODE_MIXED,
	    .hint = cfg->hint,
	    .hardware_id = cfg->hardware_id,
	};
	if (n->form.netbios[0] == '\0' || n->form.fqdn[0] == '\0')
		return mp_fail(n->e, MP_EARG,
		    "the message needs this client's names; give its NetBIOS "
		    "name (--netbios) and its DNS name (--fqdn)");
	(void)snprintf(
	    n->st->netbios, sizeof(n->st->netbios), "%s", n->form.netbios);
	(void)snprintf(n->st->fqdn, sizeof(n->st->fqdn), "%s", n->form.fqdn);
	n->st->agent = (int)cfg->as;
	n->form.netbios = n->st->netbios;
	n->form.fqdn = n->st->fqdn;
	if (n->managed == NULL)
		return 0;
	r = mp_client_proxy(n->c, n->proxy, n->e);
	n->form.proxy = n->proxy;
	return r;
}

/*
 * A proxy that the console knows by its certificate never registers itself
 * (sdk-facts 5 [D]). Its id is kept once a client of its was taken with it,
 * so that later commands need not name it.
 */
static int
introduce(struct enrolment *n)
{
	struct mp_state_client proxy;
	int r;

	if (n->managed == NULL || n->c->cfg.proxy_smsid == NULL)
		return 0;
	r = mp_client_recall(n->c, NULL, &proxy, n->e);
	if (r != 0 || proxy.status != MP_REG_NONE)
		return r;
	(void)snprintf(proxy.smsid, sizeof(proxy.smsid), "%s", n->proxy);
	proxy.status = MP_REGISTERED;
	proxy.agent = MP_AGENT_PROXY;
	proxy.since = n->st->since;
	return mp_client_remember(n->c, NULL, &proxy, n->e);
}

/* A certificate is a client's or a proxy's: sites know it by one of them. */
static int
check_agent(const struct enrolment *n)
{
	bool there =
	    n->st->status == MP_REGISTERED || n->st->status == MP_REG_PENDING;
	bool proxy = n->st->agent == MP_AGENT_PROXY;

	if (n->managed != NULL || !there || n->st->agent < 0 ||
	    n->st->agent == (int)n->c->cfg.as)
		return 0;
	return mp_fail(n->e, MP_EARG,
	    "the certificate %s is registered with %s, site %s, as %s, and "
	    "not as %s: register another certificate for that, or say --as %s",
	    n->c->me.thumbprint, n->c->url.text, n->c->site,
	    proxy ? "an ISV proxy" : "a client of its own",
	    proxy ? "a client of its own" : "an ISV proxy",
	    proxy ? "proxy" : "client");
}

int
mp_client_register(struct mp_client *c, unsigned wait_s,
    struct mp_state_client *out, bool *already, struct mp_error *e)
{
	struct mp_error own;
	struct enrolment n = {.c = c, .st = out};
	int r;

	n.e = e != NULL ? e : &own;
	*already = false;
	c->x.proof = NULL;
	if (c->cfg.as == MP_AGENT_PROXY_CLIENT) {
		n.managed = c->managed;
		if (c->managed[0] == '\0')
			return mp_fail(n.e, MP_EARG,
			    "a client of an ISV proxy is registered by its "
			    "DNS name; give it (--fqdn)");
	}
	r = mp_client_recall(c, n.managed, out, n.e);
	if (r != 0)
		return r;
	r = check_agent(&n);
	if (r != 0)
		return r;
	if (out->status == MP_REGISTERED) {
		*already = true;
		return 0;
	}
	r = fill(&n);
	if (r != 0)
		return r;
	n.pause_ms = c->cfg.poll_ms != 0 ? c->cfg.poll_ms : POLL_FIRST_MS;
	n.deadline_ms = now_ms() + (int64_t)wait_s * 1000;
	r = settle(&n);
	return r == 0 ? introduce(&n) : r;
}
