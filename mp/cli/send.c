/* send: reports of documented kinds, from a file or of this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/cli/command.h"
#include "mp/cli/letter.h"
#include "mp/cli/settings.h"
#include "mp/discover.h"
#include "mp/kinds/report.h"
#include "mp/kinds/value.h"

#define KINDS "ddr, hinv, sinv, files, status, state, idmif, metering or fsp"

static const struct option_def options[] = {
    {OPTION_DISCOVER, '\0', "discover", NULL,
	"write the report, or the header of one, from this machine"},
    {OPTION_TYPE, '\0', "type", "full|delta",
	"what such a header says the report is; full unless told"},
    {OPTION_ATTACH, '\0', "attach", "NAME=FILE...",
	"a file that the report lists; of two with one name the later counts"},
    {OPTION_FLAGS, '\0', "flags", "LIST",
	"of sign, encrypt, crl and compress, with commas between; or none"},
    {OPTION_DRY_RUN, '\0', "dry-run", NULL,
	"print the envelope and the payload, and send nothing"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"with --dry-run: where to write the bytes that would be posted"},
    {0},
};

static const struct output_column card[] = {
    {"kind", "kind"},
    {"endpoint", "endpoint"},
    {"http status", "http_status"},
    {NULL, NULL},
};

/* A kind that is sent and not asked, by the name that people type. */
static const struct mp_kind_rule *
find_kind(const char *name)
{
	const struct mp_kind_rule *k =
	    mp_kind_by_name(strcmp(name, "fsp") == 0 ? "fallback" : name);

	return k != NULL && k->mode == MP_REPLY_ASYNC ? k : NULL;
}

/* The header of a report of this machine's, around a body from a file. */
static int
wrap(struct session *s, const struct mp_kind_rule *k,
    const struct mp_discovered *d, const char *smsid, struct letter *l)
{
	struct mp_report report = {
	    .delta = settings_say(s, OPTION_TYPE, "delta")};
	const char *inside, *end = NULL;
	struct mp_error e = {0};
	struct mp_writer w;
	struct mp_buf whole;
	int r;

	/* Whatever stands there is checked again as part of the whole. */
	inside = strstr((char *)l->text.data, "<ReportBody");
	inside = inside == NULL ? NULL : strchr(inside, '>');
	for (const char *p = inside; p != NULL; p = strstr(p + 1, "</Report"))
		end = p;
	if (inside == NULL || end == inside) {
		output_error(
		    s->out, "the file's ReportBody holds nothing to send");
		return COMMAND_FAILED;
	}
	mp_discover_machine(d, smsid, &report.machine);
	mp_buf_init(&whole, 2 * LETTER_TEXT_MAX);
	mp_writer_init(&w, &whole);
	r = mp_report_begin(&w, k->kind, &report, &e);
	if (r == MP_OK) {
		mp_writer_raw(&w, inside + 1, (size_t)(end - inside - 1));
		r = mp_report_end(&w, k, &e);
	}
	mp_buf_release(&l->text);
	l->text = whole;
	l->send.body = (char *)whole.data;
	return r == MP_OK ? COMMAND_DONE : session_mp_failed(s, &e);
}

/* What this machine says of itself: all of a report, or its header. */
static int
describe(struct session *s, const struct mp_kind_rule *k, const char *path,
    struct letter *l)
{
	struct mp_discovered *d = calloc(1, sizeof(*d));
	char smsid[MP_SMSID_MAX] = "";
	struct mp_error e = {0};
	int r = d == NULL ? mp_fail(&e, MP_ENOMEM, "out of memory") : MP_OK;

	if (r == MP_OK)
		r = mp_discover(d, &e);
	if (r == MP_OK)
		r = mp_client_smsid(s->mp, smsid, &e);
	if (r == MP_OK && path == NULL)
		r = mp_discover_report(d, k->kind, smsid,
		    session_value(s, OPTION_SITE), &l->text, &e);
	if (r != MP_OK)
		r = session_mp_failed(s, &e);
	else if (path != NULL)
		r = wrap(s, k, d, smsid, l);
	l->send.body = (char *)l->text.data;
	free(d);
	return r;
}

static int
check(struct session *s, const struct mp_kind_rule *k, const char *path)
{
	bool discover = s->opt->given[OPTION_DISCOVER];
	bool alone =
	    k->kind == MP_KIND_DDR || k->kind == MP_KIND_HARDWARE_INVENTORY;

	if (path == NULL && !discover)
		return session_usage(s, "which FILE? It follows the kind; ddr "
					"and hinv may have --discover in its "
					"place");
	if (path == NULL && !alone)
		return session_usage(s,
		    "--discover makes a ddr or hinv of itself; for %s it "
		    "makes the header, and a FILE has the ReportBody",
		    s->words[0]);
	if (discover && strcmp(k->root, "Report") != 0)
		return session_usage(s,
		    "a %s message has no header for --discover to make",
		    s->words[0]);
	if (s->opt->given[OPTION_TYPE] && (!discover || path == NULL))
		return session_usage(s,
		    "--type goes with --discover and a FILE that has the "
		    "ReportBody alone: a whole report says what it is");
	if (discover && session_value(s, OPTION_CLIENT_ID) != NULL)
		return session_usage(s,
		    "--discover tells of this machine, and --client-id of "
		    "another: bring a FILE that has the whole report");
	if (s->opt->given[OPTION_ATTACH] && k->payload != MP_PAYLOAD_FILES)
		return session_usage(s,
		    "only files and idmif list files for --attach; a %s "
		    "message does not",
		    s->words[0]);
	return COMMAND_DONE;
}

