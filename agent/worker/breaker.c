#include "agent/worker/breaker.h"

#include "agent/signer.h"

/* A person has to do something about the PIN. */
static bool
patient(int err)
{
	return err == SIGNER_EPIN || err == SIGNER_EPINLOCKED;
}

bool
breaker_open(struct breaker *b, uint64_t now, uint32_t *left)
{
	*left = 0;
	if (b->err == SIGNER_OK)
		return false;
	if (now < b->refuses) {
		*left =
		    b->trying ? BREAKER_FIRST_MS : (uint32_t)(b->refuses - now);
		return true;
	}
	b->trying = true;
	b->refuses = now + BREAKER_PROBE_MS;
	return false;
}

static unsigned
pause_of(const struct breaker *b, unsigned poll_ms)
{
	unsigned ms = BREAKER_MAX_MS;

	if (b->err == SIGNER_EABSENT && poll_ms != 0)
		return poll_ms;
	if (!patient(b->err) && b->fails <= 4)
		ms = BREAKER_FIRST_MS << (b->fails - 1);
	return ms;
}

bool
breaker_note(
    struct breaker *b, int err, uint64_t now, unsigned poll_ms, unsigned draw)
{
	bool news = b->err != err;
	unsigned ms;

	b->err = err;
	b->trying = false;
	if (err == SIGNER_OK) {
		b->fails = 0;
		return news;
	}
	if (b->fails < 1000)
		b->fails++;
	ms = pause_of(b, poll_ms);
	b->refuses = now + ms - draw % (ms / 2 + 1);
	return news;
}

void
breaker_pass(struct breaker *b, uint64_t now)
{
	b->trying = false;
	b->refuses = now + BREAKER_FIRST_MS;
}

uint64_t
breaker_due(const struct breaker *b)
{
	if (b->err == SIGNER_OK || patient(b->err))
		return 0;
	return b->refuses;
}
