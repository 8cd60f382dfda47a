#include "mp/cli/letter.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "mp/cli/command.h"
#include "mp/cli/file.h"
#include "mp/cli/settings.h"
#include "mp/kinds/report.h"
#include "mp/kinds/value.h"
#include "mp/utf16.h"

#define HEAD_MAX (1u << 20) /* bytes in which a long report's header stands */
#define SHOWN_MAX (512u << 20)

void
letter_init(struct letter *l, struct session *s, bool no_reply)
{
	memset(l, 0, sizeof(*l));
	l->s = s;
	l->no_reply = no_reply;
	mp_buf_init(&l->text, 2 * LETTER_TEXT_MAX);
	mp_buf_init(&l->header, HEAD_MAX);
}

void
letter_release(struct letter *l)
{
	mp_parcel_release(&l->parcel);
	mp_buf_release(&l->text);
	mp_buf_release(&l->header);
	for (size_t i = 0; i < l->nnames; i++)
		free(l->names[i]);
	free(l->names);
	free(l->files);
	free(l->properties);
}

static int
fail(struct letter *l, const char *text)
{
	output_error(l->s->out, "%s", text);
	return COMMAND_FAILED;
}

/* "NAME=VALUE" in two; the name is kept in l. */
static int
split(struct letter *l, const char *option, const char *text, const char **name,
    const char **value)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] == '\0')
		return session_usage(l->s,
		    "option --%s cannot be \"%.64s\": it is NAME=%s", option,
		    text, strcmp(option, "attach") == 0 ? "FILE" : "VALUE");
	l->names[l->nnames] = strndup(text, (size_t)(equals - text));
	if (l->names[l->nnames] == NULL)
		return fail(l, "out of memory");
	*name = l->names[l->nnames++];
	*value = equals + 1;
	return COMMAND_DONE;
}

/* Found out now, before a token is asked for anything. */
static int
look_at(struct letter *l, const char *name, const char *path)
{
	const char *why = NULL;
	struct stat st;

	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "it is no file, but something else";
	else if (st.st_size == 0)
		why = "it is empty";
	if (why == NULL)
		return COMMAND_DONE;
	output_error(l->s->out,
	    "attachment %.100s: %s cannot be sent: %s. Nothing was sent", name,
	    path, why);
	return COMMAND_FAILED;
}

/* Of two attachments with one name the later counts (sdk-facts 1.2 [D]). */
static int
take_attachment(struct letter *l, const char *text)
{
	const char *name, *path;
	size_t i = 0;
	int r;

	r = split(l, "attach", text, &name, &path);
	if (r == COMMAND_DONE)
		r = look_at(l, name, path);
	if (r != COMMAND_DONE)
		return r;
	while (i < l->send.nattachments && strcmp(l->files[i].name, name) != 0)
		i++;
	if (i == l->send.nattachments)
		l->send.nattachments++;
	l->files[i] = (struct mp_attachment){.name = name, .path = path};
	return COMMAND_DONE;
}

static int
take_property(struct letter *l, const char *text)
{
	struct mp_property *p = &l->properties[l->send.nproperties];
	int r = split(l, "property", text, &p->name, &p->value);

	if (r == COMMAND_DONE)
		l->send.nproperties++;
	return r;
}

