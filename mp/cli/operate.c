#include "mp/cli/operate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/admin.h"
#include "mp/cli/command.h"
#include "mp/cli/pin.h"

static const struct option_def options[] = {OPERATE_OPTION, {0}};

static const struct option_def lock_options[] = {
    {OPTION_ALL, '\0', "all", NULL, "every token, as without a NAME"},
    OPERATE_OPTION,
    {0},
};

static const struct output_column columns[] = {
    {"TOKEN", "name"},
    {"STATE", "state"},
    {NULL, NULL},
};

int
operate_failed(
    struct session *s, const char *what, const struct signer_trouble *why)
{
	output_error(s->out, "%s: %s", what, why->text);
	return COMMAND_FAILED;
}

int
operate_open(struct session *s, struct admin **op)
{
	struct signer_trouble why = {0};

	if (admin_open(op, s->opt->value[OPTION_CONTROL], 0, &why) == SIGNER_OK)
		return COMMAND_DONE;
	return operate_failed(s, "no orders can be given", &why);
}

static int
list(struct session *s, const struct admin_token *tokens, size_t n,
    const char *state)
{
	struct record *all = record_list_new();

	for (size_t i = 0; i < n; i++) {
		struct record *row = record_new();

		record_set(row, "name", tokens[i].name);
		record_set(row, "state", state);
		record_append(all, row);
	}
	return session_list(s, all, columns);
}

static int
lock(struct session *s, const char *name)
{
	struct admin_token tokens[ADMIN_TOKENS_MAX];
	struct signer_trouble why = {0};
	struct admin *op;
	size_t n;
	int r;

	if (name != NULL && s->opt->given[OPTION_ALL])
		return session_usage(s, "--all and a NAME exclude each other");
	r = operate_open(s, &op);
	if (r != COMMAND_DONE)
		return r;
	if (admin_lock(op, name, tokens, &n, &why) != SIGNER_OK)
		r = operate_failed(s, "not locked for good", &why);
	else
		r = list(s, tokens, n, "locked");
	admin_close(op);
	return r;
}

/* Asks for the PIN, at the terminal or on standard input, and brings it. */
static int
bring(struct session *s, struct admin *op, const char *name)
{
	char what[SIGNER_TOKEN_MAX + 8], text[256] = "";
	struct signer_trouble why = {0};
	const uint8_t *bytes;
	struct pin pin;
	size_t len;
	int r = COMMAND_DONE;

	(void)snprintf(
	    what, sizeof(what), "token %.*s", SIGNER_TOKEN_MAX - 1, name);
	if (pin_init(&pin, isatty(STDIN_FILENO) ? "ask" : "fd:0", what) != 0) {
		output_error(s->out,
		    "no memory can be locked for the PIN; raise the limit "
		    "memlock");
		return COMMAND_FAILED;
	}
	if (pin_get(&pin, &bytes, &len, text, sizeof(text)) != 0) {
		output_error(
		    s->out, "%s stays locked: its PIN: %s", what, text);
		r = COMMAND_FAILED;
	} else if (admin_bring(op, name, bytes, len, &why) != SIGNER_OK) {
		(void)snprintf(text, sizeof(text), "%s is not unlocked", what);
		r = operate_failed(s, text, &why);
	}
	pin_release(&pin);
	return r;
}

/* Brings what tokens want; how many of them do. */
static int
bring_all(struct session *s, struct admin *op, const struct admin_token *tokens,
    size_t n)
{
	size_t wanted = 0;
	int r = COMMAND_DONE;

	for (size_t i = 0; i < n; i++)
		wanted += tokens[i].wants;
	if (wanted > 1 && !isatty(STDIN_FILENO)) {
		output_error(s->out,
		    "%zu tokens want a PIN, and standard input holds one: "
		    "name the token",
		    wanted);
		return COMMAND_FAILED;
	}
	for (size_t i = 0; i < n && r == COMMAND_DONE; i++)
		if (tokens[i].wants)
			r = bring(s, op, tokens[i].name);
	return r;
}

/* Somebody may have locked one again meanwhile, or it was pulled. */
static int
report(struct session *s, const struct admin_token *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!tokens[i].wants)
			continue;
		output_error(s->out,
		    "token %s took its PIN, and is not ready all the same; see "
		    "'sealpoint status', then unlock it again",
		    tokens[i].name);
		return COMMAND_FAILED;
	}
	return list(s, tokens, n, "unlocked");
}

static int
unlock(struct session *s, const char *name)
{
	struct admin_token tokens[ADMIN_TOKENS_MAX];
	struct signer_trouble why = {0};
	struct admin *op;
	size_t n;
	int r;

	r = operate_open(s, &op);
	if (r != COMMAND_DONE)
		return r;
	if (admin_unlock(op, name, tokens, &n, &why) != SIGNER_OK) {
		r = operate_failed(s, "not unlocked", &why);
		goto out;
	}
	r = bring_all(s, op, tokens, n);
	if (r != COMMAND_DONE)
		goto out;
	/* The agent answers this after it heard of the PINs. */
	if (admin_unlock(op, name, tokens, &n, &why) != SIGNER_OK)
		r = operate_failed(s, "not unlocked", &why);
	else
		r = report(s, tokens, n);
out:
	admin_close(op);
	return r;
}

static int
reload(struct session *s, const char *operand)
{
	struct signer_trouble why = {0};
	struct admin *op;
	int r;

	(void)operand;
	r = operate_open(s, &op);
	if (r != COMMAND_DONE)
		return r;
	if (admin_reload(op, &why) != SIGNER_OK)
		r = operate_failed(s, "not reloaded", &why);
	else
		output_note(s->out,
		    "The agent reads its configuration again; its log says "
		    "whether that is in force.");
	admin_close(op);
	return r;
}

const struct command command_lock = {
    .name = "lock",
    .operand = "[NAME]",
    .summary = "let nobody use a token until it is unlocked",
    .about =
	"Locks a token, or all: it is logged out, its PIN is forgotten, and "
	"requests for its keys are refused at once, also after a restart of "
	"the agent. For root and the agent's own user.",
    .options = lock_options,
    .run = lock,
};

const struct command command_unlock = {
    .name = "unlock",
    .operand = "[NAME]",
    .summary = "unlock a token, and bring its PIN if it wants one",
    .about =
	"Unlocks a token, or all. Of one whose PIN people bring (pin = ask) "
	"the PIN is asked for at the terminal, or read from standard input if "
	"that is none; whether the token takes it is told at once. A wrong "
	"PIN is sent once. For root and the agent's own user.",
    .options = options,
    .run = unlock,
};

const struct command command_reload = {
    .name = "reload",
    .summary = "have the agent read its configuration again",
    .about =
	"Asks the agent to read sealpointd.conf again, as SIGHUP does. One "
	"that is wrong changes nothing; the agent's log says so. For root and "
	"the agent's own user.",
    .options = options,
    .run = reload,
};
