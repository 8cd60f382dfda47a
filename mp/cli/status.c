#include <stdlib.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/cli/operate.h"

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

static const struct output_column probes[] = {
    {"NAME", "name"},
    {"RESULT", "result"},
    {"MICROSECONDS", "microseconds"},
    {"KEY", "key"},
    {"TROUBLE", "trouble"},
    {NULL, NULL},
};

static const struct option_def options[] = {
    {OPTION_PROBE, '\0', "probe", NULL,
	"have each token make a signature, and say how long it took"},
    {OPTION_METRICS, '\0', "metrics", NULL,
	"print the agent's metrics, in the text format of Prometheus"},
    OPERATE_OPTION,
    {0},
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

/* Prints the agent's metrics as they are. */
static int
metrics(struct session *s)
{
	struct signer_trouble why = {0};
	struct admin *op;
	char *text;
	size_t len;
	int r;

	r = operate_open(s, &op);
	if (r != COMMAND_DONE)
		return r;
	if (admin_metrics(op, &text, &len, &why) != SIGNER_OK)
		r = operate_failed(s, "the metrics cannot be had", &why);
	else
		session_print(s, (const uint8_t *)text, len);
	free(text);
	admin_close(op);
	return r;
}

static void
add_probe(struct record *list, const struct admin_probe *b)
{
	struct record *row = record_new();
	char thumb[2 * SIGNER_SHA1_LEN + 1] = "";
	bool good = b->err == SIGNER_OK;

	for (size_t j = 0; j < SIGNER_SHA1_LEN; j++)
		(void)snprintf(thumb + 2 * j, 3, "%02X", b->sha1[j]);
	record_set(row, "name", b->name);
	record_set(row, "result", good ? "ok" : "failed");
	record_set(row, "key", good ? thumb : NULL);
	record_set_number(row, "microseconds", b->us);
	record_set(row, "trouble", b->why.text);
	record_append(list, row);
}

/* Every token makes a signature; *good is false if one made none. */
static int
probe_all(struct session *s, struct admin *op, struct record *list, bool *good)
{
	struct signer_trouble why = {0};
	struct admin_probe b;
	int err = SIGNER_OK;

	for (unsigned i = 0; i < TOKENS_MAX; i++) {
		err = admin_probe(op, i, &b, &why);
		if (err != SIGNER_OK)
			break;
		add_probe(list, &b);
		*good = *good && b.err == SIGNER_OK;
	}
	if (err == SIGNER_OK || err == SIGNER_ENOKEY)
		return COMMAND_DONE;
	return operate_failed(s, "the tokens cannot be tried", &why);
}

static int
probe(struct session *s)
{
	struct record *list;
	struct admin *op;
	bool good = true;
	int r;

	r = operate_open(s, &op);
	if (r != COMMAND_DONE)
		return r;
	list = record_list_new();
	r = probe_all(s, op, list, &good);
	if (r == COMMAND_DONE)
		r = session_list(s, list, probes);
	else
		record_free(list);
	admin_close(op);
	return r == COMMAND_DONE && !good ? COMMAND_FAILED : r;
}

static int
status(struct session *s, const char *operand)
{
	struct record *list;
	bool ready = true;
	int r;

	(void)operand;
	if (s->opt->given[OPTION_METRICS] &&
	    (s->opt->given[OPTION_PROBE] || s->out->json))
		return session_usage(
		    s, "--metrics excludes --probe and --json");
	if (s->opt->given[OPTION_METRICS])
		return metrics(s);
	if (s->opt->given[OPTION_PROBE])
		return probe(s);
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
	"what it did so far. The exit status is 1 unless every token is ready. "
	"--probe and --metrics ask at the control socket, which is for root "
	"and the agent's own user.",
    .options = options,
    .run = status,
};
