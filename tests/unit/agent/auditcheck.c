/* What is wrong with a log, and where: found for every way of tampering. */
#include "agent/auditcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 9

/* A small log: a start, uses with their ends, a refusal, a seal. */
struct scene {
	char file[16384];
	size_t len;
	size_t starts[LINES + 1]; /* of each line; the last is the end */
	size_t lines;
	struct audit_chain chain;
	struct audit_chain was[LINES + 1]; /* after so many lines */
	/* What the check said. */
	struct auditcheck_sum sum;
	uint64_t line; /* of the first fault */
	char text[AUDITCHECK_TEXT_MAX];
	unsigned notes;
	enum auditcheck_seal verdict;
};

static void
add(struct scene *s, struct audit_record *r)
{
	r->time_us = 1795455601000000 + s->lines;
	s->starts[s->lines] = s->len;
	s->len += audit_pack(
	    &s->chain, r, s->file + s->len, sizeof(s->file) - s->len);
	s->starts[++s->lines] = s->len;
	s->was[s->lines] = s->chain;
}

static void
begin(struct scene *s, enum audit_reason reason)
{
	struct audit_record r = {.event = AUDIT_OPEN, .reason = reason};

	memcpy(r.prev, s->chain.value, sizeof(r.prev));
	add(s, &r);
}

static void
build(struct scene *s)
{
	struct audit_record use = {.event = AUDIT_USE, .digest = {.len = 32}};
	struct audit_record end = {.event = AUDIT_END};
	struct audit_record deny = {.event = AUDIT_DENY};
	struct audit_record seal = {.event = AUDIT_SEAL, .sig = {.len = 64}};

	memset(s, 0, sizeof(*s));
	begin(s, AUDIT_START);
	for (unsigned i = 0; i < 3; i++) {
		add(s, &use);
		end.of = use.number;
		add(s, &end);
	}
	seal.records = s->chain.number;
	memcpy(seal.head, s->chain.value, sizeof(seal.head));
	add(s, &deny);
	add(s, &seal);
	assert_int_equal(s->lines, LINES);
}

static void
found(void *ctx, enum auditcheck_grade grade, uint64_t line, const char *text)
{
	struct scene *s = ctx;

	if (grade == AUDITCHECK_NOTE) {
		s->notes++;
		return;
	}
	if (s->text[0] == '\0') {
		s->line = line;
		(void)snprintf(s->text, sizeof(s->text), "%s", text);
	}
}

static enum auditcheck_seal
judge(void *ctx, const struct audit_record *r, const char *text, size_t len)
{
	const struct scene *s = ctx;

	assert_int_equal(r->sig.len, 64);
	assert_true(len > 0 && strncmp(text, "sealpoint audit seal", 20) == 0);
	return s->verdict;
}

/* Checks these bytes in pieces, as one file; how many faults there are. */
static uint64_t
check(struct scene *s, const char *data, size_t len, size_t piece,
    const struct audit_chain *head)
{
	const struct auditcheck_calls calls = {
	    .found = found, .seal = judge, .ctx = s};
	struct auditcheck *k = auditcheck_new(&calls, head);

	s->text[0] = '\0';
	s->line = 0;
	s->notes = 0;
	assert_non_null(k);
	for (size_t at = 0; at < len; at += piece)
		auditcheck_feed(
		    k, data + at, len - at < piece ? len - at : piece);
	auditcheck_file_end(k);
	auditcheck_end(k, &s->sum);
	auditcheck_free(k);
	return s->sum.faults;
}

static void
a_sound_log_is_found_sound_in_pieces_of_any_size(void **state)
{
	struct scene s;

	(void)state;
	build(&s);
	for (size_t piece = 1; piece < 3000; piece = piece * 3 + 1) {
		assert_int_equal(check(&s, s.file, s.len, piece, &s.chain), 0);
		assert_int_equal(s.notes, 0);
		assert_int_equal(s.sum.records, LINES);
		assert_int_equal(s.sum.good, 1);
		assert_int_equal(s.sum.sealed, 7);
		assert_int_equal(s.sum.open, 0);
	}
}

