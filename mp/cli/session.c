#include "mp/cli/session.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"
#include "mp/cli/file.h"
#include "mp/cli/settings.h"
#include "mp/cli/text.h"

#define SYSTEM_STATE "/var/lib/sealpoint"
#define EXAMPLE "9F3A11C0D2E4567890ABCDEF0123456789ABCDEF"

void
session_init(struct session *s, struct output *out, const struct options *opt,
    const struct conf *set, const char *command, const struct signer *lent)
{
	memset(s, 0, sizeof(*s));
	s->out = out;
	s->opt = opt;
	s->set = set;
	s->command = command;
	if (lent == NULL)
		return;
	s->signer = *lent;
	s->lent = true;
}

void
session_close(struct session *s)
{
	mp_client_close(s->mp);
	evp_close(s->evp);
	if (!s->lent)
		signer_close(&s->signer);
	free(s->state);
	memset(s, 0, sizeof(*s));
}

int
session_usage(struct session *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	output_error(s->out, "%s: %s. `sealpoint %s --help` says more",
	    s->command, text, s->command);
	return COMMAND_USAGE;
}

const char *
session_value(const struct session *s, enum option_id id)
{
	return s->opt->value[id] != NULL ? s->opt->value[id]
					 : s->set->value[id];
}

/* --agent, else $SEALPOINT_AGENT, else the settings, else the system's. */
const char *
session_agent(const struct session *s)
{
	const char *env = getenv("SEALPOINT_AGENT");

	if (s->opt->value[OPTION_AGENT] != NULL)
		return s->opt->value[OPTION_AGENT];
	if (env != NULL && *env != '\0')
		return NULL; /* the client looks there by itself */
	return s->set->value[OPTION_AGENT];
}

int
session_signer(struct session *s)
{
	struct signer_trouble why = {0};
	unsigned ms;
	int r;

	if (s->signer.ops != NULL)
		return COMMAND_DONE;
	r = settings_timeout(s, &ms);
	if (r != COMMAND_DONE)
		return r;
	if (client_open(&s->client, session_agent(s), ms, &why) != SIGNER_OK) {
		output_error(s->out, "%s", why.text);
		return COMMAND_FAILED;
	}
	client_signer(s->client, &s->signer);
	return COMMAND_DONE;
}

static int
parse_thumbprint(
    struct session *s, const char *text, uint8_t *thumb, size_t *len)
{
	if (text == NULL)
		return session_usage(s, "which key? Give its thumbprint with "
					"-k; `sealpoint keys` lists them");
	if (signer_thumbprint_parse(text, thumb, len) == SIGNER_OK)
		return COMMAND_DONE;
	return session_usage(s,
	    "\"%.96s\" is no thumbprint: 40 hexadecimal "
	    "digits (SHA-1) or 64 (SHA-256), such as " EXAMPLE,
	    text);
}

/* Words for a key that cannot be had. */
static int
missing(struct session *s, int err, const char *thumb,
    const struct signer_trouble *why)
{
	const char *hint = "";

	if (err == SIGNER_ENOKEY && strstr(why->text, "sealpoint keys") == NULL)
		hint = ". `sealpoint keys` lists the keys that you may use";
	if (err == SIGNER_EAMBIGUOUS)
		hint = ". Give the SHA-256 thumbprint of the one you mean; "
		       "`sealpoint keys --json` lists them";
	output_error(s->out, "key %.96s: %s%s", thumb, why->text, hint);
	return COMMAND_FAILED;
}

int
session_identity(struct session *s, struct signer_identity *id)
{
	const char *text = s->opt->value[OPTION_KEY];
	uint8_t thumb[SIGNER_SHA256_LEN];
	struct signer_trouble why = {0};
	size_t len;
	int r;

	r = parse_thumbprint(s, text, thumb, &len);
	if (r == COMMAND_DONE)
		r = session_signer(s);
	if (r != COMMAND_DONE)
		return r;
	r = signer_find(&s->signer, thumb, len, id, &why);
	return r == SIGNER_OK ? COMMAND_DONE : missing(s, r, text, &why);
}

int
session_certificate(struct session *s, const struct signer_identity *id,
    unsigned depth, X509 **cert)
{
	uint8_t der[SIGNER_CERT_MAX];
	const uint8_t *p = der;
	size_t len = sizeof(der);
	char thumb[2 * SIGNER_SHA1_LEN + 1];
	struct signer_trouble why = {0};
	int r;

	*cert = NULL;
	describe_hex(id->sha1, sizeof(id->sha1), thumb);
	r = signer_certificate(&s->signer, id->sha256, depth, der, &len, &why);
	if (r == SIGNER_ENOKEY && depth > 0)
		return COMMAND_DONE;
	if (r != SIGNER_OK)
		return missing(s, r, thumb, &why);
	*cert = d2i_X509(NULL, &p, (long)len);
	if (*cert != NULL)
		return COMMAND_DONE;
	output_error(s->out,
	    "key %s: certificate %u of its chain cannot be "
	    "read: it is no X.509 certificate in DER. Store it on the token "
	    "again",
	    thumb, depth);
	return COMMAND_FAILED;
}

