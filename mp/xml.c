#include "mp/xml.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/SAX2.h>
#include <libxml/dict.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

/*
 * libxml2 sets itself up at its first use, and two threads at once must not be
 * that: pthread_once makes it one. A mutable global, for want of another place.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;

struct mp_xml {
	xmlDoc *doc;
};

/* What one parser has met so far; hangs on the parser's context. */
struct guard {
	unsigned depth;
	size_t spaces;                         /* namespaces known here */
	size_t declared[MP_XML_DEPTH_MAX + 1]; /* by the element of a depth */
	size_t nodes, nodes_max;
	const char *refused; /* why we stopped it, or NULL */
	char error[256];     /* libxml2's first words, cleaned */
	int line;
};

static struct guard *
guard_of(void *ctx)
{
	return ((xmlParserCtxt *)ctx)->_private;
}

static void
refuse(void *ctx, const char *why)
{
	struct guard *g = guard_of(ctx);

	if (g->refused == NULL)
		g->refused = why;
	xmlStopParser(ctx);
}

/* A document type declaration: the door to entities and other files. */
static void
on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
    const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	refuse(ctx, "it has a document type declaration, which no message has");
}

static const char too_many[] = "it has too many elements";
static const char crowd[] = "an element has too many attributes";

/* Comes in pieces, and makes a node only where the last one is no text. */
static void
on_text(void *ctx, const xmlChar *text, int len)
{
	const xmlNode *at = ((xmlParserCtxt *)ctx)->node;
	struct guard *g = guard_of(ctx);

	if (at != NULL &&
	    (at->last == NULL || at->last->type != XML_TEXT_NODE) &&
	    ++g->nodes > g->nodes_max)
		refuse(ctx, too_many);
	else
		xmlSAX2Characters(ctx, text, len);
}

/* An element begins; false: no more of them. */
static bool
enter(void *ctx, int nns)
{
	struct guard *g = guard_of(ctx);

	if (++g->depth > MP_XML_DEPTH_MAX) {
		refuse(ctx, "its elements are nested too deep");
		return false;
	}
	/* libxml2 looks through all of them for each prefix that it meets. */
	g->declared[g->depth] = (size_t)nns;
	g->spaces += (size_t)nns;
	if (g->spaces > MP_XML_ATTRIBUTES_MAX) {
		refuse(ctx, crowd);
		return false;
	}
	/* Its table of names ceases to grow: looking up many takes minutes. */
	if (xmlDictSize(((xmlParserCtxt *)ctx)->dict) > MP_XML_NAMES_MAX) {
		refuse(ctx, "it has too many different names");
		return false;
	}
	return true;
}

static void
leave(void *ctx)
{
	struct guard *g = guard_of(ctx);

	if (g->depth <= MP_XML_DEPTH_MAX)
		g->spaces -= g->declared[g->depth];
	g->depth--;
}

static void
on_start(void *ctx, const xmlChar *name, const xmlChar *prefix,
    const xmlChar *uri, int nns, const xmlChar **ns, int nattr, int ndefault,
    const xmlChar **attr)
{
	struct guard *g = guard_of(ctx);

	g->nodes += 1 + (size_t)nns + (size_t)nattr;
	if (!enter(ctx, nns))
		return;
	if (g->nodes > g->nodes_max)
		refuse(ctx, too_many);
	else
		xmlSAX2StartElementNs(
		    ctx, name, prefix, uri, nns, ns, nattr, ndefault, attr);
}

static void
on_end(
    void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	leave(ctx);
	xmlSAX2EndElementNs(ctx, name, prefix, uri);
}

/* Keeps the first complaint, without line ends and control characters. */
static void
on_error(void *ctx, xmlError *error)
{
	struct guard *g = guard_of(ctx);
	size_t n = 0;

	if (g->error[0] != '\0' || error->level < XML_ERR_ERROR ||
	    error->message == NULL)
		return;
	g->line = error->line;
	for (const char *p = error->message;
	     *p != '\0' && n + 1 < sizeof(g->error); p++)
		g->error[n++] =
		    (unsigned char)*p < ' ' || *p == 0x7F ? ' ' : *p;
	while (n > 0 && g->error[n - 1] == ' ')
		n--;
	g->error[n] = '\0';
}

