#include <string.h>

#include "mp/buf.h"
#include "mp/cli/assigned.h"
#include "mp/cli/command.h"
#include "mp/cli/policyname.h"

#define POLICY_MAX (256u << 20) /* bytes of one policy, decompressed */

static const struct option_def list_options[] = {
    ASSIGNED_USER_OPTIONS,
    ASSIGNED_COOKIE_OPTION,
    {0},
};

static const struct option_def get_options[] = {
    ASSIGNED_USER_OPTIONS,
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write the policy, standard output unless told"},
    {0},
};

static const struct output_column columns[] = {
    {"ID", "id"},
    {"VERSION", "version"},
    {"CATEGORY", "category"},
    {"FLAGS", "flag_names"},
    {"POLICY", "policy"},
    {NULL, NULL},
};

static const struct output_column change_columns[] = {
    {"ID", "id"},
    {"ACTION", "action"},
    {"VERSION", "version"},
    {"CATEGORY", "category"},
    {"FLAGS", "flag_names"},
    {"POLICY", "policy"},
    {NULL, NULL},
};

static const struct output_column get_columns[] = {
    {"id", "id"},
    {"policy", "policy"},
    {"version", "version"},
    {"xml", "xml"},
    {NULL, NULL},
};

static void
add(struct record *rows, const struct assigned *from,
    const struct mp_assignment *a)
{
	struct record *row = record_new();

	record_set(row, "id", a->id);
	record_set(row, "policy", a->policy);
	record_set(row, "version", a->version);
	record_set(row, "category", a->category);
	record_set(row, "type", a->type);
	record_set_number(row, "flags", a->flags);
	policyname_flags(row, "flag_names", a->flags);
	record_set(row, "location", a->location);
	if (from->changes)
		record_set(row, "action", a->action);
	record_append(rows, row);
}

/* A change that brings no policy. */
static void
add_change(struct record *rows, const struct mp_assignment_change *c)
{
	struct record *row = record_new();

	record_set(row, "id", c->id);
	record_set(row, "action", c->action);
	record_append(rows, row);
}

static int
print_list(struct session *s, const struct assigned *a)
{
	struct record *rows = record_list_new();
	int r;

	for (size_t i = 0; i < a->all.count; i++)
		add(rows, a, &a->all.list[i]);
	for (size_t i = 0; i < a->all.nchanges; i++)
		add_change(rows, &a->all.changes[i]);
	r = session_list(s, rows, a->changes ? change_columns : columns);
	if (a->all.count + a->all.nchanges == 0)
		output_note(s->out, "%s",
		    a->changes ? "Nothing has changed."
			       : "No policies are assigned.");
	/* What was not seen must come again. */
	return fflush(s->out->out) == 0 ? r : COMMAND_FAILED;
}

static int
list(struct session *s, const char *operand)
{
	struct assigned a;
	int r;

	(void)operand;
	r = assigned_fetch(&a, s, true);
	if (r == COMMAND_DONE)
		r = print_list(s, &a);
	if (r == COMMAND_DONE)
		r = assigned_keep(&a);
	assigned_release(&a);
	return r;
}

static int
print_policy(
    struct session *s, const struct mp_assignment *a, const struct mp_buf *xml)
{
	struct record *about;

	if (!s->out->json)
		return session_write(s, xml->data, xml->len, 0600, true);
	about = record_new();
	record_set(about, "id", a->id);
	record_set(about, "policy", a->policy);
	record_set(about, "version", a->version);
	record_set(about, "xml", (const char *)xml->data);
	return session_card(s, about, get_columns);
}

static int
get(struct session *s, const char *id)
{
	const struct mp_assignment *a;
	struct assigned all = {0};
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	if (s->out->json && s->opt->given[OPTION_OUTPUT])
		return session_usage(s, "--json prints to standard output: "
					"leave out -o");
	mp_buf_init(&xml, POLICY_MAX);
	r = assigned_fetch(&all, s, false);
	if (r != COMMAND_DONE)
		goto out;
	a = mp_assignments_find(&all.all, id);
	if (a == NULL) {
		output_error(s->out,
		    "policy %.128s: is not assigned to this "
		    "%s. `sealpoint policy list` shows what is",
		    id, all.user.name != NULL ? "user" : "client");
		r = COMMAND_FAILED;
	} else if (mp_client_policy(s->mp, a, &xml, &e) != MP_OK) {
		r = session_mp_failed(s, &e);
	} else {
		r = print_policy(s, a, &xml);
	}
out:
	mp_buf_release(&xml);
	assigned_release(&all);
	return r;
}

const struct command command_policy_list = {
    .name = "policy list",
    .summary = "list the policies assigned to this client",
    .about = "Asks the management point which policies this client or one of "
	     "its users has, and prints them. The client must be registered. "
	     "With --cookie, only what changed since the last run with that "
	     "file.",
    .options = list_options,
    .mp = true,
    .run = list,
};

const struct command command_policy_get = {
    .name = "policy get",
    .operand = "ID",
    .summary = "fetch one policy, decrypted",
    .about = "Fetches the policy with that assignment or policy id, decrypts "
	     "and decompresses it, and writes its XML in UTF-8. A new file is "
	     "yours alone to read: policies may hold passwords.",
    .options = get_options,
    .mp = true,
    .run = get,
};
