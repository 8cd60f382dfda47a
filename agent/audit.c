#include "agent/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#define CHAIN_MARK ",\"chain\":\""
#define CHAIN_TAIL (sizeof(CHAIN_MARK) - 1 + 2u * AUDIT_CHAIN_LEN + 2)
#define SEAL_MARK "sealpoint audit seal 1\n"
#define HEAD_MARK "sealpoint audit head 1\n"

static const char *const events[] = {
    "open", "use", "end", "deny", "seal", "torn", "cut", "lost", "more", NULL};
static const char *const reasons[] = {"start", "rotated", "gone", NULL};
static const char *const uses[] = {"see", "sign", "decrypt", "tls", NULL};
static const char *const hashes[] = {
    "none", "sha1", "sha256", "sha384", "sha512", NULL};
static const char *const schemes[] = {
    "none", "rsa-pkcs1", "rsa-pss", "rsa-oaep", "ecdsa", "eddsa", NULL};
static const char *const results[] = {"ok", "arg", "denied", "nokey",
    "ambiguous", "mech", "absent", "pin", "pinlocked", "busy", "timeout",
    "device", "data", "agent", "proto", "nomem", "lost", NULL};

enum kind { NUMBER, WORD, TIME, TEXT, HEX, BYTES };

#define IN(e) (1u << (e))
#define ALL (IN(AUDIT_EVENTS) - 1)
#define CALL (IN(AUDIT_USE) | IN(AUDIT_DENY))
#define AT(member) offsetof(struct audit_record, member)

/* Every field, in its order in the line; both ways go by this table. */
static const struct field {
	const char *name;
	enum kind kind;
	unsigned events; /* bit e: a record of event e has it */
	size_t at, len;  /* len: of HEX, bytes; of BYTES, the most */
	const char *const *words;
} fields[] = {
    {"n", NUMBER, ALL, AT(number), 0, NULL},
    {"t", TIME, ALL, AT(time_us), 0, NULL},
    {"event", WORD, ALL, AT(event), 0, events},
    {"of", NUMBER, IN(AUDIT_END), AT(of), 0, NULL},
    {"reason", WORD, IN(AUDIT_OPEN), AT(reason), 0, reasons},
    {"version", TEXT, IN(AUDIT_OPEN), AT(version), 0, NULL},
    {"prev", HEX, IN(AUDIT_OPEN), AT(prev), AUDIT_CHAIN_LEN, NULL},
    {"uid", NUMBER, CALL, AT(uid), 0, NULL},
    {"gid", NUMBER, CALL, AT(gid), 0, NULL},
    {"pid", NUMBER, CALL, AT(pid), 0, NULL},
    {"exe", TEXT, CALL, AT(exe), 0, NULL},
    {"op", WORD, CALL, AT(op), 0, uses},
    {"sha1", HEX, CALL, AT(sha1), SIGNER_SHA1_LEN, NULL},
    {"key", HEX, CALL | IN(AUDIT_SEAL), AT(key), SIGNER_SHA256_LEN, NULL},
    {"scheme", WORD, CALL | IN(AUDIT_SEAL), AT(scheme), 0, schemes},
    {"hash", WORD, CALL | IN(AUDIT_SEAL), AT(hash), 0, hashes},
    {"digest", BYTES, CALL | IN(AUDIT_TORN), AT(digest), SIGNER_HASH_MAX, NULL},
    {"why", TEXT, IN(AUDIT_DENY), AT(why), 0, NULL},
    {"token", TEXT, IN(AUDIT_END), AT(token), 0, NULL},
    {"result", WORD, IN(AUDIT_END) | IN(AUDIT_DENY), AT(result), 0, results},
    {"ckr", NUMBER, IN(AUDIT_END), AT(ckr), 0, NULL},
    {"us", NUMBER, IN(AUDIT_END), AT(us), 0, NULL},
    {"token_us", NUMBER, IN(AUDIT_END), AT(token_us), 0, NULL},
    {"records", NUMBER, IN(AUDIT_SEAL), AT(records), 0, NULL},
    {"head", HEX, IN(AUDIT_SEAL), AT(head), AUDIT_CHAIN_LEN, NULL},
    {"sig", BYTES, IN(AUDIT_SEAL), AT(sig), SIGNER_SIG_MAX, NULL},
    {"count", NUMBER,
	IN(AUDIT_TORN) | IN(AUDIT_CUT) | IN(AUDIT_LOST) | IN(AUDIT_MORE),
	AT(count), 0, NULL},
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

static const char *
name(const char *const *words, uint64_t i)
{
	for (uint64_t n = 0; words[n] != NULL; n++)
		if (n == i)
			return words[n];
	return "?";
}

int
audit_digest(const void *data, size_t len, uint8_t out[AUDIT_CHAIN_LEN])
{
	return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0
									 : -1;
}

/* The chain value of a line, of which body is all up to the mark. */
static int
link_up(const uint8_t prev[AUDIT_CHAIN_LEN], const char *body, size_t len,
    uint8_t out[AUDIT_CHAIN_LEN])
{
	uint8_t all[AUDIT_CHAIN_LEN + AUDIT_LINE_MAX];

	if (len > AUDIT_LINE_MAX)
		return -1;
	memcpy(all, prev, AUDIT_CHAIN_LEN);
	memcpy(all + AUDIT_CHAIN_LEN, body, len);
	return audit_digest(all, AUDIT_CHAIN_LEN + len, out);
}

/* A line being written; once there is no room it stays bad. */
struct line {
	char *p;
	size_t room, len;
	bool bad;
};

static void
put(struct line *l, const char *s, size_t len)
{
	if (l->bad || len > l->room - l->len) {
		l->bad = true;
		return;
	}
	memcpy(l->p + l->len, s, len);
	l->len += len;
}

static void
put_hex(struct line *l, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		const char two[2] = {
		    digits[bytes[i] >> 4], digits[bytes[i] & 15]};

		put(l, two, 2);
	}
}

