/* The audit log's records: packed, parsed, chained; and the tail of a file. */
#include "agent/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct audit_record
sample(enum audit_event e)
{
	struct audit_record r;

	memset(&r, 0, sizeof(r));
	r.event = e;
	r.time_us = UINT64_C(1795455601123456);
	r.reason = AUDIT_ROTATED;
	(void)snprintf(r.version, sizeof(r.version), "1.0");
	r.uid = 1000;
	r.gid = 100;
	r.pid = 4711;
	(void)snprintf(r.exe, sizeof(r.exe), "/usr/bin/a \"b\"\\\n\xc3\xa4");
	r.op = AUDIT_TLS;
	memset(r.key, 0xab, sizeof(r.key));
	r.scheme = SIGNER_RSA_PSS;
	r.hash = SIGNER_SHA512;
	r.digest.len = e == AUDIT_TORN ? 32 : 64;
	memset(r.digest.data, 0x5c, sizeof(r.digest.data));
	r.of = 17;
	(void)snprintf(r.token, sizeof(r.token), "hsm");
	r.result = -SIGNER_EDENIED;
	r.ckr = 0xa0;
	r.us = 1234;
	r.token_us = UINT64_MAX;
	(void)snprintf(r.why, sizeof(r.why), "no [allow] section");
	r.records = 3;
	r.sig.len = SIGNER_SIG_MAX;
	r.count = 9;
	return r;
}

static void
every_event_comes_back_as_it_was(void **state)
{
	struct audit_chain c = {0}, at;
	struct audit_record in, out;
	char line[AUDIT_LINE_MAX], again[AUDIT_LINE_MAX];

	(void)state;
	for (unsigned e = 0; e < AUDIT_EVENTS; e++) {
		struct audit_chain before = c, copy = c;
		size_t len;

		in = sample((enum audit_event)e);
		len = audit_pack(&c, &in, line, sizeof(line));
		assert_true(len > 0 && line[len - 1] == '\n');
		assert_int_equal(c.number, before.number + 1);
		assert_int_equal(audit_parse(line, len - 1, &out, &at), 0);
		assert_memory_equal(&at, &c, sizeof(c));
		assert_true(audit_follows(before.value, line, len - 1));
		assert_false(audit_follows(c.value, line, len - 1));
		assert_int_equal(
		    audit_pack(&copy, &out, again, sizeof(again)), len);
		assert_memory_equal(line, again, len);
	}
}

static void
a_line_is_json_that_people_can_read(void **state)
{
	struct audit_chain c = {.number = 6};
	struct audit_record r = sample(AUDIT_USE);
	char line[AUDIT_LINE_MAX];
	static const char begins[] =
	    "{\"n\":7,\"t\":\"2026-11-23T17:40:01.123456Z\",\"event\":\"use\","
	    "\"uid\":1000,\"gid\":100,\"pid\":4711,\"exe\":\"/usr/bin/a "
	    "\\u0022b\\u0022\\u005c\\u000a\\u00c3\\u00a4\",\"op\":\"tls\",";

	(void)state;
	assert_true(audit_pack(&c, &r, line, sizeof(line)) > sizeof(begins));
	assert_memory_equal(line, begins, sizeof(begins) - 1);
}

static void
a_line_that_does_not_fit_changes_nothing(void **state)
{
	struct audit_chain c = {.number = 6}, was = c;
	struct audit_record r = sample(AUDIT_SEAL);
	char line[AUDIT_LINE_MAX];
	size_t whole;

	(void)state;
	for (size_t room = 0;; room++) {
		whole = audit_pack(&c, &r, line, room);
		if (whole != 0)
			break;
		assert_memory_equal(&c, &was, sizeof(c));
	}
	assert_true(whole < AUDIT_LINE_MAX);
}