/* OpenSSL's side of the agent's keys. */
static int
open_evp(struct session *s)
{
	struct signer_trouble why = {0};

	if (s->evp != NULL || evp_open(&s->evp, &why) == SIGNER_OK)
		return COMMAND_DONE;
	output_error(s->out, "%s", why.text);
	return COMMAND_FAILED;
}

int
session_key(struct session *s, const struct signer_identity *id, X509 *cert,
    EVP_PKEY **key)
{
	struct signer_trouble why = {0};
	char thumb[2 * SIGNER_SHA1_LEN + 1];
	int r;

	*key = NULL;
	r = open_evp(s);
	if (r != COMMAND_DONE)
		return r;
	r = evp_key(s->evp, &s->signer, id, cert, key, &why);
	if (r == SIGNER_OK)
		return COMMAND_DONE;
	describe_hex(id->sha1, sizeof(id->sha1), thumb);
	return missing(s, r, thumb, &why);
}

/* Directory of the client's state if nobody names one; NULL: no memory. */
static char *
default_state(void)
{
	const char *base = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *dir = NULL;
	int n;

	if (geteuid() == 0)
		return strdup(SYSTEM_STATE);
	if (base != NULL && *base == '/')
		n = asprintf(&dir, "%s/sealpoint", base);
	else
		n = asprintf(&dir, "%s/.local/state/sealpoint",
		    home == NULL ? "" : home);
	return n < 0 ? NULL : dir;
}

/* Makes the directories above dir; a failure shows when it is opened. */
static void
make_parents(char *dir)
{
	for (char *p = strchr(dir + 1, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(dir, 0700);
		*p = '/';
	}
}

int
session_state(struct session *s, const char **dir)
{
	*dir = session_value(s, OPTION_STATE);
	if (*dir != NULL)
		return COMMAND_DONE;
	if (s->state == NULL)
		s->state = default_state();
	if (s->state == NULL) {
		output_error(s->out, "out of memory");
		return COMMAND_FAILED;
	}
	make_parents(s->state);
	*dir = s->state;
	return COMMAND_DONE;
}

int
session_mp(struct session *s, bool believe)
{
	uint8_t thumb[SIGNER_SHA256_LEN];
	struct mp_client_config cfg;
	struct mp_error e = {0};
	size_t len;
	int r;

	r = parse_thumbprint(s, session_value(s, OPTION_KEY), thumb, &len);
	if (r == COMMAND_DONE)
		r = settings_client(s, believe, &cfg);
	if (r == COMMAND_DONE)
		r = session_signer(s);
	if (r == COMMAND_DONE)
		r = open_evp(s);
	if (r != COMMAND_DONE)
		return r;
	if (mp_client_open(&s->mp, &cfg, s->evp, &s->signer, thumb, len, &e) !=
	    MP_OK)
		return session_mp_failed(s, &e);
	if (mp_client_warning(s->mp) != NULL)
		output_warning(s->out, "%s", mp_client_warning(s->mp));
	return COMMAND_DONE;
}

int
session_mp_failed(struct session *s, const struct mp_error *e)
{
	output_error(
	    s->out, "%s", e->text[0] != '\0' ? e->text : mp_strerror(e->code));
	return COMMAND_FAILED;
}

void
session_tell_proof(struct session *s)
{
	const char *proof = mp_client_proof(s->mp);

	if (proof != NULL && strcmp(proof, "tls") == 0)
		output_note(s->out, "The reply carried no signature: only "
				    "TLS vouches for it (--mp-signature tls).");
}

/* Does -o leave the output to standard output, and is that a terminal? */
static bool
to_terminal(const struct session *s)
{
	const char *path = s->opt->value[OPTION_OUTPUT];
	int fd = fileno(s->out->out);

	return (path == NULL || strcmp(path, "-") == 0) && fd >= 0 &&
	       isatty(fd);
}

int
session_may_write(struct session *s)
{
	if (!to_terminal(s))
		return COMMAND_DONE;
	return session_usage(s, "will not write bytes to a terminal: name a "
				"file with -o, or redirect standard output");
}

int
session_card(struct session *s, struct record *about,
    const struct output_column *columns)
{
	int printed = output_card(s->out, about, columns);

	record_free(about);
	return printed == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

int
session_list(
    struct session *s, struct record *list, const struct output_column *columns)
{
	int printed = output_list(s->out, list, columns);

	record_free(list);
	return printed == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

void
session_print(struct session *s, const uint8_t *data, size_t len)
{
	int fd = fileno(s->out->out);

	if (len == 0)
		return;
	if (fd < 0 || !isatty(fd)) {
		/* output_finish() tells of a failure. */
		(void)fwrite(data, 1, len, s->out->out);
		return;
	}
	text_put(s->out->out, (const char *)data, len, true);
	if (data[len - 1] != '\n')
		fputc('\n', s->out->out);
}

int
session_write(struct session *s, const uint8_t *data, size_t len, unsigned mode,
    bool text)
{
	const char *path = s->opt->value[OPTION_OUTPUT];
	char why[FILE_TEXT_MAX];

	if (to_terminal(s) && !text)
		return session_may_write(s);
	if (path == NULL || strcmp(path, "-") == 0) {
		session_print(s, data, len);
		return COMMAND_DONE;
	}
	if (file_write(path, mode, data, len, why) == 0)
		return COMMAND_DONE;
	output_error(s->out, "%s", why);
	return COMMAND_FAILED;
}