static void
every_single_byte_change_is_found_where_it_is(void **state)
{
	static char copy[sizeof(((struct scene *)0)->file)];
	struct scene s;
	size_t line = 0;

	(void)state;
	build(&s);
	for (size_t i = 0; i < s.len; i++) {
		line += i == s.starts[line + 1];
		/* Each bit in its turn, and the case of letters in all. */
		for (unsigned b = 0; b < 2; b++) {
			unsigned bit = b == 0 ? (unsigned)i % 8 : 5;

			memcpy(copy, s.file, s.len);
			copy[i] ^= (char)(1u << bit);
			assert_true(check(&s, copy, s.len, s.len, NULL) > 0);
			/* It, or the next one, which no longer fits it. */
			assert_true(s.line >= line + 1 && s.line <= line + 2);
		}
	}
}

static void
every_byte_taken_out_or_put_in_is_found(void **state)
{
	static char copy[sizeof(((struct scene *)0)->file) + 1];
	struct scene s;

	(void)state;
	build(&s);
	for (size_t i = 0; i < s.len; i++) {
		memcpy(copy, s.file, i);
		memcpy(copy + i, s.file + i + 1, s.len - i - 1);
		assert_true(check(&s, copy, s.len - 1, s.len, NULL) > 0);
		copy[i] = ' ';
		memcpy(copy + i + 1, s.file + i, s.len - i);
		assert_true(check(&s, copy, s.len + 1, s.len, NULL) > 0);
	}
}

static void
every_removed_line_is_found_and_named(void **state)
{
	static char copy[sizeof(((struct scene *)0)->file)];
	char want[64];
	struct scene s;

	(void)state;
	build(&s);
	for (size_t i = 0; i < LINES; i++) {
		size_t from = s.starts[i], to = s.starts[i + 1];

		memcpy(copy, s.file, from);
		memcpy(copy + from, s.file + to, s.len - to);
		assert_true(
		    check(&s, copy, s.len - (to - from), 100, &s.chain) > 0);
		if (i == 0 || i == LINES - 1)
			continue;
		(void)snprintf(want, sizeof(want), "records %zu to %zu are ",
		    i + 1, i + 1);
		assert_non_null(strstr(s.text, want));
		assert_int_equal(s.line, i + 1);
	}
}

static void
every_two_swapped_lines_are_found(void **state)
{
	static char copy[sizeof(((struct scene *)0)->file)];
	struct scene s;

	(void)state;
	build(&s);
	for (size_t i = 0; i < LINES; i++) {
		for (size_t j = i + 1; j < LINES; j++) {
			size_t len = 0;

			for (size_t n = 0; n < LINES; n++) {
				size_t at = n == i ? j : n == j ? i : n;
				size_t l = s.starts[at + 1] - s.starts[at];

				memcpy(copy + len, s.file + s.starts[at], l);
				len += l;
			}
			assert_true(check(&s, copy, len, 500, NULL) > 0);
			assert_int_equal(s.line, i + 1);
		}
	}
}

static void
a_line_that_stands_twice_is_found(void **state)
{
	struct scene s;
	size_t last = 0;

	(void)state;
	build(&s);
	last = s.len - s.starts[LINES - 1];
	memcpy(s.file + s.len, s.file + s.starts[LINES - 1], last);
	assert_int_equal(check(&s, s.file, s.len + last, 100, NULL), 1);
	assert_non_null(strstr(s.text, "twice"));
}

static void
a_cut_tail_is_found_at_each_length(void **state)
{
	struct scene s;

	(void)state;
	build(&s);
	for (size_t n = 0; n < s.len; n++) {
		assert_true(check(&s, s.file, n, 4096, &s.chain) > 0);
		assert_true(s.line <= LINES);
	}
	assert_int_equal(check(&s, s.file, s.len, 4096, &s.chain), 0);
}

static void
a_cut_beginning_is_found(void **state)
{
	struct scene s;

	(void)state;
	build(&s);
	for (size_t n = 1; n < s.len; n++)
		assert_true(check(&s, s.file + n, s.len - n, 4096, NULL) > 0);
}

