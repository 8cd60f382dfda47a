#include "tests/faultmod/call.h"

#include <signal.h>
#include <time.h>

#include "tests/faultmod/sessions.h"

static struct faultmod *page;
static CK_FUNCTION_LIST *real;

void
call_attach(struct faultmod *p, CK_FUNCTION_LIST *r)
{
	page = p;
	real = r;
}

struct faultmod *
call_page(void)
{
	return page;
}

CK_FUNCTION_LIST *
call_real(void)
{
	return real;
}

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Ends early when the rule is disarmed. */
static void
linger(const struct faultmod_rule *rule, uint64_t armed, uint64_t us)
{
	uint64_t end = us == UINT64_MAX ? us : now_us() + us;
	uint64_t now;

	while (rule->armed == armed && (now = now_us()) < end) {
		uint64_t nap = end - now < 500 ? end - now : 500;
		struct timespec t = {0, (long)nap * 1000};

		(void)nanosleep(&t, NULL);
	}
}

/* Is it this call's turn? */
static bool
fits(struct faultmod_rule *rule, unsigned function)
{
	uint64_t n;

	if (rule->armed == 0 ||
	    (rule->function != function && rule->function != FAULTMOD_ANY))
		return false;
	n = rule->seen++;
	return n >= rule->skip && n - rule->skip < rule->times;
}

/* The first rule for this call that is more than a delay. */
static void
obey(struct call *c)
{
	for (unsigned i = 0; i < FAULTMOD_RULES && c->action == 0; i++) {
		struct faultmod_rule *rule = &page->rules[i];
		uint64_t armed = rule->armed;

		if (!fits(rule, c->function))
			continue;
		c->action = (enum faultmod_action)rule->action;
		c->value = rule->value;
		rule->done++;
		page->obeyed[c->function]++;
		if (rule->delay_us != 0)
			linger(rule, armed, rule->delay_us);
		if (c->action == FAULTMOD_HANG)
			linger(rule, armed, UINT64_MAX);
		if (c->action == FAULTMOD_DELAY)
			c->action = 0;
	}
}

bool
call_begin(struct call *c, enum faultmod_function function)
{
	c->function = function;
	c->action = 0;
	c->value = 0;
	c->locked = false;
	c->rv = CKR_OK;
	page->calls[function]++;
	obey(c);
	if (c->action == FAULTMOD_SIGNAL)
		(void)raise((int)c->value);
	sessions_follow();
	if (c->action != FAULTMOD_FAIL)
		return true;
	c->rv = c->value;
	return false;
}

bool
call_begin_session(
    struct call *c, enum faultmod_function function, CK_SESSION_HANDLE *session)
{
	if (!call_begin(c, function))
		return false;
	if (page->absent != 0) {
		c->rv = page->gone != 0 ? page->gone : CKR_DEVICE_REMOVED;
		return false;
	}
	sessions_hold();
	c->locked = true;
	*session = sessions_real(*session);
	return true;
}

CK_RV
call_end(struct call *c, CK_RV rv)
{
	if (c->locked)
		sessions_let_go();
	c->locked = false;
	return c->action == FAULTMOD_LOSE ? c->value : rv;
}

CK_RV
call_end_length(struct call *c, CK_RV rv, CK_ULONG *len)
{
	if (rv == CKR_OK && c->action == FAULTMOD_LENGTH && len != NULL)
		*len += c->value;
	return call_end(c, rv);
}

CK_OBJECT_HANDLE
call_object(CK_OBJECT_HANDLE ours)
{
	return ours - sessions_object_shift();
}

void
call_objects_out(CK_RV rv, CK_OBJECT_HANDLE *objects, CK_ULONG n)
{
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
		objects[i] += sessions_object_shift();
}