int
letter_options(struct letter *l)
{
	const struct options *o = l->s->opt;
	int r;

	if (o->given[OPTION_DRY_RUN] && o->given[OPTION_OUTPUT] &&
	    strcmp(o->value[OPTION_OUTPUT], "-") == 0)
		return session_usage(l->s,
		    "with --dry-run, -o names a file for the bytes that would "
		    "be posted: standard output shows what they say");
	if (l->no_reply && o->given[OPTION_OUTPUT] && !o->given[OPTION_DRY_RUN])
		return session_usage(l->s,
		    "nothing comes back that -o could have: it goes with "
		    "--dry-run");
	r = settings_flags(l->s, &l->send.flags_given, &l->send.flags);
	/* Who names whom to encrypt to must not send in the clear. */
	if (r == COMMAND_DONE && (l->send.flags & MP_FLAG_ENCRYPT) == 0 &&
	    (o->given[OPTION_ENCRYPT_CERTS] || o->given[OPTION_CIPHER]))
		r = session_usage(l->s,
		    "--encrypt-certs and --cipher encrypt nothing by "
		    "themselves: add encrypt to --flags, as in --flags "
		    "sign,encrypt,compress, or leave them out");
	l->files = calloc(o->nmany + 1, sizeof(*l->files));
	l->properties = calloc(o->nmany + 1, sizeof(*l->properties));
	l->names = calloc(o->nmany + 1, sizeof(*l->names));
	if (l->files == NULL || l->properties == NULL || l->names == NULL)
		return fail(l, "out of memory");
	for (size_t i = 0; r == COMMAND_DONE && i < o->nmany; i++) {
		if (o->many[i].id == OPTION_ATTACH)
			r = take_attachment(l, o->many[i].value);
		else if (o->many[i].id == OPTION_PROPERTY)
			r = take_property(l, o->many[i].value);
	}
	l->send.attachments = l->files;
	l->send.properties = l->properties;
	return r;
}