static void
every_truncation_and_every_other_spelling_is_refused(void **state)
{
	static const char *const pairs[][2] = {
	    {"\"uid\":1000", "\"uid\":01000"},
	    {"2026-11-23T", "2026-10-54T"},
	    {"2026-11-23T", "2026-09-31T"},
	    {"T17:40:01", "T17:39:61"},
	    {"T17:40:01", "T16:99:61"},
	    {"\"uid\":1000", "\"uid\":+1000"},
	    {"\"uid\":1000", "\"uid\": 1000"},
	    {"\"uid\":1000", "\"uid\":99999999999999999999999"},
	    {"\"uid\":1000,\"gid\":100", "\"gid\":100,\"uid\":1000"},
	    {"\"op\":\"tls\"", "\"op\":\"TLS\""},
	    {"\"op\":\"tls\"", "\"op\":\"\""},
	    {"\\u00c3", "\\u00C3"},
	    {"\\u00c3", "\\u0041"},
	    {"\\u00c3", "\\u0000"},
	    {"\\u00c3", "\\u00"},
	    {"T17:40", "T17:60"},
	    {"2026-11", "2026-13"},
	    {".123456Z", ".12345Z"},
	    {"\"key\":\"ab", "\"key\":\""},
	    {"\"key\":\"ab", "\"key\":\"abab"},
	    {"\"chain\"", "\"Chain\""},
	};
	char line[AUDIT_LINE_MAX], bad[2 * AUDIT_LINE_MAX];
	struct audit_chain c = {0}, at;
	struct audit_record r = sample(AUDIT_USE), out;
	size_t len = audit_pack(&c, &r, line, sizeof(line)) - 1;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(audit_parse(line, n, &out, &at), -1);
	assert_int_equal(audit_parse(line, len + 1, &out, &at), -1);
	line[len] = '\0';
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		const char *at_pair = strstr(line, pairs[i][0]);

		assert_non_null(at_pair);
		(void)snprintf(bad, sizeof(bad), "%.*s%s%s",
		    (int)(at_pair - line), line, pairs[i][1],
		    at_pair + strlen(pairs[i][0]));
		assert_int_equal(audit_parse(bad, strlen(bad), &out, &at), -1);
		assert_int_equal(out.number, 0);
	}
}

/* Three lines, and where each of them ends. */
static size_t
three(char *file, struct audit_chain after[3], size_t ends[3])
{
	struct audit_chain c = {0};
	size_t len = 0;

	for (unsigned i = 0; i < 3; i++) {
		struct audit_record r = sample(AUDIT_DENY);

		len += audit_pack(&c, &r, file + len, AUDIT_LINE_MAX);
		after[i] = c;
		ends[i] = len;
	}
	return len;
}

static void
the_tail_is_found_whatever_the_file_ends_with(void **state)
{
	char file[3 * AUDIT_LINE_MAX];
	struct audit_chain after[3], last;
	size_t ends[3], torn, len = three(file, after, ends);

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		size_t lines = n < ends[0]   ? 0
			       : n < ends[1] ? 1
			       : n < ends[2] ? 2
					     : 3;
		struct audit_chain want = {0};
		size_t from = 0;

		if (lines > 0) {
			want = after[lines - 1];
			from = ends[lines - 1];
		}
		assert_int_equal(audit_tail(file, n, true, &last, &torn), 0);
		assert_memory_equal(&last, &want, sizeof(last));
		assert_int_equal(torn, n - from);
	}
}

