#include "agent/front/gate.h"

#include "agent/front/auditor.h"
#include "agent/front/grant.h"
#include "agent/front/overseer.h"
#include "agent/front/quota.h"
#include "agent/log.h"

/* Connections may be inherited, but not by another user. */
static bool
foreign(struct ask *a, const struct sender *from)
{
	const struct policy_caller *who = &a->p->who;

	/* It may have changed its own user since. */
	if (from->pid == who->pid || from->uid == who->uid)
		return false;
	/* Sent before we listened ourselves: it has no sender. */
	if (from->pid == 0) {
		ask_refuse(a, SIGNER_EBUSY, true,
		    "the agent cannot see which process sent this; try again");
		return true;
	}
	if (grant_may_log(a, QUOTA_DENIAL))
		log_line(LOG_LEVEL_WARNING,
		    "denied: process %d of uid %u sent a request over a "
		    "connection of uid %u (pid %d), which was passed on",
		    (int)from->pid, from->uid, who->uid, (int)who->pid);
	auditor_deny(a, NULL, NULL, SIGNER_EDENIED,
	    "a connection that was passed on by this user");
	ask_refuse(a, SIGNER_EDENIED, false,
	    "this connection to the agent is another user's; a process of uid "
	    "%u must make its own",
	    from->uid);
	return true;
}

static bool
hasty(struct ask *a)
{
	struct signer_trouble why = {.retry = true};
	uid_t uid = a->p->who.uid;

	why.after_ms = quota_take(a->f->quota, QUOTA_PACKET, uid, NULL,
	    a->p->packets, front_now_us());
	if (why.after_ms == 0)
		return false;
	if (grant_may_log(a, QUOTA_LINE))
		log_line(LOG_LEVEL_WARNING,
		    "uid %u (pid %d) sends more than %llu requests in a "
		    "second; what is too much is refused",
		    uid, (int)a->sender,
		    (unsigned long long)(a->p->packets / 3600));
	auditor_deny(
	    a, NULL, NULL, SIGNER_EBUSY, "more requests than its rate");
	(void)signer_fail(&why, 0,
	    "uid %u sends more requests than its rate in sealpointd.conf "
	    "foresees; try again in %u ms",
	    uid, why.after_ms);
	ask_fail(a, SIGNER_EBUSY, &why);
	return true;
}

/* Has the caller rules that are for certain programs? */
static uint64_t
programs(const struct ask *a)
{
	return a->p->sections & policy_programs(a->f->conf);
}

/* Asks which program the sender runs, unless it is known; is it awaited? */
static bool
inquire(const struct ask *a)
{
	struct program *g = &a->p->program;
	const struct link_who who = {a->p->name, (uint32_t)a->sender};
	uint64_t now = front_now();

	if (g->known && g->pid == a->sender)
		return false;
	if (program_awaited(g, a->sender, now))
		return true;
	/* One that waited asks no more: two could take turns. */
	if (a->k != NULL || overseer_ask(a->f->overseer, &who) != 0)
		return false;
	program_await(g, a->sender, now);
	return true;
}

/* True if it was answered: it does not count for the program that it names. */
static bool
premature(struct ask *a)
{
	if (!a->early || a->h.type == PROTO_HELLO || a->h.type == PROTO_STATUS)
		return false;
	ask_refuse(a, SIGNER_EBUSY, true,
	    "the agent did not know yet which program asks; try again");
	return true;
}

/* Will the audit log tell which program it was? */
static bool
recorded(const struct ask *a)
{
	return auditor_on(a->f) &&
	       (a->h.type == PROTO_SIGN || a->h.type == PROTO_DECRYPT);
}

/* Settles which sections are about the caller; true if it may go on. */
static bool
admit(struct ask *a)
{
	uint64_t some = programs(a);
	bool awaited;

	a->sections = a->p->sections & ~some;
	if (a->h.type == PROTO_PING)
		return true;
	awaited = inquire(a);
	/* Then the program is for the logs alone; one of them waits for it. */
	if (some == 0 && awaited && a->k == NULL && recorded(a)) {
		ask_park(a, false);
		return false;
	}
	if (some == 0)
		return true;
	if (awaited) {
		a->early = true;
		ask_park(a, false);
		return false;
	}
	/* The rules were read again while it waited, or nobody could be
	 * asked: no reason to deny it for good. */
	if (!a->p->program.known || a->p->program.pid != a->sender)
		a->early = true;
	if (premature(a))
		return false;
	a->sections |= some & program_sections(&a->p->program, a->sender);
	return true;
}

bool
gate_pass(struct ask *a, const struct sender *from)
{
	return !hasty(a) && !foreign(a, from) && admit(a);
}

bool
gate_pass_again(struct ask *a)
{
	return admit(a);
}
