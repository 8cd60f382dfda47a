/*
 * Any bytes as an audit log, which whoever may write it could have written,
 * and as the file that says how far it reaches. A line that is taken must be
 * the one spelling of its record.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/auditcheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
found(void *ctx, enum auditcheck_grade grade, uint64_t line, const char *text)
{
	(void)grade;
	(void)line;
	*(size_t *)ctx += strlen(text);
}

static enum auditcheck_seal
judge(void *ctx, const struct audit_record *r, const char *text, size_t len)
{
	(void)ctx;
	if (r->sig.len > sizeof(r->sig.data) || text[len - 1] != '\n')
		abort();
	return r->sig.data[0] % 2 == 0 ? AUDITCHECK_GOOD : AUDITCHECK_BAD;
}

/* What a line says is written again, and must be the same but for its
 * number and its place in the chain. */
static void
line(const char *p, size_t len)
{
	struct audit_record r;
	struct audit_chain at, c = {0};
	char again[AUDIT_LINE_MAX];
	uint64_t number;

	if (audit_parse(p, len, &r, &at) != 0)
		return;
	number = r.number;
	c.number = number - 1;
	if (audit_pack(&c, &r, again, sizeof(again)) != len + 1 ||
	    r.number != number || memcmp(again, p, len - 66) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t said = 0, torn, piece = len > 0 ? 1 + data[0] : 1;
	const struct auditcheck_calls calls = {
	    .found = found, .seal = judge, .ctx = &said};
	struct audit_chain last, head = {.number = 3};
	struct auditcheck_sum sum;
	struct auditcheck *k = auditcheck_new(&calls, &head);
	const char *text = (const char *)data;
	const char *nl = len == 0 ? NULL : memchr(text, '\n', len);

	if (k == NULL)
		return 0;
	line(text, nl == NULL ? len : (size_t)(nl - text));
	(void)audit_head_parse(text, len, &head);
	if (audit_tail(text, len, len % 2 == 0, &last, &torn) == 0 &&
	    torn > len)
		abort();
	for (size_t at = 0; at < len; at += piece)
		auditcheck_feed(
		    k, text + at, len - at < piece ? len - at : piece);
	auditcheck_file_end(k);
	auditcheck_end(k, &sum);
	auditcheck_free(k);
	return 0;
}
