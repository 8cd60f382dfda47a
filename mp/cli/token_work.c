#include "mp/cli/token_work.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
read_id(struct token_work *w, const char *hex)
{
	size_t len = strlen(hex);
	int high, low;

	if (len % 2 != 0 || len > 2 * sizeof(w->id))
		goto bad;
	for (size_t i = 0; i < len / 2; i++) {
		high = digit(hex[2 * i]);
		low = digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			goto bad;
		w->id[i] = (uint8_t)(high << 4 | low);
	}
	w->choice.id = w->id;
	w->choice.idlen = len / 2;
	return COMMAND_DONE;
bad:
	return session_usage(w->s,
	    "--id cannot be \"%.64s\": it is 1 to %d bytes in hexadecimal", hex,
	    PROVISION_ID_MAX);
}

static int
read_label(struct token_work *w, const char *label)
{
	if (strlen(label) > PROVISION_LABEL_MAX)
		return session_usage(w->s,
		    "--label is too long: at most %d bytes",
		    PROVISION_LABEL_MAX);
	w->choice.label = label;
	return COMMAND_DONE;
}

int
token_work_read(struct token_work *w, struct session *s)
{
	const char *const *value = s->opt->value;
	int r = COMMAND_DONE;

	memset(w, 0, sizeof(*w));
	w->s = s;
	if (value[OPTION_MODULE] == NULL)
		return session_usage(s, "which module? Give --module with a "
					"path or a name that p11-kit knows");
	if (value[OPTION_URI] == NULL)
		return session_usage(s, "which token? Give --uri; `sealpoint "
					"token list` shows them");
	if (value[OPTION_PIN] == NULL)
		return session_usage(s, "where does the PIN come from? Give "
					"--pin " PIN_SOURCES);
	/* What was typed may be the PIN itself, and is not repeated. */
	if (!pin_source_ok(value[OPTION_PIN]))
		return session_usage(s,
		    "--pin says where the PIN comes from: " PIN_SOURCES
		    ". A PIN itself is seen by everybody on a "
		    "command line");
	if (value[OPTION_LABEL] != NULL)
		r = read_label(w, value[OPTION_LABEL]);
	if (r == COMMAND_DONE && value[OPTION_ID] != NULL)
		r = read_id(w, value[OPTION_ID]);
	return r;
}

int
token_work_need_choice(struct token_work *w)
{
	if (w->choice.label != NULL || w->choice.idlen > 0)
		return COMMAND_DONE;
	return session_usage(w->s, "which key? Give --label or --id");
}

/* The file that remembers refused PINs. */
static int
choose_guard(struct token_work *w)
{
	const char *dir;
	int r = session_state(w->s, &dir), n;

	if (r != COMMAND_DONE)
		return r;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		output_error(w->s->out,
		    "%s: cannot be made: %s. Refused PINs are remembered "
		    "there; choose another directory with --state",
		    dir, strerror(errno));
		return COMMAND_FAILED;
	}
	n = snprintf(w->guard, sizeof(w->guard), "%s/token.guard", dir);
	if (n > 0 && (size_t)n < sizeof(w->guard))
		return COMMAND_DONE;
	output_error(w->s->out,
	    "the state directory's name is too long: choose another with "
	    "--state");
	return COMMAND_FAILED;
}

/* Lent for the login alone: no key here is used more than once. */
static int
lend(void *ctx, enum token_pin_use use, const uint8_t **pin, size_t *len,
    char *text, size_t textlen)
{
	(void)use;
	return pin_get(ctx, pin, len, text, textlen);
}

int
token_work_open(struct token_work *w)
{
	struct provision_config cfg = {0};
	struct token_trouble why = {0};
	int r = choose_guard(w);

	if (r != COMMAND_DONE)
		return r;
	cfg.module = w->s->opt->value[OPTION_MODULE];
	cfg.uri = w->s->opt->value[OPTION_URI];
	if (pin_init(&w->pin, w->s->opt->value[OPTION_PIN], cfg.uri) != 0) {
		output_error(w->s->out,
		    "no memory can be locked for the PIN: %s. Raise the limit "
		    "that `ulimit -l` shows",
		    strerror(errno));
		return COMMAND_FAILED;
	}
	pin_advice(&w->pin, w->advice, sizeof(w->advice));
	cfg.guard = w->guard;
	cfg.what_to_do = w->advice;
	cfg.pin.get = lend;
	cfg.pin.put = pin_put;
	cfg.pin.ctx = &w->pin;
	output_step(w->s->out, "logging in to the token");
	r = provision_open(&w->p, &cfg, &why);
	/* The login was all that it was for. */
	pin_release(&w->pin);
	return r == TOKEN_OK ? COMMAND_DONE : token_work_failed(w->s, &why);
}

void
token_work_close(struct token_work *w)
{
	pin_release(&w->pin);
	provision_close(w->p);
	w->p = NULL;
}

int
token_work_failed(struct session *s, const struct token_trouble *why)
{
	output_error(s->out, "%s", why->text);
	return COMMAND_FAILED;
}

void
token_work_describe(struct record *r, const struct provision_key *key)
{
	char hex[2 * PROVISION_ID_MAX + 1], kind[32];

	describe_hex(key->id, key->idlen, hex);
	(void)snprintf(kind, sizeof(kind), "%s%u",
	    key->type == TOKEN_RSA  ? "rsa-"
	    : key->type == TOKEN_EC ? "ec-p"
				    : "ed",
	    (unsigned)key->bits);
	if (key->type == TOKEN_ED25519)
		(void)snprintf(kind, sizeof(kind), "ed25519");
	record_set(r, "label", key->label);
	record_set(r, "id", hex);
	record_set(r, "key", kind);
	record_set(r, "uri", key->uri);
}
