#include "agent/front/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/front/locks.h"
#include "agent/front/policy.h"
#include "agent/front/workers.h"

/* About whom, and what was found. */
struct story {
	const struct conf *conf;
	const struct front *f;
	const struct client_question *q;
	bool full; /* the asker may know all */
	uid_t uid;
	uint64_t sections; /* about the user */
	uint64_t running;  /* of these, those whose program it runs */
	size_t n;
	struct client_finding found[CLIENT_FINDINGS_MAX];
};

static void find(struct story *s, enum client_weight weight, const char *what,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
find(struct story *s, enum client_weight weight, const char *what,
    const char *fmt, ...)
{
	struct client_finding *one = &s->found[s->n];
	va_list ap;

	if (s->n == CLIENT_FINDINGS_MAX)
		return;
	s->n++;
	one->weight = weight;
	(void)snprintf(one->what, sizeof(one->what), "%s", what);
	va_start(ap, fmt);
	(void)vsnprintf(one->text, sizeof(one->text), fmt, ap);
	va_end(ap);
}

/* Sections that name this path. Whether the file is the one nobody knows. */
static uint64_t
by_path(const struct conf *c, const char *path)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < c->nallows; i++)
		for (size_t j = 0; j < c->allows[i].nprograms; j++)
			if (strcmp(c->allows[i].programs[j], path) == 0)
				bits |= UINT64_C(1) << i;
	return bits;
}

/* The asker itself, as its requests are judged. */
static void
oneself(struct story *s, const struct ask *a)
{
	s->uid = a->p->who.uid;
	s->sections = a->p->sections;
	s->running = a->sections;
	if ((s->sections & policy_programs(s->conf)) == 0)
		return;
	if (a->p->program.path[0] != '\0')
		find(s, CLIENT_NOTE, "program", "you run %s",
		    a->p->program.path);
	if (a->p->program.trouble[0] != '\0')
		find(s, CLIENT_TROUBLE, "program", "%s", a->p->program.trouble);
}

static void
another(struct story *s)
{
	struct policy_caller who = {.uid = s->q->uid, .gid = s->q->gid};

	for (size_t i = 0; i < s->q->ngroups && i < POLICY_GROUPS_MAX; i++)
		who.groups[who.ngroups++] = s->q->groups[i];
	s->uid = who.uid;
	s->sections = policy_sections(s->conf, &who);
	s->running = by_path(s->conf, s->q->program);
	if ((s->sections & policy_programs(s->conf)) != 0)
		find(s, CLIENT_NOTE, "program",
		    s->q->program[0] == '\0'
			? "some of the rules are for certain programs, and no "
			  "program was named"
			: "whether a process runs the very file that is at %s "
			  "now shows only when it asks",
		    s->q->program);
}

static void
user(struct story *s)
{
	size_t n = (size_t)__builtin_popcountll(s->sections);

	if (n == 0)
		find(s, CLIENT_TROUBLE, "rules",
		    "no [allow] section of sealpointd.conf names uid %u or a "
		    "group of it",
		    s->uid);
	else
		find(s, CLIENT_WELL, "rules",
		    "%zu [allow] section%s about uid %u", n,
		    n == 1 ? " is" : "s are", s->uid);
}

static void
token(struct story *s, unsigned index)
{
	bool reported;
	const char *name = s->conf->tokens[index].name;
	const struct link_state *state = workers_state(s->f, index, &reported);

	if (locks_on(s->f, index))
		find(s, CLIENT_TROUBLE, "token",
		    "token %s is locked; 'sealpoint unlock' opens it", name);
	else if (!reported)
		find(s, CLIENT_NOTE, "token", "token %s is being set up", name);
	else if (state->err == SIGNER_OK)
		find(s, CLIENT_WELL, "token", "token %s is ready: %s", name,
		    state->label);
	else
		find(s, CLIENT_TROUBLE, "token", "token %s: %s", name,
		    state->why.text);
}

static void
tokens(struct story *s, uint32_t which)
{
	for (unsigned i = 0; i < s->conf->ntokens; i++)
		if (s->conf->tokens[i].name[0] != '\0' && (which >> i & 1) != 0)
			token(s, i);
}

