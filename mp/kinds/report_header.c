/*
 * A report's header, cut out of the report's text. The text is scanned and
 * not read into a document, because a report may be long and only its
 * beginning counts; what is cut out is then read and checked like any XML.
 */
#include <string.h>
#include <strings.h>

#include "mp/kinds/report.h"

struct scan {
	const char *text;
	size_t len;
	size_t at;
	unsigned depth;
};

struct tag {
	size_t from;      /* of its '<' */
	const char *name; /* with prefix */
	size_t namelen;
	bool end;
	bool empty;
};

/* Moves past the next `mark`; false if there is none. */
static bool
skip_to(struct scan *s, const char *mark)
{
	size_t n = strlen(mark);
	const char *found = memmem(s->text + s->at, s->len - s->at, mark, n);

	if (found == NULL)
		return false;
	s->at = (size_t)(found - s->text) + n;
	return true;
}

static bool
begins(const struct scan *s, const char *mark)
{
	size_t n = strlen(mark);

	return s->len - s->at >= n && memcmp(s->text + s->at, mark, n) == 0;
}

/* Past the tag's '>', which does not count within quotes. */
static bool
skip_tag(struct scan *s)
{
	char quote = '\0';

	for (; s->at < s->len; s->at++) {
		char c = s->text[s->at];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '>')
			break;
	}
	if (s->at == s->len)
		return false;
	s->at++;
	return true;
}

static bool
read_tag(struct scan *s, struct tag *t)
{
	static const char ends[] = " \t\r\n/>";

	t->from = s->at++;
	t->end = begins(s, "/");
	s->at += t->end;
	t->name = s->text + s->at;
	while (s->at < s->len && s->text[s->at] != '\0' &&
	       strchr(ends, s->text[s->at]) == NULL)
		s->at++;
	t->namelen = (size_t)(s->text + s->at - t->name);
	if (t->namelen == 0 || !skip_tag(s))
		return false;
	t->empty = s->text[s->at - 2] == '/';
	return true;
}

/* The next tag; false at the end, or at what no message may hold. */
static bool
next_tag(struct scan *s, struct tag *t)
{
	for (;;) {
		const char *p = memchr(s->text + s->at, '<', s->len - s->at);
		bool more;

		if (p == NULL)
			return false;
		s->at = (size_t)(p - s->text);
		if (begins(s, "<!--"))
			more = skip_to(s, "-->");
		else if (begins(s, "<![CDATA["))
			more = skip_to(s, "]]>");
		else if (begins(s, "<?"))
			more = skip_to(s, "?>");
		else if (begins(s, "<!"))
			more = false;
		else
			return read_tag(s, t);
		if (!more)
			return false;
	}
}

/* Is its name that, whatever the prefix? */
static bool
called(const struct tag *t, const char *name)
{
	const char *colon = memchr(t->name, ':', t->namelen);
	const char *local = colon == NULL ? t->name : colon + 1;
	size_t n = t->namelen - (size_t)(local - t->name);

	return n == strlen(name) && strncasecmp(local, name, n) == 0;
}

/* Finds the root, and the ReportBody that is its child. */
static bool
find_body(struct scan *s, struct tag *root, struct tag *body)
{
	struct tag t;

	while (next_tag(s, &t)) {
		if (t.end) {
			if (s->depth-- <= 1)
				return false;
			continue;
		}
		if (s->depth == 0)
			*root = t;
		if (s->depth == 1 && called(&t, "ReportBody")) {
			*body = t;
			return true;
		}
		s->depth += !t.empty;
	}
	return false;
}

int
mp_report_header_of(
    const char *xml, size_t len, struct mp_buf *header, struct mp_error *e)
{
	size_t skip = mp_value_prolog(xml, len), start = header->len;
	struct scan s = {.text = xml + skip, .len = len - skip};
	struct tag root = {0}, body = {0};
	struct mp_xml *doc;
	int r;

	if (!find_body(&s, &root, &body))
		return mp_fail(e, MP_EARG,
		    "the report's ReportBody was not found in its first %zu "
		    "bytes; check that it is a <Report> with a <ReportBody>",
		    len);
	mp_buf_add(header, s.text, body.from);
	mp_buf_str(header, "<");
	mp_buf_add(header, body.name, body.namelen);
	mp_buf_str(header, " /></");
	mp_buf_add(header, root.name, root.namelen);
	mp_buf_str(header, ">");
	if (!mp_buf_ok(header)) {
		mp_buf_clear(header);
		return mp_fail(e, MP_ELIMIT,
		    "the report's header is longer than %zu bytes, or memory "
		    "is short",
		    header->max);
	}
	r = mp_value_parse(&doc, (const char *)header->data + start,
	    header->len - start, "the report's header", e);
	if (r == MP_OK)
		mp_xml_free(doc);
	else
		mp_buf_clear(header);
	return r;
}
