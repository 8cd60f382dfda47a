/*
 * A reader of XML documents that strangers wrote. Takes UTF-8, refuses a
 * document type (so there are no entities but the five), fetches nothing,
 * and is bounded in size, depth and number of nodes. The one file that knows
 * libxml2; knows nothing of what elements mean.
 */
#ifndef MP_XML_H
#define MP_XML_H

#include "mp/buf.h"
#include "mp/error.h"

#define MP_XML_MAX (128u << 20) /* bytes of one document */
#define MP_XML_DEPTH_MAX 64
/*
 * Elements, attributes and texts, each of which takes some 150 bytes. The
 * larger number is for what has many small records by its nature.
 */
#define MP_XML_NODES_MAX 500000u
#define MP_XML_NODES_LARGE 4000000u
/* Attributes of one element; also namespaces that are known at one place. */
#define MP_XML_ATTRIBUTES_MAX 256u
/* Different names of elements and attributes, about; real ones are hundreds. */
#define MP_XML_NAMES_MAX 65536

struct mp_xml;      /* a document, read */
struct mp_xml_node; /* an element of it; lives as long as the document */

/*
 * `what` names the document in sentences: "the policy". Any number of
 * threads may read documents at once.
 */
int mp_xml_parse(struct mp_xml **xp, const char *text, size_t len,
    const char *what, struct mp_error *e);
/* The same with up to `nodes` nodes. */
int mp_xml_parse_many(struct mp_xml **xp, const char *text, size_t len,
    size_t nodes, const char *what, struct mp_error *e);
void mp_xml_free(struct mp_xml *x); /* NULL-safe */

/* Up to `room` of the next bytes; how many, 0 at the end, -1: they failed. */
typedef int mp_xml_reader(void *ctx, char *data, int room);

/*
 * Would mp_xml_parse() take the bytes that come from read, but for how many
 * they are? In bounded memory, of which nothing is kept.
 */
int mp_xml_check(
    mp_xml_reader *read, void *ctx, const char *what, struct mp_error *e);

/*
 * Names are compared without case and without namespace: peers spell them
 * differently (wire-facts 12). All pointers are borrowed from the document.
 */
const struct mp_xml_node *mp_xml_root(const struct mp_xml *x);
bool mp_xml_is(const struct mp_xml_node *n, const char *name);

/* The first child element; `name` NULL: any. NULL if there is none. */
const struct mp_xml_node *mp_xml_child(
    const struct mp_xml_node *n, const char *name);

/* The next element beside n, likewise. */
const struct mp_xml_node *mp_xml_next(
    const struct mp_xml_node *n, const char *name);

const char *mp_xml_name(const struct mp_xml_node *n);

/* An attribute's value, or NULL. */
const char *mp_xml_attr(const struct mp_xml_node *n, const char *name);

/* The element's own text up to its first child element; "" if none. */
const char *mp_xml_text(const struct mp_xml_node *n);

/* The text of the first child `name`; "" if there is no such child. */
const char *mp_xml_child_text(const struct mp_xml_node *n, const char *name);

#endif
