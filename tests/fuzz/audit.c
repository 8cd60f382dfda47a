/*
 * Any bytes as an audit log. A line that is taken for a record is made again
 * byte for byte, but for its place in the chain; the reader ends with a sum
 * that fits what it read, in whatever pieces it got the file. The mutator
 * chains the lines anew: else the hash keeps it out.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/auditcheck.h"

#define CHAIN ",\"chain\":\""

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t len, size_t max, unsigned seed);

static struct audit_record record; /* too large for a stack */

/* One line to out, chained anew if it is a record. Its bytes, or 0. */
static size_t
rechain(
    struct audit_chain *c, const char *line, size_t len, char *out, size_t room)
{
	struct audit_chain at;

	if (len != 0 && line[len - 1] == '\n' &&
	    audit_parse(line, len - 1, &record, &at) == 0)
		return audit_pack(c, &record, out, room);
	if (len > room)
		return 0;
	memcpy(out, line, len);
	return len;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	struct audit_chain chain = {0};
	const char *text = (const char *)data;
	size_t at = 0, made = 0, n;
	char *out;

	len = LLVMFuzzerMutate(data, len, max);
	out = seed % 4 == 0 ? NULL : malloc(max);
	while (out != NULL && at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line =
		    end == NULL ? len - at : (size_t)(end + 1 - text) - at;

		n = rechain(&chain, text + at, line, out + made, max - made);
		if (n == 0)
			break;
		at += line;
		made += n;
	}
	if (made != 0) {
		memcpy(data, out, made);
		len = made;
	}
	free(out);
	return len;
}

static void
found(void *ctx, enum auditcheck_grade grade, uint64_t line, const char *text)
{
	uint64_t *faults = ctx;

	(void)line;
	if (text[0] == '\0' || strlen(text) >= AUDITCHECK_TEXT_MAX)
		abort();
	*faults += grade == AUDITCHECK_FAULT;
}

static enum auditcheck_seal
judge(void *ctx, const struct audit_record *r, const char *text, size_t len)
{
	(void)ctx;
	if (r->sig.len > sizeof(r->sig.data) || text[len - 1] != '\n')
		abort();
	return r->sig.data[0] % 2 == 0 ? AUDITCHECK_GOOD : AUDITCHECK_BAD;
}

static struct auditcheck_sum
check(const char *data, size_t len, size_t piece)
{
	uint64_t faults = 0;
	const struct auditcheck_calls calls = {
	    .found = found, .seal = judge, .ctx = &faults};
	const struct audit_chain head = {.number = 3};
	struct auditcheck *k =
	    auditcheck_new(&calls, piece % 2 == 0 ? &head : NULL);
	struct auditcheck_sum sum;

	if (k == NULL)
		abort();
	for (size_t at = 0; at < len; at += piece)
		auditcheck_feed(
		    k, data + at, len - at < piece ? len - at : piece);
	auditcheck_file_end(k);
	auditcheck_end(k, &sum);
	auditcheck_free(k);
	if (sum.faults != faults || sum.good > sum.seals)
		abort();
	return sum;
}

static void
line(const char *data, size_t len)
{
	static char again[AUDIT_LINE_MAX];
	struct audit_chain at, chain = {0};
	const char *end;
	size_t n;

	if (audit_parse(data, len, &record, &at) != 0)
		return;
	if (at.number == 0)
		abort();
	chain.number = at.number - 1;
	n = audit_pack(&chain, &record, again, sizeof(again));
	end = n == 0 ? NULL : memmem(again, n, CHAIN, strlen(CHAIN));
	if (end == NULL || n != len + 1 ||
	    memcmp(again, data, (size_t)(end - again)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *end;
	struct auditcheck_sum whole, pieces;
	struct audit_chain c;
	char head[AUDIT_HEAD_MAX];
	size_t torn;

	end = len == 0 ? NULL : memchr(text, '\n', len);
	line(text, end == NULL ? len : (size_t)(end - text));
	(void)check(text, len, 256);
	whole = check(text, len, len | 1);
	pieces = check(text, len, 7);
	if (memcmp(&whole, &pieces, sizeof(whole)) != 0)
		abort();
	if (audit_tail(text, len, true, &c, &torn) == 0 && torn > len)
		abort();
	if (audit_head_parse(text, len, &c) == 0 &&
	    (audit_head_pack(head, &c) != len || memcmp(head, text, len) != 0))
		abort();
	return 0;
}