static void
a_log_written_anew_does_not_fit_the_head(void **state)
{
	struct audit_record extra = {.event = AUDIT_DENY};
	struct scene s, t;

	(void)state;
	build(&s);
	memset(&t, 0, sizeof(t));
	begin(&t, AUDIT_ROTATED);
	for (size_t i = 0; i < LINES - 1; i++)
		add(&t, &extra);
	assert_int_equal(check(&t, t.file, t.len, 4096, NULL), 0);
	assert_int_equal(check(&t, t.file, t.len, 4096, &s.chain), 1);
	assert_non_null(strstr(t.text, "written anew"));
	/* One that is behind the log is as it should be. */
	assert_int_equal(check(&s, s.file, s.len, 4096, &s.was[4]), 0);
}

static void
a_forged_seal_is_found(void **state)
{
	struct audit_record seal = {.event = AUDIT_SEAL, .sig = {.len = 64}};
	struct scene s;

	(void)state;
	build(&s);
	s.verdict = AUDITCHECK_BAD;
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 1);
	assert_int_equal(s.line, LINES);
	s.verdict = AUDITCHECK_UNKNOWN;
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 0);
	assert_int_equal(s.sum.good, 0);
	s.verdict = AUDITCHECK_GOOD;
	/* A seal of another log, and one of the future. */
	build(&s);
	s.len = s.starts[LINES - 1];
	s.chain = s.was[LINES - 1];
	s.lines = LINES - 1;
	seal.records = 7;
	memset(seal.head, 7, sizeof(seal.head));
	add(&s, &seal);
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 1);
	build(&s);
	s.len = s.starts[LINES - 1];
	s.chain = s.was[LINES - 1];
	s.lines = LINES - 1;
	seal.records = 9;
	add(&s, &seal);
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 1);
	assert_non_null(strstr(s.text, "cannot be"));
}

/* Ends the log in the middle of a line, as a crash does, and goes on. */
static void
crash(struct scene *s, size_t left)
{
	struct audit_record torn = {.event = AUDIT_TORN};

	torn.count = left;
	torn.digest.len = AUDIT_CHAIN_LEN;
	s->chain = s->was[LINES - 1];
	s->lines = LINES - 1;
	assert_int_equal(audit_digest(s->file + s->starts[LINES - 1], left,
			     torn.digest.data),
	    0);
	s->len = s->starts[LINES - 1] + left;
	s->file[s->len++] = '\n';
	add(s, &torn);
}

static void
a_torn_record_that_the_agent_noted_is_no_fault(void **state)
{
	struct scene s;
	size_t torn;

	(void)state;
	build(&s);
	crash(&s, 50);
	torn = s.starts[LINES - 1] - 51;
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 0);
	assert_int_equal(s.notes, 1);
	for (size_t i = torn; i < torn + 51; i++) {
		s.file[i] ^= 1;
		assert_true(check(&s, s.file, s.len, 4096, NULL) > 0);
		s.file[i] ^= 1;
	}
	memmove(s.file + torn, s.file + torn + 51, s.len - torn - 51);
	assert_int_equal(check(&s, s.file, s.len - 51, 4096, NULL), 1);
	assert_non_null(strstr(s.text, "taken out"));
}

static void
what_the_agent_found_cut_is_told(void **state)
{
	struct audit_record cut = {.event = AUDIT_CUT, .count = 5};
	struct scene s;

	(void)state;
	build(&s);
	s.len = s.starts[4];
	s.lines = 4;
	s.chain = s.was[4];
	s.chain.number = 9;
	add(&s, &cut);
	assert_int_equal(check(&s, s.file, s.len, 4096, NULL), 1);
	assert_non_null(strstr(s.text, "records 5 to 9 were gone"));
}

static void
two_files_are_one_log(void **state)
{
	struct scene s, t;
	const struct auditcheck_calls calls = {.found = found, .ctx = &t};
	struct auditcheck *k;

	(void)state;
	for (unsigned gap = 0; gap < 2; gap++) {
		build(&s);
		memset(&t, 0, sizeof(t));
		t.chain = s.was[LINES];
		begin(&t, AUDIT_ROTATED);
		k = auditcheck_new(&calls, &t.chain);
		assert_non_null(k);
		auditcheck_feed(k, s.file, s.starts[LINES - gap]);
		auditcheck_file_end(k);
		auditcheck_feed(k, t.file, t.len);
		auditcheck_file_end(k);
		auditcheck_end(k, &t.sum);
		auditcheck_free(k);
		assert_int_equal(t.sum.faults, gap);
		assert_int_equal(t.line, gap);
	}
	/* The second alone: what is before it is not known, and that is said.
	 */
	assert_int_equal(check(&t, t.file, t.len, 4096, &t.chain), 0);
	assert_int_equal(t.notes, 1);
	assert_int_equal(check(&t, t.file, t.len, 4096, &s.chain), 0);
	assert_int_equal(check(&t, t.file, t.len, 4096, &s.was[3]), 1);
}

