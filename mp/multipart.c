#include "mp/multipart.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mp/encode.h"

/* "\r\n--" and the boundary: what stands before every part but the first. */
struct fence {
	char text[4 + MP_BOUNDARY_MAX + 1];
	size_t len;
};

/* The end of a token or of a quoted string that starts at p. */
static const char *
value_end(const char *p, bool quoted)
{
	return p + strcspn(p, quoted ? "\"" : " \t;,");
}

/* Copies a boundary and checks it; -1 if it cannot be one. */
static int
take(struct fence *f, const char *p)
{
	bool quoted = *p == '"';
	const char *end;

	p += quoted ? 1 : 0;
	end = value_end(p, quoted);
	if (end == p || end - p > MP_BOUNDARY_MAX || (quoted && *end != '"'))
		return -1;
	for (const char *c = p; c < end; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			return -1;
	f->len = 4 + (size_t)(end - p);
	(void)snprintf(
	    f->text, sizeof(f->text), "\r\n--%.*s", (int)(end - p), p);
	return 0;
}

/* Reads the boundary parameter of a content type. */
static int
read_boundary(const char *type, struct fence *f)
{
	const char *p = type + strcspn(type, ";");

	while (*p == ';') {
		p++;
		p += strspn(p, " \t");
		if (strncasecmp(p, "boundary=", 9) == 0)
			return take(f, p + 9);
		while (*p != '\0' && *p != ';') {
			if (*p == '"') /* a quoted value may hold a ';' */
				p = value_end(p + 1, true);
			p += *p != '\0';
		}
	}
	return -1;
}

/* Skips a part's header fields; NULL if they do not end. */
static const uint8_t *
skip_head(const uint8_t *p, const uint8_t *end)
{
	size_t len = (size_t)(end - p);
	const uint8_t *blank;

	if (len >= 2 && memcmp(p, "\r\n", 2) == 0)
		return p + 2; /* no fields at all */
	if (len > MP_PART_HEAD_MAX)
		len = MP_PART_HEAD_MAX;
	blank = memmem(p, len, "\r\n\r\n", 4);
	return blank == NULL ? NULL : blank + 4;
}

static int
cut(const struct mp_parts *parts, struct mp_error *e)
{
	return mp_fail(e, MP_EREPLY,
	    "the reply's multipart frame ends in the "
	    "middle, after %zu whole parts",
	    parts->count);
}

/* Takes the parts, from the end of the first delimiter on. */
static int
split(const struct fence *f, const uint8_t *p, const uint8_t *end,
    struct mp_parts *parts, struct mp_error *e)
{
	for (;;) {
		const uint8_t *next;

		if (end - p >= 2 && memcmp(p, "--", 2) == 0)
			return MP_OK;
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (end - p < 2)
			return cut(parts, e);
		if (memcmp(p, "\r\n", 2) != 0)
			return mp_fail(e, MP_EREPLY,
			    "the reply's multipart "
			    "delimiter %zu is followed by stray bytes",
			    parts->count);
		p = skip_head(p + 2, end);
		next = p == NULL
			   ? NULL
			   : memmem(p, (size_t)(end - p), f->text, f->len);
		if (next == NULL)
			return cut(parts, e);
		if (parts->count == MP_PARTS_MAX)
			return mp_fail(e, MP_EREPLY,
			    "the reply has more than "
			    "%d parts",
			    MP_PARTS_MAX);
		parts->list[parts->count].data = p;
		parts->list[parts->count++].len = (size_t)(next - p);
		p = next + f->len;
	}
}

int
mp_multipart_parse(const char *content_type, const uint8_t *body, size_t len,
    struct mp_parts *parts, struct mp_error *e)
{
	struct fence f = {"\r\n--" MP_BOUNDARY, 4 + sizeof(MP_BOUNDARY) - 1};
	const uint8_t *first;
	int r;

	memset(parts, 0, sizeof(*parts));
	if (content_type != NULL &&
	    strncasecmp(content_type, "multipart/", 10) != 0)
		return mp_fail(e, MP_EREPLY,
		    "the reply is \"%.60s\", not a "
		    "multipart message",
		    content_type);
	if (content_type != NULL && read_boundary(content_type, &f) != 0)
		return mp_fail(e, MP_EREPLY,
		    "the reply's content type names "
		    "no usable boundary");
	/* The first delimiter needs no line end before it. */
	if (len >= f.len - 2 && memcmp(body, f.text + 2, f.len - 2) == 0) {
		first = body + f.len - 2;
	} else {
		first = memmem(body, len, f.text, f.len);
		if (first == NULL)
			return mp_fail(e, MP_EREPLY,
			    "the reply does not hold "
			    "the boundary that its content type names");
		first += f.len;
	}
	r = split(&f, first, body + len, parts, e);
	if (r != MP_OK)
		memset(parts, 0, sizeof(*parts));
	return r;
}