static void
put_number(struct line *l, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(l, digits + at, sizeof(digits) - at);
}

/* UTC to the microsecond: 2026-11-23T17:40:01.123456Z. */
static void
put_time(struct line *l, uint64_t us)
{
	const time_t t = (time_t)(us / 1000000);
	char text[64];
	struct tm tm;
	size_t n;

	if (gmtime_r(&t, &tm) == NULL) {
		l->bad = true;
		return;
	}
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	put(l, text, n);
	n = (size_t)snprintf(
	    text, sizeof(text), ".%06uZ", (unsigned)(us % 1000000));
	put(l, text, n);
}

/* Any byte that is not plain ASCII as \u00xx, so that a path cannot forge a
 * line, and one text has one spelling. */
static void
put_text(struct line *l, const char *s)
{
	for (; *s != '\0'; s++) {
		const uint8_t c = (uint8_t)*s;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			put(l, s, 1);
			continue;
		}
		put(l, "\\u00", 4);
		put_hex(l, &c, 1);
	}
}

static void
put_field(struct line *l, const struct field *f, const struct audit_record *r)
{
	const char *at = (const char *)r + f->at;
	const struct audit_bytes *b = (const void *)at;
	uint64_t v = 0;

	put(l, l->len == 0 ? "{\"" : ",\"", 2);
	put(l, f->name, strlen(f->name));
	put(l, "\":", 2);
	if (f->kind == NUMBER || f->kind == WORD || f->kind == TIME)
		memcpy(&v, at, sizeof(v));
	if (f->kind != NUMBER)
		put(l, "\"", 1);
	switch (f->kind) {
	case NUMBER:
		put_number(l, v);
		return;
	case WORD:
		put(l, name(f->words, v), strlen(name(f->words, v)));
		break;
	case TIME:
		put_time(l, v);
		break;
	case TEXT:
		put_text(l, at);
		break;
	case HEX:
		put_hex(l, (const uint8_t *)at, f->len);
		break;
	case BYTES:
		l->bad = l->bad || b->len > f->len;
		put_hex(l, b->data, l->bad ? 0 : (size_t)b->len);
		break;
	}
	put(l, "\"", 1);
}

/* All but the chain value. Bytes, 0 if they do not fit. */
static size_t
put_body(const struct audit_record *r, char *line, size_t room)
{
	struct line l = {line, room, 0, r->event >= AUDIT_EVENTS};

	for (size_t i = 0; i < FIELDS && !l.bad; i++)
		if ((fields[i].events & IN(r->event)) != 0)
			put_field(&l, &fields[i], r);
	return l.bad ? 0 : l.len;
}

size_t
audit_pack(
    struct audit_chain *c, struct audit_record *r, char *line, size_t room)
{
	uint8_t value[AUDIT_CHAIN_LEN];
	struct line l = {line, room, 0, false};

	if (l.room > AUDIT_LINE_MAX)
		l.room = AUDIT_LINE_MAX;
	r->number = c->number + 1;
	l.len = put_body(r, line, l.room);
	if (l.len == 0 || link_up(c->value, line, l.len, value) != 0)
		return 0;
	put(&l, CHAIN_MARK, sizeof(CHAIN_MARK) - 1);
	put_hex(&l, value, sizeof(value));
	put(&l, "\"}\n", 3);
	if (l.bad)
		return 0;
	c->number = r->number;
	memcpy(c->value, value, sizeof(value));
	return l.len;
}

