#include <stdlib.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/cli/token_work.h"

static const struct option_def list_options[] = {
    {OPTION_MODULE, '\0', "module", "MODULE",
	"the PKCS#11 module: a path, or a name that p11-kit knows"},
    {OPTION_URI, '\0', "uri", "URI", "only the tokens that it fits"},
    {0},
};

static const struct option_def generate_options[] = {
    TOKEN_WORK_OPTIONS,
    {OPTION_TYPE, '\0', "type", "rsa-2048|rsa-3072|rsa-4096|ec-p256|ec-p384",
	"what kind of key"},
    {OPTION_LABEL, '\0', "label", "LABEL", "the new key's label"},
    {OPTION_ID, '\0', "id", "HEX",
	"its id (CKA_ID), in hex; 20 random bytes unless told"},
    {0},
};

static const struct output_column list_columns[] = {
    {"LABEL", "label"},
    {"MANUFACTURER", "manufacturer"},
    {"MODEL", "model"},
    {"SERIAL", "serial"},
    {"STATE", "state"},
    {"URI", "uri"},
    {NULL, NULL},
};

static const struct output_column key_card[] = {
    {"label", "label"},
    {"id", "id"},
    {"key", "key"},
    {"uri", "uri"},
    {NULL, NULL},
};

static const struct {
	unsigned bit;
	const char *word;
} states[] = {
    {PROVISION_BLANK, "not-initialised"},
    {PROVISION_READ_ONLY, "read-only"},
    {PROVISION_NO_PIN, "no-pin"},
    {PROVISION_PIN_LOW, "pin-failed"},
    {PROVISION_PIN_FINAL, "pin-final-try"},
    {PROVISION_PIN_LOCKED, "pin-locked"},
    {PROVISION_PIN_CHANGE, "pin-to-be-changed"},
    {PROVISION_PAD, "pin-pad"},
    {PROVISION_OPEN, "no-login"},
};

static struct record *
describe(const struct provision_token *t)
{
	struct record *r = record_new();

	record_set(r, "label", t->label);
	record_set(r, "manufacturer", t->manufacturer);
	record_set(r, "model", t->model);
	record_set(r, "serial", t->serial);
	record_set_words(r, "state");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if ((t->state & states[i].bit) != 0)
			record_add_word(r, "state", states[i].word);
	record_set(r, "uri", t->uri);
	return r;
}

static int
list(struct session *s, const char *operand)
{
	struct provision_token *tokens;
	struct token_trouble why = {0};
	struct record *all = NULL;
	size_t n;
	int r = COMMAND_FAILED;

	(void)operand;
	if (s->opt->value[OPTION_MODULE] == NULL)
		return session_usage(s, "which module? Give --module with a "
					"path or a name that p11-kit knows");
	tokens = calloc(PROVISION_TOKENS_MAX, sizeof(*tokens));
	if (tokens == NULL) {
		output_error(s->out, "out of memory");
		return COMMAND_FAILED;
	}
	if (provision_list(s->opt->value[OPTION_MODULE],
		s->opt->value[OPTION_URI], tokens, PROVISION_TOKENS_MAX, &n,
		&why) != TOKEN_OK) {
		r = token_work_failed(s, &why);
		goto out;
	}
	all = record_list_new();
	for (size_t i = 0; i < n; i++)
		record_append(all, describe(&tokens[i]));
	if (n == 0)
		output_note(s->out, "No tokens: insert one, or correct --uri.");
	if (output_list(s->out, all, list_columns) == 0)
		r = COMMAND_DONE;
out:
	record_free(all);
	free(tokens);
	return r;
}

/* --type, which can be none other. */
static enum provision_kind
kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum provision_kind kind;
	} kinds[] = {
	    {"rsa-2048", PROVISION_RSA_2048},
	    {"rsa-3072", PROVISION_RSA_3072},
	    {"rsa-4096", PROVISION_RSA_4096},
	    {"ec-p256", PROVISION_EC_P256},
	    {"ec-p384", PROVISION_EC_P384},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return PROVISION_RSA_2048;
}

static int
generate(struct session *s, const char *operand)
{
	const char *type = s->opt->value[OPTION_TYPE];
	struct token_trouble why = {0};
	struct provision_key made;
	struct token_work w;
	struct record *card;
	int r = token_work_read(&w, s);

	(void)operand;
	if (r == COMMAND_DONE && type == NULL)
		r = session_usage(s, "what kind of key? Give --type");
	if (r == COMMAND_DONE && w.choice.label == NULL)
		r = session_usage(s, "what shall the key be called? Give "
				     "--label");
	if (r == COMMAND_DONE)
		r = token_work_open(&w);
	if (r != COMMAND_DONE)
		goto out;
	output_step(s->out, "making the key pair on the token");
	if (provision_generate(w.p, kind_of(type), &w.choice, &made, &why) !=
	    TOKEN_OK) {
		r = token_work_failed(s, &why);
		goto out;
	}
	card = record_new();
	token_work_describe(card, &made);
	if (output_card(s->out, card, key_card) != 0)
		r = COMMAND_FAILED;
	record_free(card);
out:
	token_work_close(&w);
	return r;
}

const struct command command_token_list = {
    .name = "token list",
    .summary = "list the tokens of a PKCS#11 module",
    .about = "Lists the tokens that a module sees now, with what their state "
	     "asks for and a URI that fits each alone: for --uri of the other "
	     "token commands and for sealpointd.conf(5). Needs no PIN.",
    .options = list_options,
    .run = list,
};

const struct command command_token_generate = {
    .name = "token generate",
    .summary = "make a key pair on a token",
    .about = "Makes a key pair on the token. The private key cannot leave it. "
	     "It signs, and if it is RSA it decrypts. Refused if an object of "
	     "the token has that label or id. The key has no certificate yet: "
	     "`token self-sign`, or `token request` and `token import`, bring "
	     "one. A PIN that the token refused is not sent to it again.",
    .options = generate_options,
    .run = generate,
};