/* NULL having told why there is none. */
static const struct catalogue_entry *
key(struct story *s)
{
	const struct client_question *q = s->q;
	const struct catalogue_entry *e;
	char thumb[SIGNER_THUMB_TEXT];
	size_t others = 0;

	if (q->thumblen == SIGNER_SHA1_LEN)
		e = catalogue_by_sha1(s->f->catalogue, q->thumb, &others);
	else
		e = catalogue_by_sha256(s->f->catalogue, q->thumb);
	signer_thumbprint_print(q->thumb, q->thumblen, thumb);
	if (e == NULL)
		find(s, CLIENT_TROUBLE, "key",
		    "no token has a certificate with its private key under "
		    "thumbprint %s",
		    thumb);
	else if (others != 0)
		find(s, CLIENT_TROUBLE, "key",
		    "%zu certificates share the SHA-1 thumbprint %s; use the "
		    "SHA-256 one",
		    others + 1, thumb);
	else
		find(s, CLIENT_WELL, "key", "key %s is there", thumb);
	return others != 0 ? NULL : e;
}

/* For who may know: what each section about the user does not fit in. */
static void
sections(struct story *s, const struct signer_identity *id,
    const struct policy_request *what)
{
	for (unsigned i = 0; i < s->conf->nallows; i++) {
		struct policy_verdict v;
		uint64_t bit = UINT64_C(1) << i;

		if ((s->sections & bit) == 0)
			continue;
		policy_judge(s->conf, bit, s->running, id, what, &v);
		if (v.lack != POLICY_GRANTED)
			find(s, CLIENT_NOTE, "rules",
			    "[allow %s] does not grant it: %s does not fit",
			    s->conf->allows[i].name, policy_setting(v.lack));
	}
}

static void
verdict(struct story *s, const struct signer_identity *id)
{
	const struct policy_request what = {.use = s->q->use,
	    .scheme = s->q->scheme,
	    .hash = s->q->hash,
	    .digest = s->q->digest};
	char form[POLICY_FORM_MAX];
	struct policy_verdict v;

	policy_form(&what, form);
	policy_judge(s->conf, s->sections, s->running, id, &what, &v);
	if (s->full)
		sections(s, id, &what);
	if (v.lack != POLICY_GRANTED)
		find(s, CLIENT_TROUBLE, "use", "uid %u may not %s%s%s; %s",
		    s->uid, policy_use(what.use), form[0] == '\0' ? "" : " ",
		    form, policy_excuse(v.lack));
	else
		find(s, CLIENT_WELL, "use",
		    "uid %u may %s%s%s, %llu times an hour%s%s%s", s->uid,
		    policy_use(what.use), form[0] == '\0' ? "" : " ", form,
		    (unsigned long long)v.rate_hour,
		    s->full ? ", by [allow " : "",
		    s->full ? s->conf->allows[v.section].name : "",
		    s->full ? "]" : "");
}

static void
tell(struct story *s)
{
	const struct catalogue_entry *e = NULL;

	user(s);
	/* Who may use nothing learns nothing of keys and tokens. */
	if (s->sections == 0 && !s->full)
		return;
	if (s->q->thumblen != 0)
		e = key(s);
	tokens(s, e != NULL ? e->tokens : UINT32_MAX);
	if (e != NULL)
		verdict(s, &e->id);
}

void
explain_answer(struct ask *a, const struct client_question *q)
{
	struct story s = {.conf = a->f->conf, .f = a->f, .q = q};

	s.full = peers_owner(a->p->who.uid);
	if (q->other && !s.full) {
		ask_refuse(a, SIGNER_EDENIED, false,
		    "only root and the agent's user may ask about others");
		return;
	}
	if (q->other)
		another(&s);
	else
		oneself(&s, a);
	tell(&s);
	ask_answer(a, a->f->out,
	    proto_explain_reply_pack(
		a->f->out, sizeof(a->f->out), a->h.id, s.found, s.n));
}
