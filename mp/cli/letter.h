/*
 * A message on its way from the command line to a management point: a body
 * from a file, attachments, properties, flags; sent, or shown as it would be.
 * What `send`, `invoke` and `post` share. Knows no report. Its functions say
 * what failed, and return an exit status.
 */
#ifndef MP_CLI_LETTER_H
#define MP_CLI_LETTER_H

#include "mp/cli/session.h"
#include "mp/client_send.h"
#include "mp/kinds/parcel.h"

/* A longer report is not read as a whole: its file is sent piece by piece. */
#define LETTER_TEXT_MAX (16u << 20)

struct letter {
	struct session *s; /* borrowed */
	bool no_reply;     /* nothing comes back but a status */
	struct mp_send send;
	struct mp_buf text; /* UTF-8, without mark and declaration */
	struct mp_attachment *files;
	struct mp_property *properties;
	char **names; /* what stands before a "=" in options */
	size_t nnames;
	struct mp_parcel parcel;
	struct mp_buf header; /* of a report that is not read */
};

void letter_init(struct letter *l, struct session *s, bool no_reply);
void letter_release(struct letter *l);

/* --flags, --attach and --property; and what -o means with --dry-run. */
int letter_options(struct letter *l);

/* The text of a file, or of standard input if path is "-". */
int letter_read(struct letter *l, const char *path);

/* Is the file so long that letter_attach_report() must have it? */
bool letter_is_long(const char *path);

/* A long report: its header is the body, the file itself an attachment. */
int letter_attach_report(
    struct letter *l, const struct mp_kind_rule *k, const char *path);

/* Checks the text as one of kind k, and packs it as that kind travels. */
int letter_pack(struct letter *l, const struct mp_kind_rule *k);

/* --dry-run: prints header and payload, and writes the request to -o. */
int letter_show(struct letter *l);

/* Sends; reply: initialised, or NULL for what has none. */
int letter_send(struct letter *l, struct mp_buf *reply);

#endif
