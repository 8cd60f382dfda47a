#include <sys/stat.h>

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "mp/buf.h"
#include "mp/cli/assigned.h"
#include "mp/cli/command.h"
#include "mp/cli/file.h"
#include "mp/cli/policyname.h"

#define POLICY_MAX (256u << 20) /* bytes of one policy, decompressed */
#define ALL_MAX (4ull << 30)    /* bytes of them all */
#define SILENT_MAX 3            /* policies in a row without an answer */

static const struct option_def options[] = {
    ASSIGNED_USER_OPTIONS,
    ASSIGNED_COOKIE_OPTION,
    {OPTION_OUTPUT, 'o', "output", "DIR",
	"where to write the policies; made if it is not there"},
    {0},
};

static const struct output_column columns[] = {
    {"RESULT", "result"},
    {"ID", "id"},
    {"VERSION", "version"},
    {"FILE", "file"},
    {"WHY", "why"},
    {NULL, NULL},
};

/* A run of sync: what is written, and where. */
struct run {
	struct session *s;
	const char *dir;
	struct assigned assigned;
	char (*names)[POLICYNAME_MAX]; /* of files, "" if not written */
	struct record *rows;
	void *taken;     /* names, as a tree */
	uint64_t bytes;  /* written */
	unsigned silent; /* policies in a row that no answer came to */
	bool failed;
};

static void
add_named(struct run *run, size_t i, const char *name, const char *result,
    const char *why)
{
	const struct mp_assignment *a = &run->assigned.all.list[i];
	struct record *row = record_new();

	record_set(row, "id", a->id);
	record_set(row, "policy", a->policy);
	record_set(row, "version", a->version);
	record_set(row, "result", result);
	record_set(row, "file", *name == '\0' ? NULL : name);
	record_set(row, "why", why);
	record_append(run->rows, row);
}

static void
add(struct run *run, size_t i, const char *result, const char *why)
{
	add_named(run, i, run->names[i], result, why);
}

static void
fail(struct run *run, size_t i, const char *why)
{
	run->failed = true;
	add_named(run, i, "", "failed", why);
}

/*
 * A change that brings no policy. What its action means is documented nowhere
 * (wire-facts 12, unknown 12), so that no file is removed for it.
 */
static void
add_change(struct run *run, const struct mp_assignment_change *c)
{
	struct record *row = record_new();

	record_set(row, "id", c->id);
	record_set(row, "result", "changed");
	record_set(row, "why", c->action[0] != '\0' ? c->action : NULL);
	record_append(run->rows, row);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Names are kept in run->names, which outlives the tree. */
static bool
taken(struct run *run, size_t i)
{
	const char *const *found = tsearch(run->names[i], &run->taken, compare);

	return found == NULL || *found != run->names[i];
}

static void
forget(void *name)
{
	(void)name;
}

/* A sentence if there is no use in asking for more, else NULL. */
static const char *
finished(const struct run *run)
{
	if (run->silent >= SILENT_MAX)
		return "not asked for: the management point did not answer "
		       "to several in a row";
	if (run->bytes >= ALL_MAX)
		return "not asked for: the policies before it are 4 GiB "
		       "already, the most that one run writes";
	return NULL;
}

/* Fetches policy number i and writes it to the file chosen for it. */
static void
fetch(struct run *run, size_t i)
{
	char text[FILE_TEXT_MAX], *path = NULL;
	struct mp_error e = {0};
	struct mp_buf xml;
	int r;

	mp_buf_init(&xml, POLICY_MAX);
	r = mp_client_policy(run->s->mp, &run->assigned.all.list[i], &xml, &e);
	run->silent = r == MP_ENET ? run->silent + 1 : 0;
	if (r != MP_OK) {
		fail(run, i, e.text[0] != '\0' ? e.text : mp_strerror(e.code));
		goto out;
	}
	if (asprintf(&path, "%s/%s", run->dir, run->names[i]) < 0) {
		path = NULL;
		fail(run, i, "out of memory");
		goto out;
	}
	if (file_write(path, 0600, xml.data, xml.len, text) == 0) {
		run->bytes += xml.len;
		add(run, i, "written", NULL);
	} else {
		fail(run, i, text);
	}
out:
	mp_buf_release(&xml);
	free(path);
}

static void
take(struct run *run, size_t i)
{
	const struct mp_assignment *a = &run->assigned.all.list[i];
	const char *why;
	char text[96];

	snprintf(text, sizeof(text), "policy %zu of %zu", i + 1,
	    run->assigned.all.count);
	output_step(run->s->out, text);
	if ((a->flags & MP_POLICY_TASK_SEQUENCE) != 0) {
		add(run, i, "skipped",
		    "a task sequence is not for download "
		    "by a client of this kind");
		return;
	}
	if ((why = finished(run)) != NULL) {
		fail(run, i, why);
		return;
	}
	policyname_file(a->id, run->names[i]);
	if (taken(run, i))
		fail(run, i, "another assignment has the same id");
	else
		fetch(run, i);
}

static int
prepare(struct run *run)
{
	int r = assigned_fetch(&run->assigned, run->s, true);

	if (r != COMMAND_DONE)
		return r;
	if (mkdir(run->dir, 0700) != 0 && errno != EEXIST) {
		output_error(run->s->out,
		    "%s: cannot be made: %s. Name "
		    "another directory with -o",
		    run->dir, strerror(errno));
		return COMMAND_FAILED;
	}
	run->names = calloc(run->assigned.all.count + 1, sizeof(*run->names));
	if (run->names != NULL)
		return COMMAND_DONE;
	output_error(run->s->out, "out of memory");
	return COMMAND_FAILED;
}

static int
sync_policies(struct session *s, const char *operand)
{
	struct run run = {.s = s, .dir = s->opt->value[OPTION_OUTPUT]};
	int r;

	(void)operand;
	if (run.dir == NULL)
		return session_usage(s, "where to? Name a directory with -o");
	r = prepare(&run);
	if (r != COMMAND_DONE)
		goto out;
	run.rows = record_list_new();
	for (size_t i = 0; i < run.assigned.all.count; i++)
		take(&run, i);
	for (size_t i = 0; i < run.assigned.all.nchanges; i++)
		add_change(&run, &run.assigned.all.changes[i]);
	if (output_list(s->out, run.rows, columns) != 0)
		r = COMMAND_FAILED;
	if (finished(&run) != NULL)
		output_error(s->out, "%s: %s", run.dir,
		    run.silent >= SILENT_MAX
			? "the management point did not answer to 3 policies "
			  "in a row, so that the rest was not asked for"
			: "there are 4 GiB of policies, the most that one run "
			  "writes");
	if (run.failed) {
		output_error(s->out,
		    "not every policy could be had; the list "
		    "says which and why. Run `sealpoint policy sync` again "
		    "when that is mended");
		r = COMMAND_FAILED;
	}
	if (r == COMMAND_DONE)
		r = assigned_keep(&run.assigned);
out:
	record_free(run.rows);
	tdestroy(run.taken, forget);
	free(run.names);
	assigned_release(&run.assigned);
	return r;
}

const struct command command_policy_sync = {
    .name = "policy sync",
    .summary = "fetch all policies into a directory",
    .about = "Fetches every policy that may be downloaded and writes each to a "
	     "file of its own, named after its assignment's id. A policy that "
	     "fails does not stop the others, but three in a row that the "
	     "management point does not answer do; the exit status is then "
	     "1. Task "
	     "sequences are skipped. Files of earlier runs stay unless a newer "
	     "version replaces them.",
    .options = options,
    .mp = true,
    .run = sync_policies,
};