/* A line being read; what does not fit leaves it bad. */
struct scan {
	const char *p, *end;
	bool bad;
};

static void
expect(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if (s->bad || (size_t)(s->end - s->p) < n ||
	    memcmp(s->p, text, n) != 0) {
		s->bad = true;
		return;
	}
	s->p += n;
}

static uint64_t
get_number(struct scan *s)
{
	uint64_t v = 0;
	size_t n = 0;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && n++ < 20)
		v = v * 10 + (uint64_t)(*s->p++ - '0');
	s->bad = s->bad || n == 0;
	return v;
}

/* Bytes of hexadecimal digits up to anything else; at most room. */
static size_t
get_hex(struct scan *s, uint8_t *out, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	while (s->end - s->p >= 2 && *s->p != '"') {
		const char *high = memchr(digits, s->p[0], 16);
		const char *low = memchr(digits, s->p[1], 16);

		if (high == NULL || low == NULL || n == room) {
			s->bad = true;
			break;
		}
		out[n++] = (uint8_t)((high - digits) << 4 | (low - digits));
		s->p += 2;
	}
	return n;
}

/* The two digits of a byte in a text. */
static uint8_t
get_byte(struct scan *s)
{
	struct scan two = {s->p, s->p + 2, false};
	uint8_t c = 0;

	if (s->end - s->p < 2 || get_hex(&two, &c, 1) != 1)
		s->bad = true;
	else
		s->p += 2;
	return c;
}

static void
get_text(struct scan *s, char out[AUDIT_TEXT_MAX])
{
	size_t n = 0;
	uint8_t c;

	while (s->p < s->end && *s->p != '"' && n < AUDIT_TEXT_MAX - 1) {
		c = (uint8_t)*s->p++;
		if (c == '\\') {
			expect(s, "u00");
			c = get_byte(s);
		}
		s->bad = s->bad || c == '\0';
		out[n++] = (char)c;
	}
	out[n] = '\0';
}

static uint64_t
get_word(struct scan *s, const char *const *words)
{
	const char *end = s->p;
	size_t n;

	while (end < s->end && *end != '"')
		end++;
	n = (size_t)(end - s->p);
	for (uint64_t i = 0; words[i] != NULL; i++) {
		if (strlen(words[i]) != n || memcmp(words[i], s->p, n) != 0)
			continue;
		s->p = end;
		return i;
	}
	s->bad = true;
	return 0;
}

static uint64_t
get_time(struct scan *s)
{
	char text[32];
	struct tm tm;
	time_t t;
	unsigned long long us;
	const char *rest;
	size_t n = 27;

	if ((size_t)(s->end - s->p) < n) {
		s->bad = true;
		return 0;
	}
	memcpy(text, s->p, n);
	text[n] = '\0';
	memset(&tm, 0, sizeof(tm));
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	t = rest == NULL ? -1 : timegm(&tm);
	if (t < 0 || *rest != '.') {
		s->bad = true;
		return 0;
	}
	us = strtoull(rest + 1, NULL, 10);
	s->p += n;
	return (uint64_t)t * 1000000 + us;
}

static void
get_field(struct scan *s, const struct field *f, struct audit_record *r)
{
	char *at = (char *)r + f->at;
	struct audit_bytes *b = (void *)at;
	uint64_t v = 0;

	expect(s, f->at == 0 ? "{\"" : ",\"");
	expect(s, f->name);
	expect(s, f->kind == NUMBER ? "\":" : "\":\"");
	if (s->bad)
		return;
	switch (f->kind) {
	case NUMBER:
		v = get_number(s);
		break;
	case WORD:
		v = get_word(s, f->words);
		break;
	case TIME:
		v = get_time(s);
		break;
	case TEXT:
		get_text(s, at);
		break;
	case HEX:
		s->bad = get_hex(s, (uint8_t *)at, f->len) != f->len || s->bad;
		break;
	case BYTES:
		b->len = get_hex(s, b->data, f->len);
		break;
	}
	if (f->kind == NUMBER || f->kind == WORD || f->kind == TIME)
		memcpy(at, &v, sizeof(v));
	if (f->kind != NUMBER)
		expect(s, "\"");
}

/* What can be read is written again: only the one right spelling is taken. */
int
audit_parse(const char *line, size_t len, struct audit_record *r,
    struct audit_chain *at)
{
	char again[AUDIT_LINE_MAX];
	struct scan s = {line, line + len, false};