static void
arm(xmlParserCtxt *ctx, struct guard *g)
{
	ctx->_private = g;
	ctx->sax->internalSubset = on_doctype;
	ctx->sax->externalSubset = on_doctype;
	ctx->sax->startElementNs = on_start;
	ctx->sax->endElementNs = on_end;
	/* The same, or libxml2 asks which of the two it is. */
	ctx->sax->characters = on_text;
	ctx->sax->ignorableWhitespace = on_text;
	ctx->sax->serror = on_error;
	/* Comments and instructions mean nothing here, and split text. */
	ctx->sax->comment = NULL;
	ctx->sax->processingInstruction = NULL;
}

/* XML_PARSE_NOENT is safe here: without a document type only the five are. */
static const int options =
    XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA | XML_PARSE_NOERROR |
    XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT;

/* Where in a tag the bytes are that went by; all 0: in none. */
struct tag {
	bool inside;
	char quote; /* in which a value stands, or 0 */
	unsigned values;
};

/*
 * libxml2 compares each attribute of an element with all before it, and only
 * then tells us: half a megabyte of them takes a minute. So they are counted
 * before. Every '<' is taken for an element's, wherever it stands, so that no
 * element can hide; none has a '<' in it. Has one too many?
 */
static bool
crowded(struct tag *t, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (!t->inside &&
		    (p = memchr(p, '<', (size_t)(end - p))) == NULL)
			return false;
		if (*p == '<') {
			*t = (struct tag){.inside = true};
		} else if (t->quote != '\0') {
			t->quote = *p == t->quote ? '\0' : t->quote;
		} else if (*p == '>') {
			t->inside = false;
		} else if (*p == '"' || *p == '\'') {
			t->quote = *p;
			if (++t->values > MP_XML_ATTRIBUTES_MAX)
				return true;
		}
	}
	return false;
}

static int
explain(const struct guard *g, const char *what, struct mp_error *e)
{
	if (g->refused != NULL)
		return mp_fail(
		    e, MP_EREPLY, "%s is refused: %s", what, g->refused);
	return mp_fail(e, MP_EREPLY, "%s is not well-formed XML (line %d: %s)",
	    what, g->line, g->error[0] != '\0' ? g->error : "no reason given");
}

int
mp_xml_parse(struct mp_xml **xp, const char *text, size_t len, const char *what,
    struct mp_error *e)
{
	return mp_xml_parse_many(xp, text, len, MP_XML_NODES_MAX, what, e);
}

int
mp_xml_parse_many(struct mp_xml **xp, const char *text, size_t len,
    size_t nodes, const char *what, struct mp_error *e)
{
	struct guard g = {.nodes_max = nodes};
	struct tag tag = {0};
	struct mp_xml *x = NULL;
	xmlParserCtxt *ctx = NULL;
	int r;

	*xp = NULL;
	if (len == 0)
		return mp_fail(e, MP_EREPLY, "%s is empty", what);
	if (len > MP_XML_MAX)
		return mp_fail(e, MP_ELIMIT,
		    "%s has %zu bytes, more than the "
		    "%u we read",
		    what, len, MP_XML_MAX);
	if (crowded(&tag, text, text + len))
		return mp_fail(e, MP_EREPLY, "%s is refused: %s", what, crowd);
	(void)pthread_once(&once, xmlInitParser);
	x = calloc(1, sizeof(*x));
	ctx = xmlNewParserCtxt();
	if (x == NULL || ctx == NULL) {
		r = mp_fail(e, MP_ENOMEM, "no memory to read %s", what);
		goto out;
	}
	arm(ctx, &g);
	x->doc = xmlCtxtReadMemory(ctx, text, (int)len, NULL, "UTF-8", options);
	if (x->doc == NULL || !ctx->wellFormed || g.refused != NULL ||
	    xmlDocGetRootElement(x->doc) == NULL) {
		r = explain(&g, what, e);
		goto out;
	}
	*xp = x;
	x = NULL;
	r = MP_OK;
out:
	if (ctx != NULL)
		xmlFreeParserCtxt(ctx);
	mp_xml_free(x);
	return r;
}

/* A document that nothing is kept of. */
struct stream {
	mp_xml_reader *read;
	void *ctx;
	struct guard guard;
	struct tag tag;
	bool failed;
};

/*
 * For libxml2: bytes, 0 at the end, or -1. It looks ahead no further than it
 * was given once, so that it gets all that it has room for.
 */
