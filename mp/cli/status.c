#include <string.h>

#include "mp/cli/command.h"

#define TOKENS_MAX 1024 /* no agent has so many */

static const struct output_column columns[] = {
    {"NAME", "name"},
    {"STATE", "state"},
    {"KEYS", "identities"},
    {"SIGNATURES", "signatures"},
    {"DECRYPTIONS", "decryptions"},
    {"SERVED", "served"},
    {"WAITING", "waiting"},
    {"SESSIONS", "sessions"},
    {"RESTARTS", "restarts"},
    {"TOKEN", "label"},
    {"TROUBLE", "trouble"},
    {NULL, NULL},
};

static void
add(struct record *list, const struct client_token *t)
{
	bool ready = strcmp(t->state, "ready") == 0;
	struct record *row = record_new();

	record_set(row, "name", t->name);
	record_set(row, "label", t->label);
	record_set(row, "state", t->state);
	record_set(row, "trouble", ready ? "" : t->trouble);
	record_set(row, "last_trouble", t->trouble);
	record_set_number(row, "failed_at", t->failed_at);
	record_set_number(row, "ckr", t->ckr);
	record_set_number(row, "since", t->since);
	record_set_number(row, "identities", t->identities);
	record_set_number(row, "sessions", t->sessions);
	record_set_number(row, "signatures", t->signatures);
	record_set_number(row, "decryptions", t->decryptions);
	record_set_number(row, "logins", t->logins);
	record_set_number(row, "searches", t->searches);
	record_set_number(row, "recoveries", t->recoveries);
	record_set_number(row, "retries", t->retries);
	record_set_number(row, "restarts", t->restarts);
	record_set_number(row, "served", t->served);
	record_set_number(row, "failovers", t->failovers);
	record_set_number(row, "waiting", t->waiting);
	record_set_number(row, "last_ms", t->last_ms);
	record_append(list, row);
}

/* All tokens; *ready is false if one of them is not. */
static int
collect(struct session *s, struct record *list, bool *ready)
{
	struct signer_trouble why = {0};
	struct client_token t;
	int r;

	for (unsigned i = 0; i < TOKENS_MAX; i++) {
		r = client_status(s->client, i, &t, &why);
		if (r == SIGNER_ENOKEY)
			break;
		if (r != SIGNER_OK) {
			output_error(s->out,
			    "the agent's state cannot be "
			    "had: %s",
			    why.text);
			return COMMAND_FAILED;
		}
		*ready = *ready && strcmp(t.state, "ready") == 0;
		add(list, &t);
	}
	return COMMAND_DONE;
}

static int
status(struct session *s, const char *operand)
{
	struct record *list;
	bool ready = true;
	int r;

	(void)operand;
	r = session_signer(s);
	if (r != COMMAND_DONE)
		return r;
	list = record_list_new();
	r = collect(s, list, &ready);
	if (r != COMMAND_DONE)
		goto out;
	if (output_list(s->out, list, columns) != 0 || !ready)
		r = COMMAND_FAILED;
	if (record_count(list) == 0) {
		output_error(s->out, "the agent has no token: add a [token] "
				     "section to sealpointd.conf(5)");
		r = COMMAND_FAILED;
	}
out:
	record_free(list);
	return r;
}

const struct command command_status = {
    .name = "status",
    .summary = "show the agent's tokens and how they are",
    .about =
	"Shows each token that the agent is configured for, its state, and "
	"what it did so far. The exit status is 1 unless every token is ready.",
    .options = command_no_options,
    .run = status,
};
