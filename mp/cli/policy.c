#include <string.h>

#include "mp/buf.h"
#include "mp/cli/command.h"
#include "mp/cli/policyname.h"

#define POLICY_MAX (256u << 20) /* bytes of one policy, decompressed */

static const struct option_def get_options[] = {
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

static const struct output_column get_columns[] = {
    {"id", "id"},
    {"policy", "policy"},
    {"version", "version"},
    {"xml", "xml"},
    {NULL, NULL},
};

/* Asks for all assignments; release them in any case. */
static int
fetch(struct session *s, struct mp_assignments *all)
{
	struct mp_error e = {0};
	int r;

	memset(all, 0, sizeof(*all));
	r = session_mp(s, true);
	if (r != COMMAND_DONE)
		return r;
	if (mp_client_assignments(s->mp, all, &e) != MP_OK)
		return session_mp_failed(s, &e);
	session_tell_proof(s);
	return COMMAND_DONE;
}

static int
list(struct session *s, const char *operand)
{
	struct record *rows = NULL;
	struct mp_assignments all;
	int r;

	(void)operand;
	r = fetch(s, &all);
	if (r != COMMAND_DONE)
		goto out;
	rows = record_list_new();
	for (size_t i = 0; i < all.count; i++) {
		const struct mp_assignment *a = &all.list[i];
		struct record *row = record_new();

		record_set(row, "id", a->id);
		record_set(row, "policy", a->policy);
		record_set(row, "version", a->version);
		record_set(row, "category", a->category);
		record_set(row, "type", a->type);
		record_set_number(row, "flags", a->flags);
		policyname_flags(row, "flag_names", a->flags);
		record_set(row, "location", a->location);
		record_append(rows, row);
	}
	if (output_list(s->out, rows, columns) != 0)
		r = COMMAND_FAILED;
	if (all.count == 0)
		output_note(s->out, "No policies are assigned to this client.");
out:
	record_free(rows);
	mp_assignments_release(&all);
	return r;
}

static int
print_policy(
    struct session *s, const struct mp_assignment *a, const struct mp_buf *xml)
{
	struct record *about;
	int r;

	if (!s->out->json)
		return session_write(s, xml->data, xml->len, 0600, true);
	about = record_new();
	record_set(about, "id", a->id);
	record_set(about, "policy", a->policy);
	record_set(about, "version", a->version);
	record_set(about, "xml", (const char *)xml->data);
	r = output_card(s->out, about, get_columns) == 0 ? COMMAND_DONE
							 : COMMAND_FAILED;
	record_free(about);
	return r;
}

static int
get(struct session *s, const char *id)
{
	const struct mp_assignment *a;
	struct mp_assignments all = {0};
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	if (s->out->json && s->opt->given[OPTION_OUTPUT])
		return session_usage(s, "--json prints to standard output: "
					"leave out -o");
	mp_buf_init(&xml, POLICY_MAX);
	r = fetch(s, &all);
	if (r != COMMAND_DONE)
		goto out;
	a = mp_assignments_find(&all, id);
	if (a == NULL) {
		output_error(s->out,
		    "policy %.128s: is not assigned to this "
		    "client. `sealpoint policy list` shows what is",
		    id);
		r = COMMAND_FAILED;
	} else if (mp_client_policy(s->mp, a, &xml, &e) != MP_OK) {
		r = session_mp_failed(s, &e);
	} else {
		r = print_policy(s, a, &xml);
	}
out:
	mp_buf_release(&xml);
	mp_assignments_release(&all);
	return r;
}

const struct command command_policy_list = {
    .name = "policy list",
    .summary = "list the policies assigned to this client",
    .about = "Asks the management point which policies this client has, and "
	     "prints them. The client must be registered.",
    .options = command_no_options,
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