	memset(r, 0, sizeof(*r));
	memset(at, 0, sizeof(*at));
	if (len <= CHAIN_TAIL || len >= AUDIT_LINE_MAX)
		goto fail;
	for (size_t i = 0; i < FIELDS && !s.bad; i++)
		if ((fields[i].events & IN(r->event)) != 0)
			get_field(&s, &fields[i], r);
	if (s.bad || (size_t)(s.end - s.p) != CHAIN_TAIL ||
	    put_body(r, again, sizeof(again)) != len - CHAIN_TAIL ||
	    memcmp(again, line, len - CHAIN_TAIL) != 0)
		goto fail;
	expect(&s, CHAIN_MARK);
	(void)get_hex(&s, at->value, sizeof(at->value));
	expect(&s, "\"}");
	if (s.bad || s.p != s.end || r->number == 0)
		goto fail;
	at->number = r->number;
	return 0;
fail:
	memset(r, 0, sizeof(*r));
	memset(at, 0, sizeof(*at));
	return -1;
}

bool
audit_follows(const uint8_t prev[AUDIT_CHAIN_LEN], const char *line, size_t len)
{
	uint8_t value[AUDIT_CHAIN_LEN];
	char text[2 * AUDIT_CHAIN_LEN];
	struct line l = {text, sizeof(text), 0, false};

	if (len <= CHAIN_TAIL ||
	    link_up(prev, line, len - CHAIN_TAIL, value) != 0)
		return false;
	put_hex(&l, value, sizeof(value));
	return memcmp(text, line + len - 2 - sizeof(text), sizeof(text)) == 0;
}

/* The line that ends at the newline `end`; false if its start is not there. */
static bool
line_before(const char *bytes, const char *end, bool whole, const char **start)
{
	const char *nl = memrchr(bytes, '\n', (size_t)(end - bytes));

	*start = nl == NULL ? bytes : nl + 1;
	return nl != NULL || whole;
}

/* A piece that somebody went on behind: every record ends with these two. */
static bool
piece(const char *start, const char *end)
{
	return end - start < 2 || memcmp(end - 2, "\"}", 2) != 0;
}

int
audit_tail(const char *bytes, size_t len, bool whole, struct audit_chain *last,
    size_t *torn)
{
	const char *end = len == 0 ? NULL : memrchr(bytes, '\n', len);
	const char *start, *prev;
	struct audit_chain before;
	struct audit_record r;
	int err = 0;

	memset(last, 0, sizeof(*last));
	*torn = end == NULL ? len : (size_t)(bytes + len - end) - 1;
	if (end == NULL)
		return whole ? 0 : -1;
	while (line_before(bytes, end, whole, &start) &&
	       audit_parse(start, (size_t)(end - start), &r, last) != 0) {
		if (err == 0 && piece(start, end))
			*torn = (size_t)(bytes + len - start);
		else
			err = -1;
		if (start == bytes)
			return -1;
		end = start - 1;
	}
	if (last->number == 0)
		return -1;
	/* The one before it shows whether the last one is as it was. */
	if (err == 0 && start != bytes &&
	    line_before(bytes, start - 1, whole, &prev) &&
	    audit_parse(prev, (size_t)(start - 1 - prev), &r, &before) == 0 &&
	    !audit_follows(before.value, start, (size_t)(end - start)))
		err = -1;
	return err;
}

size_t
audit_seal_text(
    char text[AUDIT_SEAL_MAX], uint64_t records, const uint8_t *head)
{
	struct line l = {text, AUDIT_SEAL_MAX, 0, false};

	put(&l, SEAL_MARK "records ", sizeof(SEAL_MARK "records ") - 1);
	put_number(&l, records);
	put(&l, "\nchain ", 7);
	put_hex(&l, head, AUDIT_CHAIN_LEN);
	put(&l, "\n", 1);
	return l.len;
}

size_t
audit_head_pack(char text[AUDIT_HEAD_MAX], const struct audit_chain *c)
{
	struct line l = {text, AUDIT_HEAD_MAX, 0, false};
	char number[24];

	(void)snprintf(number, sizeof(number), "%020" PRIu64, c->number);
	put(&l, HEAD_MARK "records ", sizeof(HEAD_MARK "records ") - 1);
	put(&l, number, 20);
	put(&l, "\nchain ", 7);
	put_hex(&l, c->value, AUDIT_CHAIN_LEN);
	put(&l, "\n", 1);
	return l.len;
}

int
audit_head_parse(const char *text, size_t len, struct audit_chain *c)
{
	struct scan s = {text, text + len, false};
	char again[AUDIT_HEAD_MAX];

	memset(c, 0, sizeof(*c));
	expect(&s, HEAD_MARK "records ");
	c->number = get_number(&s);
	expect(&s, "\nchain ");
	(void)get_hex(&s, c->value, sizeof(c->value));
	if (!s.bad && audit_head_pack(again, c) == len &&
	    memcmp(again, text, len) == 0)
		return 0;
	memset(c, 0, sizeof(*c));
	return -1;
}