/* Is the file a ReportBody without its Report? */
static int
check_root(struct session *s, struct letter *l)
{
	struct mp_error e = {0};
	struct mp_xml *doc;
	bool bare;

	if (mp_value_parse(&doc, l->send.body, strlen(l->send.body),
		"the message's body", &e) != MP_OK)
		return session_mp_failed(s, &e);
	bare = mp_xml_is(mp_xml_root(doc), "ReportBody");
	mp_xml_free(doc);
	if (bare == s->opt->given[OPTION_DISCOVER])
		return COMMAND_DONE;
	output_error(s->out,
	    bare ? "%s has a ReportBody and no header; --discover makes one "
		   "from this machine"
		 : "%s is no ReportBody alone, so there is no header to make; "
		   "leave out --discover",
	    strcmp(s->words[1], "-") == 0 ? "standard input" : s->words[1]);
	return COMMAND_FAILED;
}

/* Is the report about whom it would be sent for? */
static int
check_owner(
    struct session *s, const struct mp_kind_rule *k, const struct letter *l)
{
	char smsid[MP_SMSID_MAX];
	struct mp_error e = {0};
	const struct mp_xml_node *n;
	struct mp_xml *doc;
	const char *id;
	int r = COMMAND_DONE;

	if (strcmp(k->root, "Report") != 0 || k->endpoint == NULL)
		return COMMAND_DONE;
	if (mp_client_smsid(s->mp, smsid, &e) != MP_OK ||
	    mp_value_parse(&doc, l->send.body, strlen(l->send.body),
		"the message's body", &e) != MP_OK)
		return session_mp_failed(s, &e);
	n = mp_xml_child(mp_xml_root(doc), "ReportHeader");
	n = mp_xml_child(mp_xml_child(n, "Identification"), "Machine");
	id = mp_xml_child_text(n, "ClientID");
	if (strcasecmp(id, smsid) != 0) {
		output_error(s->out,
		    "the report is about %.60s, and would be sent for %s: "
		    "correct its ClientID, or, if that is a client that this "
		    "ISV proxy speaks for, name it with --client-id. Nothing "
		    "was sent",
		    id, smsid);
		r = COMMAND_FAILED;
	}
	mp_xml_free(doc);
	return r;
}

/* All that can be found wrong before a token is asked. */
static int
prepare(struct session *s, const struct mp_kind_rule *k, const char *path,
    struct letter *l)
{
	int r = letter_options(l);

	if (r != COMMAND_DONE || path == NULL)
		return r;
	if (k->payload == MP_PAYLOAD_ATTACHMENT && letter_is_long(path) &&
	    !s->opt->given[OPTION_DISCOVER])
		return letter_attach_report(l, k, path);
	r = letter_read(l, path);
	if (r == COMMAND_DONE && strcmp(k->root, "Report") == 0)
		r = check_root(s, l);
	if (r == COMMAND_DONE && !s->opt->given[OPTION_DISCOVER])
		r = letter_pack(l, k);
	return r;
}

static int
check_flags(struct session *s, const struct mp_kind_rule *k, struct letter *l)
{
	bool native = !settings_say(s, OPTION_MODE, "mixed");
	struct mp_error e = {0};

	if (!l->send.flags_given ||
	    mp_kind_check_flags(k,
		l->send.flags | (native ? MP_FLAG_NATIVE : 0), false,
		&e) == MP_OK)
		return COMMAND_DONE;
	return session_mp_failed(s, &e);
}

static int
print(struct session *s, const struct mp_kind_rule *k)
{
	struct record *about = record_new();

	record_set(about, "kind", s->words[0]);
	record_set(about, "endpoint", k->endpoint);
	record_set_number(
	    about, "http_status", (uint64_t)mp_client_status(s->mp));
	return session_card(s, about, card);
}

static int
deliver(struct session *s, const struct mp_kind_rule *k, struct letter *l)
{
	int r;

	if (s->opt->given[OPTION_DRY_RUN])
		return letter_show(l);
	r = letter_send(l, NULL);
	return r == COMMAND_DONE ? print(s, k) : r;
}

static int
run_send(struct session *s, const char *name)
{
	const char *path = s->nwords > 1 ? s->words[1] : NULL;
	const struct mp_kind_rule *k = find_kind(name);
	struct letter l;
	int r;

	if (k == NULL)
		return session_usage(s,
		    "there is no kind of message \"%.64s\" to send: it is "
		    "one of " KINDS,
		    name);
	r = check(s, k, path);
	if (r != COMMAND_DONE)
		return r;
	letter_init(&l, s, true);
	r = prepare(s, k, path, &l);
	if (r == COMMAND_DONE)
		r = check_flags(s, k, &l);
	if (r == COMMAND_DONE)
		r = session_mp(s, false);
	if (r == COMMAND_DONE && s->opt->given[OPTION_DISCOVER]) {
		r = describe(s, k, path, &l);
		if (r == COMMAND_DONE)
			r = letter_pack(&l, k);
	} else if (r == COMMAND_DONE) {
		r = check_owner(s, k, &l);
	}
	if (r == COMMAND_DONE)
		r = deliver(s, k, &l);
	letter_release(&l);
	return r;
}

const struct command command_send = {
    .name = "send",
    .operand = "KIND [FILE]",
    .summary = "send a report: discovery, inventory, status, state ...",
    .about = "Checks a report, in FILE or on standard input if that is -, "
	     "against what is documented of its kind, and sends it the way "
	     "that kind travels. KIND is one of " KINDS
	     ". With --discover and no FILE, ddr and hinv report this machine; "
	     "with a FILE that has a ReportBody alone, the header comes from "
	     "this machine. What goes to a fallback status point (fsp) is "
	     "neither signed nor encrypted. Nothing is sent half-built.",
    .options = options,
    .mp = true,
    .run = run_send,
};
