#include "agent/auditcheck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines that are no records; the next one may say that they are torn ones. */
struct odd {
	uint64_t line; /* the first; 0: there is none */
	size_t len;
	char text[AUDIT_TAIL_MAX];
	bool longer; /* than any piece that the agent tells of */
};

struct auditcheck {
	struct auditcheck_calls calls;
	struct auditcheck_sum sum;
	struct audit_chain head;
	bool wanted; /* head is still to be met */
	struct audit_chain at;
	uint64_t line; /* of the present one, from 1 */
	struct odd odd;
	char buf[AUDIT_LINE_MAX];
	size_t len;
	bool longer; /* the present line does not fit the buffer */
	uint8_t ring[AUDIT_SEAL_SPAN][AUDIT_CHAIN_LEN]; /* by number */
};

static void report(struct auditcheck *k, enum auditcheck_grade grade,
    uint64_t line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
report(struct auditcheck *k, enum auditcheck_grade grade, uint64_t line,
    const char *fmt, ...)
{
	char text[AUDITCHECK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->sum.faults += grade == AUDITCHECK_FAULT;
	k->calls.found(k->calls.ctx, grade, line, text);
}

struct auditcheck *
auditcheck_new(
    const struct auditcheck_calls *calls, const struct audit_chain *head)
{
	struct auditcheck *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->calls = *calls;
	if (head != NULL && head->number != 0) {
		k->head = *head;
		k->wanted = true;
	}
	return k;
}

void
auditcheck_free(struct auditcheck *k)
{
	free(k);
}

/* Remembers what the next line is to explain. */
static void
puzzle(struct auditcheck *k)
{
	struct odd *o = &k->odd;
	bool first = o->line == 0;

	if (first) {
		o->line = k->line;
		o->len = 0;
		o->longer = false;
	}
	if (k->longer || k->len + 1 > sizeof(o->text) - o->len) {
		o->longer = true;
		return;
	}
	if (!first)
		o->text[o->len++] = '\n';
	memcpy(o->text + o->len, k->buf, k->len);
	o->len += k->len;
}

/* Is the odd text what this record says was torn? */
static bool
explains(const struct odd *o, const struct audit_record *r)
{
	uint8_t digest[AUDIT_CHAIN_LEN];

	return !o->longer && r->count == o->len &&
	       r->digest.len == sizeof(digest) &&
	       audit_digest(o->text, o->len, digest) == 0 &&
	       memcmp(r->digest.data, digest, sizeof(digest)) == 0;
}

static void
settle(struct auditcheck *k, const struct audit_record *r)
{
	bool told = r != NULL && r->event == AUDIT_TORN;

	if (k->odd.line != 0 && told && explains(&k->odd, r))
		report(k, AUDITCHECK_NOTE, k->odd.line,
		    "a piece of a record, which was being written when the "
		    "agent ended; the agent found it when it started again");
	else if (k->odd.line != 0)
		report(k, AUDITCHECK_FAULT, k->odd.line,
		    "this is no record: it was changed, or does not belong "
		    "here");
	else if (told)
		report(k, AUDITCHECK_FAULT, k->line,
		    "the piece of a record that the agent found before this "
		    "line is not there: it was taken out");
	k->odd.line = 0;
}

/* Is this record the one that the agent noted as the last? */
static void
meet(struct auditcheck *k)
{
	if (!k->wanted || k->at.number != k->head.number)
		return;
	k->wanted = false;
	if (memcmp(k->at.value, k->head.value, sizeof(k->at.value)) != 0)
		report(k, AUDITCHECK_FAULT, k->line,
		    "record %" PRIu64
		    " is another one than the agent's state directory tells "
		    "of: the log was written anew",
		    k->at.number);
}

/* The first record of all that are read: there is nothing to compare. */
static void
begin(struct auditcheck *k, const struct audit_record *r)
{
	static const uint8_t none[AUDIT_CHAIN_LEN];

	k->sum.first = r->number;
	k->at.number = r->number - 1;
	if (r->event != AUDIT_OPEN) {
		report(k, AUDITCHECK_FAULT, k->line,
		    "the file begins in the middle, with record %" PRIu64
		    ": what stood before it was taken out",
		    r->number);
		return;
	}
	memcpy(k->at.value, r->prev, sizeof(k->at.value));
	memcpy(
	    k->ring[k->at.number % AUDIT_SEAL_SPAN], r->prev, sizeof(r->prev));
	meet(k);
	if (r->number > 1 && r->reason == AUDIT_ROTATED)
		report(k, AUDITCHECK_NOTE, k->line,
		    "the records up to %" PRIu64
		    " are in earlier files, which were not read",
		    r->number - 1);
	else if (r->number > 1)
		report(k, AUDITCHECK_FAULT, k->line,
		    "the agent found the log gone or empty here, though it had "
		    "written %" PRIu64
		    " records: it was emptied or removed; or it was moved "
		    "away, then give that file too, before this one",
		    r->number - 1);
	else if (memcmp(r->prev, none, sizeof(none)) != 0)
		report(k, AUDITCHECK_FAULT, k->line,
		    "record 1 cannot have one before it: it was changed");
}

/* Does this file follow on an earlier record than the last of the one before?
 */
static bool
forks(const struct auditcheck *k, const struct audit_record *r)
{
	uint64_t before = r->number - 1;

	return r->event == AUDIT_OPEN && k->line == 1 &&
	       before >= k->sum.first && before < k->at.number &&
	       k->at.number - before < AUDIT_SEAL_SPAN &&
	       memcmp(k->ring[before % AUDIT_SEAL_SPAN], r->prev,
		   sizeof(r->prev)) == 0;
}

/* Does the line stand where it says that it does? */
static void
place(struct auditcheck *k, const struct audit_record *r)
{
	uint64_t n = r->number, next = k->at.number + 1;
	bool follows = audit_follows(k->at.value, k->buf, k->len);

	if (r->event == AUDIT_CUT && n > next)
		report(k, AUDITCHECK_FAULT, k->line,
		    "records %" PRIu64 " to %" PRIu64
		    " were gone when the agent started here: they were cut "
		    "off or changed",
		    r->count, n - 1);
	else if (n > next)
		report(k, AUDITCHECK_FAULT, k->line,
		    "records %" PRIu64 " to %" PRIu64
		    " are missing before this line",
		    next, n - 1);
	else if (forks(k, r))
		report(k, AUDITCHECK_FAULT, k->line,
		    "the agent went on here behind record %" PRIu64
		    ", the last that it knew of: nothing vouches for the "
		    "records %" PRIu64 " to %" PRIu64
		    " before this line; they were put in, or the file was "
		    "moved away and the agent killed before it could know",
		    n - 1, n, k->at.number);
	else if (n < next)
		report(k, AUDITCHECK_FAULT, k->line,
		    "record %" PRIu64 " stands after record %" PRIu64
		    ": it was moved, or stands here twice",
		    n, k->at.number);
	else if (!follows)
		report(k, AUDITCHECK_FAULT, k->line,
		    "record %" PRIu64
		    " does not fit the one before it: one of the two was "
		    "changed",
		    n);
	else if (r->event == AUDIT_OPEN &&
		 memcmp(r->prev, k->at.value, sizeof(r->prev)) != 0)
		report(k, AUDITCHECK_FAULT, k->line,
		    "record %" PRIu64
		    " names another one before it than the one that is there",
		    n);
}

static void
seal(struct auditcheck *k, const struct audit_record *r)
{
	char text[AUDIT_SEAL_MAX];
	size_t len;

	k->sum.seals++;
	if (r->records >= r->number ||
	    r->number - r->records > AUDIT_SEAL_SPAN) {
		report(k, AUDITCHECK_FAULT, k->line,
		    "the seal covers records up to %" PRIu64
		    ", which cannot be",
		    r->records);
		return;
	}
	/* Of a record that was not read the hash is not known. */
	if (r->records + 1 < k->sum.first)
		return;
	if (memcmp(k->ring[r->records % AUDIT_SEAL_SPAN], r->head,
		sizeof(r->head)) != 0) {
		report(k, AUDITCHECK_FAULT, k->line,
		    "the seal does not fit record %" PRIu64
		    ": records before it were changed",
		    r->records);
		return;
	}
	if (k->calls.seal == NULL)
		return;
	len = audit_seal_text(text, r->records, r->head);
	switch (k->calls.seal(k->calls.ctx, r, text, len)) {
	case AUDITCHECK_GOOD:
		k->sum.good++;
		k->sum.sealed = r->records;
		break;
	case AUDITCHECK_UNKNOWN:
		break;
	case AUDITCHECK_STRANGE:
		report(k, AUDITCHECK_FAULT, k->line,
		    "the seal is by another key than those that may seal");
		break;
	case AUDITCHECK_BAD:
		report(k, AUDITCHECK_FAULT, k->line,
		    "the seal's signature is not of its key: the log was "
		    "forged, or the seal changed");
		break;
	}
}

static void
account(struct auditcheck *k, const struct audit_record *r)
{
	k->sum.open += r->event == AUDIT_USE;
	k->sum.open -= r->event == AUDIT_END && k->sum.open > 0;
	if (r->event == AUDIT_LOST)
		report(k, AUDITCHECK_NOTE, k->line,
		    "%" PRIu64 " uses or refusals before this line have no "
		    "record: it could not be written",
		    r->count);
	if (k->calls.record != NULL)
		k->calls.record(k->calls.ctx, r);
}

static void
whole_line(struct auditcheck *k)
{
	struct audit_record r;
	struct audit_chain at;

	k->line++;
	if (k->longer || audit_parse(k->buf, k->len, &r, &at) != 0) {
		puzzle(k);
		return;
	}
	settle(k, &r);
	if (k->sum.records == 0)
		begin(k, &r);
	/* What begins in the middle has nothing to follow. */
	if (k->sum.records != 0 || r.event == AUDIT_OPEN)
		place(k, &r);
	k->sum.records++;
	/* From here on as the line says: one fault is told once. */
	k->at = at;
	memcpy(
	    k->ring[at.number % AUDIT_SEAL_SPAN], at.value, sizeof(at.value));
	meet(k);
	if (r.event == AUDIT_SEAL)
		seal(k, &r);
	account(k, &r);
}

void
auditcheck_feed(struct auditcheck *k, const char *data, size_t len)
{
	while (len > 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl == NULL ? len : (size_t)(nl - data);

		if (n > sizeof(k->buf) - k->len)
			k->longer = true;
		else
			memcpy(k->buf + k->len, data, n);
		k->len = k->longer ? sizeof(k->buf) : k->len + n;
		data += n;
		len -= n;
		if (nl == NULL)
			return;
		whole_line(k);
		k->len = 0;
		k->longer = false;
		data++;
		len--;
	}
}

void
auditcheck_file_end(struct auditcheck *k)
{
	k->line++;
	settle(k, NULL);
	if (k->len > 0)
		report(k, AUDITCHECK_FAULT, k->line,
		    "the file ends in the middle of a record: it was cut off, "
		    "or the agent ended while it wrote, and has not started "
		    "since");
	k->len = 0;
	k->longer = false;
	k->line = 0;
}

void
auditcheck_end(struct auditcheck *k, struct auditcheck_sum *sum)
{
	k->sum.last = k->at.number;
	if (k->sum.records == 0 && k->wanted)
		report(k, AUDITCHECK_FAULT, 0,
		    "there is no record, and the agent wrote %" PRIu64
		    ": all were taken out",
		    k->head.number);
	else if (k->sum.records == 0)
		report(k, AUDITCHECK_NOTE, 0, "there is no record");
	else if (k->wanted && k->head.number > k->at.number)
		report(k, AUDITCHECK_FAULT, 0,
		    "records %" PRIu64 " to %" PRIu64
		    " are missing at the end: they were cut off",
		    k->at.number + 1, k->head.number);
	else if (k->wanted && k->head.number < k->sum.first)
		report(k, AUDITCHECK_FAULT, 0,
		    "the agent's state directory tells of record %" PRIu64
		    " as its last: it was set back, or belongs to another log",
		    k->head.number);
	*sum = k->sum;
}
