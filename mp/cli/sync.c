#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mp/buf.h"
#include "mp/cli/command.h"
#include "mp/cli/file.h"
#include "mp/cli/policyname.h"

#define POLICY_MAX (256u << 20) /* bytes of one policy, decompressed */

static const struct option_def options[] = {
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
	struct mp_assignments all;
	char (*names)[POLICYNAME_MAX]; /* of files, "" if not written */
	struct record *rows;
	bool failed;
};

static void
add(struct run *run, size_t i, const char *result, const char *why)
{
	const struct mp_assignment *a = &run->all.list[i];
	const char *name = run->names[i];
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
fail(struct run *run, size_t i, const char *why)
{
	run->names[i][0] = '\0';
	run->failed = true;
	add(run, i, "failed", why);
}

static bool
taken(const struct run *run, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (strcmp(run->names[j], run->names[i]) == 0)
			return true;
	}
	return false;
}

/* Fetches policy number i and writes it to the file chosen for it. */
static void
fetch(struct run *run, size_t i)
{
	char text[FILE_TEXT_MAX], *path = NULL;
	struct mp_error e = {0};
	struct mp_buf xml;

	mp_buf_init(&xml, POLICY_MAX);
	if (mp_client_policy(run->s->mp, &run->all.list[i], &xml, &e) !=
	    MP_OK) {
		fail(run, i, e.text[0] != '\0' ? e.text : mp_strerror(e.code));
		goto out;
	}
	if (asprintf(&path, "%s/%s", run->dir, run->names[i]) < 0) {
		path = NULL;
		fail(run, i, "out of memory");
		goto out;
	}
	if (file_write(path, 0600, xml.data, xml.len, text) == 0)
		add(run, i, "written", NULL);
	else
		fail(run, i, text);
out:
	mp_buf_release(&xml);
	free(path);
}

static void
take(struct run *run, size_t i)
{
	const struct mp_assignment *a = &run->all.list[i];
	char text[96];

	snprintf(
	    text, sizeof(text), "policy %zu of %zu", i + 1, run->all.count);
	output_step(run->s->out, text);
	if ((a->flags & MP_POLICY_TASK_SEQUENCE) != 0) {
		add(run, i, "skipped",
		    "a task sequence is not for download "
		    "by a client of this kind");
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
	struct mp_error e = {0};
	int r = session_mp(run->s, true);

	if (r != COMMAND_DONE)
		return r;
	if (mkdir(run->dir, 0700) != 0 && errno != EEXIST) {
		output_error(run->s->out,
		    "%s: cannot be made: %s. Name "
		    "another directory with -o",
		    run->dir, strerror(errno));
		return COMMAND_FAILED;
	}
	if (mp_client_assignments(run->s->mp, &run->all, &e) != MP_OK)
		return session_mp_failed(run->s, &e);
	session_tell_proof(run->s);
	run->names = calloc(run->all.count + 1, sizeof(*run->names));
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
	for (size_t i = 0; i < run.all.count; i++)
		take(&run, i);
	if (output_list(s->out, run.rows, columns) != 0)
		r = COMMAND_FAILED;
	if (run.failed) {
		output_error(s->out,
		    "not every policy could be had; the list "
		    "says which and why. Run `sealpoint policy sync` again "
		    "when that is mended");
		r = COMMAND_FAILED;
	}
out:
	record_free(run.rows);
	free(run.names);
	mp_assignments_release(&run.all);
	return r;
}

const struct command command_policy_sync = {
    .name = "policy sync",
    .summary = "fetch all policies into a directory",
    .about = "Fetches every policy that may be downloaded and writes each to a "
	     "file of its own, named after its assignment's id. A policy that "
	     "fails does not stop the others; the exit status is then 1. Task "
	     "sequences are skipped. Files of earlier runs stay unless a newer "
	     "version replaces them.",
    .options = options,
    .mp = true,
    .run = sync_policies,
};