/* A file that follows on record n, whatever stood behind that. */
static uint64_t
check_after(struct scene *s, struct scene *t, size_t n, unsigned reason)
{
	const struct auditcheck_calls calls = {.found = found, .ctx = t};
	struct auditcheck *k = auditcheck_new(&calls, NULL);

	build(s);
	memset(t, 0, sizeof(*t));
	t->chain = s->was[n];
	begin(t, reason);
	assert_non_null(k);
	auditcheck_feed(k, s->file, s->len);
	auditcheck_file_end(k);
	auditcheck_feed(k, t->file, t->len);
	auditcheck_file_end(k);
	auditcheck_end(k, &t->sum);
	auditcheck_free(k);
	return t->sum.faults;
}

static void
records_that_the_next_file_does_not_know_are_named(void **state)
{
	struct scene s, t;

	(void)state;
	assert_int_equal(check_after(&s, &t, LINES, AUDIT_START), 0);
	assert_int_equal(check_after(&s, &t, LINES, AUDIT_GONE), 0);
	for (size_t n = 1; n < LINES; n++) {
		char want[64];

		assert_int_equal(check_after(&s, &t, n, AUDIT_START), 1);
		(void)snprintf(
		    want, sizeof(want), "records %zu to %d", n + 1, LINES);
		assert_non_null(strstr(t.text, want));
		assert_int_equal(t.line, 1);
	}
}

static void
an_emptied_log_is_a_fault_and_a_rotated_one_a_note(void **state)
{
	struct scene t;

	(void)state;
	for (unsigned r = AUDIT_START; r <= AUDIT_GONE; r++) {
		memset(&t, 0, sizeof(t));
		t.chain.number = 9;
		begin(&t, r);
		assert_int_equal(check(&t, t.file, t.len, 4096, NULL),
		    r == AUDIT_ROTATED ? 0 : 1);
		assert_int_equal(t.notes, r == AUDIT_ROTATED ? 1 : 0);
	}
}

static void
lines_without_end_are_bounded(void **state)
{
	static char flood[100000];
	struct scene s;

	(void)state;
	memset(&s, 0, sizeof(s));
	memset(flood, '{', sizeof(flood));
	assert_int_equal(check(&s, flood, sizeof(flood), 4096, NULL), 1);
	flood[50000] = '\n';
	assert_int_equal(check(&s, flood, sizeof(flood), 4096, NULL), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sound_log_is_found_sound_in_pieces_of_any_size),
	    cmocka_unit_test(every_single_byte_change_is_found_where_it_is),
	    cmocka_unit_test(every_byte_taken_out_or_put_in_is_found),
	    cmocka_unit_test(every_removed_line_is_found_and_named),
	    cmocka_unit_test(every_two_swapped_lines_are_found),
	    cmocka_unit_test(a_line_that_stands_twice_is_found),
	    cmocka_unit_test(a_cut_tail_is_found_at_each_length),
	    cmocka_unit_test(a_cut_beginning_is_found),
	    cmocka_unit_test(a_log_written_anew_does_not_fit_the_head),
	    cmocka_unit_test(a_forged_seal_is_found),
	    cmocka_unit_test(a_torn_record_that_the_agent_noted_is_no_fault),
	    cmocka_unit_test(what_the_agent_found_cut_is_told),
	    cmocka_unit_test(two_files_are_one_log),
	    cmocka_unit_test(
		records_that_the_next_file_does_not_know_are_named),
	    cmocka_unit_test(
		an_emptied_log_is_a_fault_and_a_rotated_one_a_note),
	    cmocka_unit_test(lines_without_end_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