static int
pull(void *ctx, char *data, int room)
{
	struct stream *s = ctx;
	int n = 0, got = 1;

	while (got > 0 && n < room) {
		got = s->read(s->ctx, data + n, room - n);
		n += got > 0 ? got : 0;
	}
	s->failed = s->failed || got < 0;
	if (s->failed)
		return -1;
	if (!crowded(&s->tag, data, data + n))
		return n;
	s->guard.refused = crowd;
	return -1;
}

static void
see_start(void *ctx, const xmlChar *name, const xmlChar *prefix,
    const xmlChar *uri, int nns, const xmlChar **ns, int nattr, int ndefault,
    const xmlChar **attr)
{
	(void)name;
	(void)prefix;
	(void)uri;
	(void)ns;
	(void)nattr;
	(void)ndefault;
	(void)attr;
	enter(ctx, nns);
}

static void
see_end(
    void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	(void)name;
	(void)prefix;
	(void)uri;
	leave(ctx);
}

int
mp_xml_check(
    mp_xml_reader *read, void *ctx, const char *what, struct mp_error *e)
{
	struct stream s = {.read = read, .ctx = ctx};
	xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
	    .internalSubset = on_doctype,
	    .externalSubset = on_doctype,
	    .startElementNs = see_start,
	    .endElementNs = see_end,
	    .serror = on_error};
	xmlParserCtxt *c;
	bool well;

	(void)pthread_once(&once, xmlInitParser);
	c = xmlCreateIOParserCtxt(
	    &sax, NULL, pull, NULL, &s, XML_CHAR_ENCODING_UTF8);
	if (c == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory to read %s", what);
	(void)xmlCtxtUseOptions(c, options);
	c->_private = &s.guard;
	(void)xmlParseDocument(c);
	well = c->wellFormed != 0 && !s.failed && s.guard.refused == NULL;
	if (c->myDoc != NULL)
		xmlFreeDoc(c->myDoc);
	xmlFreeParserCtxt(c);
	if (s.failed)
		return mp_fail(e, MP_EARG, "%s cannot be read", what);
	return well ? MP_OK : explain(&s.guard, what, e);
}

void
mp_xml_free(struct mp_xml *x)
{
	if (x == NULL)
		return;
	if (x->doc != NULL)
		xmlFreeDoc(x->doc);
	free(x);
}

static const xmlNode *
inner(const struct mp_xml_node *n)
{
	return (const xmlNode *)(const void *)n;
}

/* The first element from n on that has that name. */
static const struct mp_xml_node *
first(const xmlNode *n, const char *name)
{
	for (; n != NULL; n = n->next)
		if (n->type == XML_ELEMENT_NODE &&
		    (name == NULL ||
			strcasecmp((const char *)n->name, name) == 0))
			return (const struct mp_xml_node *)(const void *)n;
	return NULL;
}

const struct mp_xml_node *
mp_xml_root(const struct mp_xml *x)
{
	return first(xmlDocGetRootElement(x->doc), NULL);
}

bool
mp_xml_is(const struct mp_xml_node *n, const char *name)
{
	return strcasecmp((const char *)inner(n)->name, name) == 0;
}

const struct mp_xml_node *
mp_xml_child(const struct mp_xml_node *n, const char *name)
{
	return n == NULL ? NULL : first(inner(n)->children, name);
}

const struct mp_xml_node *
mp_xml_next(const struct mp_xml_node *n, const char *name)
{
	return first(inner(n)->next, name);
}

const char *
mp_xml_name(const struct mp_xml_node *n)
{
	return (const char *)inner(n)->name;
}

const char *
mp_xml_attr(const struct mp_xml_node *n, const char *name)
{
	for (const xmlAttr *a = inner(n)->properties; a != NULL; a = a->next) {
		if (strcasecmp((const char *)a->name, name) != 0)
			continue;
		if (a->children == NULL || a->children->content == NULL)
			return "";
		return (const char *)a->children->content;
	}
	return NULL;
}

const char *
mp_xml_text(const struct mp_xml_node *n)
{
	const xmlNode *t = n == NULL ? NULL : inner(n)->children;

	if (t == NULL || t->type != XML_TEXT_NODE || t->content == NULL)
		return "";
	return (const char *)t->content;
}

const char *
mp_xml_child_text(const struct mp_xml_node *n, const char *name)
{
	return mp_xml_text(mp_xml_child(n, name));
}