int
letter_read(struct letter *l, const char *path)
{
	char text[FILE_TEXT_MAX];
	struct mp_error e = {0};
	struct mp_buf all;
	uint8_t *data;
	size_t len, skip;
	int r;

	if (file_read(path, LETTER_TEXT_MAX, &data, &len, text) != 0)
		return fail(l, text);
	mp_buf_init(&all, 2 * LETTER_TEXT_MAX);
	r = mp_text_to_utf8(data, len, &all, &e);
	OPENSSL_clear_free(data, len + 1);
	if (r == MP_OK && !mp_buf_ok(&all))
		r = mp_fail(&e, MP_ENOMEM, "out of memory");
	if (r == MP_OK && (all.len == 0 || strlen((char *)all.data) != all.len))
		r = mp_fail(&e, MP_EARG,
		    "it holds %s, where one XML document is wanted",
		    all.len == 0 ? "nothing" : "a NUL");
	if (r == MP_OK) {
		skip = mp_value_prolog((char *)all.data, all.len);
		mp_buf_add(&l->text, all.data + skip, all.len - skip);
		l->send.body = (char *)l->text.data;
	}
	mp_buf_release(&all);
	if (r == MP_OK)
		return COMMAND_DONE;
	(void)mp_fail_in(
	    &e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
	return session_mp_failed(l->s, &e);
}

bool
letter_is_long(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size > LETTER_TEXT_MAX;
}

/* As much of the file as its header may take. */
static int
read_head(struct letter *l, const char *path, uint8_t *head, size_t *len)
{
	char text[FILE_TEXT_MAX];
	int fd = file_open(path, text);
	long n = 1;

	*len = 0;
	while (fd >= 0 && n > 0 && *len < HEAD_MAX) {
		n = file_next(fd, path, head + *len, HEAD_MAX - *len, text);
		*len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		file_close(fd);
	return fd < 0 || n < 0 ? fail(l, text) : COMMAND_DONE;
}

int
letter_attach_report(
    struct letter *l, const struct mp_kind_rule *k, const char *path)
{
	struct mp_error e = {0};
	uint8_t *head = malloc(HEAD_MAX);
	size_t len = 0;
	int r;

	if (head == NULL)
		return fail(l, "out of memory");
	r = read_head(l, path, head, &len);
	if (r != COMMAND_DONE)
		goto out;
	if (mp_value_prolog((char *)head, len) > 0 || head[0] != '<') {
		output_error(l->s->out,
		    "%s: a report of more than %u MiB must be UTF-8 and begin "
		    "with <Report>, without byte order mark and XML "
		    "declaration",
		    path, LETTER_TEXT_MAX >> 20);
		r = COMMAND_FAILED;
		goto out;
	}
	if (mp_report_header_of((char *)head, len, &l->header, &e) != MP_OK) {
		(void)mp_fail_in(&e, "%s", path);
		r = session_mp_failed(l->s, &e);
		goto out;
	}
	l->files[l->send.nattachments++] = (struct mp_attachment){
	    .name = k->attachment, .path = path, .xml = true};
	l->send.kind = k;
	l->send.body = (char *)l->header.data;
out:
	free(head);
	return r;
}

int
letter_pack(struct letter *l, const struct mp_kind_rule *k)
{
	struct mp_error e = {0};
	size_t skip;

	if (mp_parcel_pack(&l->parcel, k, l->send.body, strlen(l->send.body),
		l->files, l->send.nattachments, &e) != MP_OK)
		return session_mp_failed(l->s, &e);
	skip = mp_value_prolog((char *)l->parcel.body.data, l->parcel.body.len);
	l->send.kind = k;
	l->send.body = (char *)l->parcel.body.data + skip;
	l->send.attachments = l->parcel.attachments;
	l->send.nattachments = l->parcel.nattachments;
	return COMMAND_DONE;
}

/* As JSON, or one after the other. */
static int
show(struct session *s, struct mp_buf *header, struct mp_buf *payload)
{
	static const struct output_column columns[] = {{NULL, NULL}};
	struct record *both;

	if (!s->out->json) {
		if (header->len > 0)
			mp_buf_str(header, "\n");
		session_print(s, header->data, header->len);
		if (payload->len > 0 && payload->data[payload->len - 1] != '\n')
			mp_buf_str(payload, "\n");
		session_print(s, payload->data, payload->len);
		return COMMAND_DONE;
	}
	both = record_new();
	record_set(
	    both, "envelope", header->data == NULL ? "" : (char *)header->data);
	record_set(both, "payload",
	    payload->data == NULL ? "" : (char *)payload->data);
	return session_card(s, both, columns);
}

/* -o: every byte that would be posted. */
static int
write_request(struct letter *l, struct mp_sealed *request)
{
	uint64_t size = mp_sealed_size(request);
	char text[FILE_TEXT_MAX];
	struct mp_error e = {0};
	uint8_t *all;
	size_t len = (size_t)size;
	int r;

	if (!l->s->opt->given[OPTION_OUTPUT])
		return COMMAND_DONE;
	all = malloc(len > 0 ? len : 1);
	if (all == NULL)
		return fail(l, "out of memory");
	r = mp_sealed_read(request, all, &len, &e);
	if (r != MP_OK)
		r = session_mp_failed(l->s, &e);
	else if (file_write(l->s->opt->value[OPTION_OUTPUT], 0600, all, len,
		     text) != 0)
		r = fail(l, text);
	OPENSSL_clear_free(all, len);
	return r;
}

int
letter_show(struct letter *l)
{
	struct mp_buf header, payload;
	struct mp_sealed request;
	struct mp_error e = {0};
	int r;

	mp_buf_init(&header, MP_CONTENT_MAX);
	mp_buf_init(&payload, SHOWN_MAX);
	mp_sealed_init(&request);
	if (mp_client_dry_run(
		l->s->mp, &l->send, &header, &payload, &request, &e) != MP_OK)
		r = session_mp_failed(l->s, &e);
	else
		r = write_request(l, &request);
	if (r == COMMAND_DONE)
		r = show(l->s, &header, &payload);
	mp_buf_release(&header);
	mp_buf_release(&payload);
	mp_sealed_release(&request);
	return r;
}

static void
progress(void *ctx, uint64_t done, uint64_t all)
{
	struct letter *l = ctx;

	output_progress(l->s->out, done, all);
}

int
letter_send(struct letter *l, struct mp_buf *reply)
{
	struct mp_error e = {0};

	l->send.progress = progress;
	l->send.progress_ctx = l;
	if (mp_client_send(l->s->mp, &l->send, reply, &e) != MP_OK)
		return session_mp_failed(l->s, &e);
	return COMMAND_DONE;
}
