#include "mp/writer.h"

void
mp_writer_init(struct mp_writer *w, struct mp_buf *out)
{
	w->out = out;
	w->open = false;
	w->bad = NULL;
}

/* Ends a start tag that waits for content. */
static void
settle(struct mp_writer *w)
{
	if (w->open)
		mp_buf_str(w->out, ">");
	w->open = false;
}

/*
 * XML 1.0 (fifth edition), 2.2: what a document may hold. The text is
 * UTF-8; U+FFFE and U+FFFF are EF BF BE and EF BF BF.
 */
static bool
allowed(const unsigned char *p)
{
	if (*p < ' ')
		return *p == '\t' || *p == '\n' || *p == '\r';
	return !(
	    p[0] == 0xEF && p[1] == 0xBF && (p[2] == 0xBE || p[2] == 0xBF));
}

/* What stands for a character, or NULL if it stands for itself. */
static const char *
escape(unsigned char c, bool attribute)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#xD;"; /* or a reader would make it a line end */
	case '"':
		return attribute ? "&quot;" : NULL;
	case '\t':
		return attribute ? "&#x9;" : NULL;
	case '\n':
		return attribute ? "&#xA;" : NULL;
	default:
		return NULL;
	}
}

/* Stands for itself anywhere, whatever follows; most characters do. */
static bool
plain(unsigned char c)
{
	return c >= ' ' && c != '"' && c != '&' && c != '<' && c != '>' &&
	       c != 0xEF;
}

static void
add(struct mp_writer *w, const char *text, bool attribute)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p != '\0'; p++) {
		const unsigned char *start = p;
		const char *e;

		while (plain(*p))
			p++;
		if (p > start)
			mp_buf_add(w->out, start, (size_t)(p - start));
		if (*p == '\0')
			return;
		e = escape(*p, attribute);
		if (!allowed(p) && w->bad == NULL)
			w->bad = text;
		if (e != NULL)
			mp_buf_str(w->out, e);
		else
			mp_buf_add(w->out, p, 1);
	}
}

void
mp_writer_start(struct mp_writer *w, const char *name)
{
	settle(w);
	mp_buf_str(w->out, "<");
	mp_buf_str(w->out, name);
	w->open = true;
}

void
mp_writer_set(struct mp_writer *w, const char *name, const char *value)
{
	mp_buf_str(w->out, " ");
	mp_buf_str(w->out, name);
	mp_buf_str(w->out, "=\"");
	add(w, value, true);
	mp_buf_str(w->out, "\"");
}

void
mp_writer_put(struct mp_writer *w, const char *text)
{
	if (*text == '\0')
		return;
	settle(w);
	add(w, text, false);
}

void
mp_writer_end(struct mp_writer *w, const char *name)
{
	if (w->open) {
		mp_buf_str(w->out, " />");
		w->open = false;
		return;
	}
	mp_buf_str(w->out, "</");
	mp_buf_str(w->out, name);
	mp_buf_str(w->out, ">");
}

void
mp_writer_leaf(struct mp_writer *w, const char *name, const char *text)
{
	mp_writer_start(w, name);
	mp_writer_put(w, text);
	mp_writer_end(w, name);
}

void
mp_writer_raw(struct mp_writer *w, const void *markup, size_t len)
{
	settle(w);
	mp_buf_add(w->out, markup, len);
}

int
mp_writer_done(const struct mp_writer *w, const char *what, struct mp_error *e)
{
	if (w->bad != NULL)
		return mp_fail(e, MP_EARG,
		    "%s cannot be written: a value "
		    "holds a character that XML has no form for; remove "
		    "control characters from names and options",
		    what);
	if (!mp_buf_ok(w->out))
		return mp_fail(e, MP_ELIMIT,
		    "%s is longer than %zu bytes or "
		    "memory is short",
		    what, w->out->max);
	return MP_OK;
}
