#include "agent/front/grant.h"

#include <stdio.h>

#include "agent/front/auditor.h"
#include "agent/log.h"

#define LINES_HOUR 60           /* about one user's haste */
#define DENIALS_HOUR (5 * 3600) /* about what one user may not do */

bool
grant_may_log(const struct ask *a, enum quota_kind kind)
{
	return quota_take(a->f->quota, kind, a->p->who.uid, NULL,
		   kind == QUOTA_LINE ? LINES_HOUR : DENIALS_HOUR,
		   front_now_us()) == 0;
}

/* The program, or why it is not known; and what is wrong with it. */
static void
program_text(const struct program *g, char *text, size_t room)
{
	if (g->path[0] == '\0' && g->trouble[0] == '\0')
		(void)snprintf(text, room, "a program not yet known");
	else
		(void)snprintf(text, room, "%.250s%s%.250s", g->path,
		    g->path[0] != '\0' && g->trouble[0] != '\0' ? ": " : "",
		    g->trouble);
}

/* The whole truth, for the logs. */
static void
log_denial(const struct ask *a, const struct signer_identity *key,
    const struct policy_request *what, const struct policy_verdict *v)
{
	const struct policy_caller *who = &a->p->who;
	char thumb[SIGNER_THUMB_TEXT], form[POLICY_FORM_MAX];
	char nearest[160], program[512];

	signer_thumbprint_print(key->sha1, SIGNER_SHA1_LEN, thumb);
	policy_form(what, form);
	program_text(&a->p->program, program, sizeof(program));
	(void)snprintf(
	    nearest, sizeof(nearest), "no [allow] section is about this user");
	if (v->section >= 0)
		(void)snprintf(nearest, sizeof(nearest),
		    "[allow %s] comes nearest, but its %s does not fit",
		    a->f->conf->allows[v->section].name,
		    policy_setting(v->lack));
	auditor_deny(a, key, what, SIGNER_EDENIED, nearest);
	if (!grant_may_log(a, QUOTA_DENIAL))
		return;
	log_line(LOG_LEVEL_WARNING,
	    "denied: uid %u, gid %u, pid %d (%s) wanted to %s%s%s with key "
	    "%s; %s",
	    who->uid, who->gid, (int)a->sender, program, policy_use(what->use),
	    what->use == 0 ? "" : " ", form, thumb, nearest);
}

static void
deny(struct ask *a, const struct signer_identity *key,
    const struct policy_request *what, enum policy_lack lack)
{
	char thumb[SIGNER_THUMB_TEXT], form[POLICY_FORM_MAX];

	signer_thumbprint_print(key->sha1, SIGNER_SHA1_LEN, thumb);
	policy_form(what, form);
	if (what->use == 0)
		ask_refuse(a, SIGNER_EDENIED, false,
		    "uid %u may not use key %s for anything; %s", a->p->who.uid,
		    thumb, policy_excuse(lack));
	else
		ask_refuse(a, SIGNER_EDENIED, false,
		    "uid %u may not use key %s for %s (%s); %s", a->p->who.uid,
		    thumb, policy_use(what->use), form, policy_excuse(lack));
}

/* Counts a use; true if it is one too many, and answered. */
static bool
exceeds(struct ask *a, const struct signer_identity *key,
    const struct policy_request *what, uint64_t rate_hour)
{
	struct signer_trouble why = {.retry = true};
	char thumb[SIGNER_THUMB_TEXT];
	uid_t uid = a->p->who.uid;

	if (a->charged)
		return false;
	a->charged = true;
	why.after_ms = quota_take(a->f->quota, QUOTA_USE, uid, key->sha256,
	    rate_hour, front_now_us());
	if (why.after_ms == 0)
		return false;
	signer_thumbprint_print(key->sha1, SIGNER_SHA1_LEN, thumb);
	auditor_deny(a, key, what, SIGNER_EBUSY, "more uses than its rate");
	if (grant_may_log(a, QUOTA_LINE))
		log_line(LOG_LEVEL_WARNING,
		    "uid %u (pid %d) uses key %s more often than %llu times "
		    "an hour; what is too much is refused",
		    uid, (int)a->sender, thumb, (unsigned long long)rate_hour);
	(void)signer_fail(&why, 0,
	    "uid %u uses key %s more often than its rate in sealpointd.conf "
	    "allows; try again in %u ms",
	    uid, thumb, why.after_ms);
	ask_fail(a, SIGNER_EBUSY, &why);
	return true;
}

bool
grant_use(struct ask *a, const struct signer_identity *key,
    const struct policy_request *what)
{
	struct policy_verdict v;

	policy_judge(a->f->conf, a->p->sections, a->sections, key, what, &v);
	if (v.lack == POLICY_GRANTED)
		return what->use == 0 || !exceeds(a, key, what, v.rate_hour);
	log_denial(a, key, what, &v);
	deny(a, key, what, v.lack);
	return false;
}
