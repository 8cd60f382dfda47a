/*
 * Writes XML elements as the vendor's writer prints them: no white space
 * between, " />" for an empty one (wire-facts 2). Text is UTF-8 and is
 * escaped; the first failure sticks. Knows no message.
 */
#ifndef MP_WRITER_H
#define MP_WRITER_H

#include "mp/buf.h"
#include "mp/error.h"

struct mp_writer {
	struct mp_buf *out;
	bool open;       /* a start tag waits for its '>' */
	const char *bad; /* text that no XML document can hold */
};

void mp_writer_init(struct mp_writer *w, struct mp_buf *out);
void mp_writer_start(struct mp_writer *w, const char *name);
void mp_writer_set(struct mp_writer *w, const char *name, const char *value);
void mp_writer_put(struct mp_writer *w, const char *text);
void mp_writer_end(struct mp_writer *w, const char *name);

/* <name>text</name>, or <name /> if text is empty. */
void mp_writer_leaf(struct mp_writer *w, const char *name, const char *text);

/* Markup that is ready, written by another writer. */
void mp_writer_raw(struct mp_writer *w, const void *markup, size_t len);

/* Did all go well? `what` names the document in the sentence. */
int mp_writer_done(
    const struct mp_writer *w, const char *what, struct mp_error *e);

#endif