static void
a_tail_that_was_changed_is_seen(void **state)
{
	char file[3 * AUDIT_LINE_MAX];
	struct audit_chain after[3], last;
	size_t ends[3], torn, len = three(file, after, ends);

	(void)state;
	for (size_t i = ends[1]; i + 1 < len; i++) {
		file[i] ^= 1;
		/* Without a record's end it may be what a crash left. */
		assert_int_equal(audit_tail(file, len, true, &last, &torn),
		    i + 3 < len ? -1 : 0);
		assert_int_equal(torn, i + 3 < len ? 0 : len - ends[1]);
		file[i] ^= 1;
	}
	file[ends[1]] = 'x';
	assert_int_equal(audit_tail(file, len, true, &last, &torn), -1);
	assert_memory_equal(&last, &after[1], sizeof(last));
	file[ends[0]] = file[0] = 'x';
	assert_int_equal(audit_tail(file, len, true, &last, &torn), -1);
	assert_int_equal(last.number, 0);
	/* Of the end of a file the first line may be a piece. */
	file[ends[1]] = '{';
	assert_int_equal(audit_tail(file + 5, len - 5, false, &last, &torn), 0);
	assert_memory_equal(&last, &after[2], sizeof(last));
	assert_int_equal(audit_tail(file + ends[1] + 1, len - ends[1] - 1,
			     false, &last, &torn),
	    -1);
}

static void
the_head_s_file_has_one_spelling(void **state)
{
	struct audit_chain c = {.number = 1234}, back;
	char text[AUDIT_HEAD_MAX];
	size_t len;

	(void)state;
	memset(c.value, 0x1f, sizeof(c.value));
	len = audit_head_pack(text, &c);
	assert_int_equal(audit_head_parse(text, len, &back), 0);
	assert_memory_equal(&c, &back, sizeof(c));
	for (size_t n = 0; n < len; n++)
		assert_int_equal(audit_head_parse(text, n, &back), -1);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 0x20;
		if (audit_head_parse(text, len, &back) == 0)
			assert_memory_not_equal(&c, &back, sizeof(c));
		text[i] ^= 0x20;
	}
	c.number = UINT64_MAX;
	assert_int_equal(audit_head_pack(text, &c), len);
}

static void
a_seal_signs_a_text_that_nothing_else_looks_like(void **state)
{
	uint8_t head[AUDIT_CHAIN_LEN] = {0xfe};
	char text[AUDIT_SEAL_MAX];
	size_t len = audit_seal_text(text, 42, head);
	static const char begins[] =
	    "sealpoint audit seal 1\nrecords 42\nchain fe00";

	(void)state;
	assert_memory_equal(text, begins, sizeof(begins) - 1);
	assert_int_equal(len, sizeof(begins) - 1 + 60 + 1);
	assert_int_equal(text[len - 1], '\n');
}

/* The agent was killed again while it wrote that it had been killed. */
static void
several_torn_pieces_are_one(void **state)
{
	static const char pieces[] = "{\"n\":4,\n{\"n\":4,\"t\n";
	char file[3 * AUDIT_LINE_MAX + sizeof(pieces)];
	struct audit_chain after[3], last;
	size_t ends[3], torn, len = three(file, after, ends);

	(void)state;
	memcpy(file + len, pieces, sizeof(pieces) - 1);
	for (size_t n = 0; n < sizeof(pieces); n++) {
		assert_int_equal(
		    audit_tail(file, len + n, true, &last, &torn), 0);
		assert_memory_equal(&last, &after[2], sizeof(last));
		assert_int_equal(torn, n);
	}
	/* A whole line before them that was changed is none of them. */
	file[ends[1]] = 'x';
	assert_int_equal(audit_tail(file, len + 20, true, &last, &torn), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_event_comes_back_as_it_was),
	    cmocka_unit_test(a_line_is_json_that_people_can_read),
	    cmocka_unit_test(a_line_that_does_not_fit_changes_nothing),
	    cmocka_unit_test(
		every_truncation_and_every_other_spelling_is_refused),
	    cmocka_unit_test(the_tail_is_found_whatever_the_file_ends_with),
	    cmocka_unit_test(a_tail_that_was_changed_is_seen),
	    cmocka_unit_test(several_torn_pieces_are_one),
	    cmocka_unit_test(the_head_s_file_has_one_spelling),
	    cmocka_unit_test(a_seal_signs_a_text_that_nothing_else_looks_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
