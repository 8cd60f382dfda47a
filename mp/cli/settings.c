#include "mp/cli/settings.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/tls1.h>

#include "mp/cli/command.h"
#include "mp/discover.h"
#include "mp/sealed.h"

#define PORT_MAX 65535
#define TIMEOUT_MAX 3600

bool
settings_say(const struct session *s, enum option_id id, const char *word)
{
	const char *value = session_value(s, id);

	return value != NULL && strcmp(value, word) == 0;
}

static bool
is_on(const struct session *s, enum option_id id)
{
	return s->opt->given[id] || settings_say(s, id, "yes");
}

static void
step(void *ctx, const char *what)
{
	struct session *s = ctx;

	output_step(s->out, what);
}

/* A number of the command line or else of the settings. */
static int
number(struct session *s, enum option_id id, unsigned least, unsigned most,
    unsigned *value)
{
	struct options o;
	char text[OPTIONS_TEXT_MAX];

	memset(&o, 0, sizeof(o));
	o.value[id] = session_value(s, id);
	if (options_number(&o, options_find(command_mp_options, id), least,
		most, value, text) == 0)
		return COMMAND_DONE;
	return session_usage(s, "%s", text);
}

int
settings_timeout(struct session *s, unsigned *ms)
{
	unsigned seconds = 0;
	int r = number(s, OPTION_TIMEOUT, 1, TIMEOUT_MAX, &seconds);

	*ms = seconds * 1000;
	return r;
}

int
settings_flags(struct session *s, bool *given, uint32_t *flags)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} known[] = {{"sign", MP_FLAG_SIGN}, {"encrypt", MP_FLAG_ENCRYPT},
	    {"crl", MP_FLAG_CRL}, {"compress", MP_FLAG_COMPRESS}, {"none", 0}};
	const char *p = s->opt->value[OPTION_FLAGS];
	bool none = false;
	size_t n, i;

	*given = p != NULL;
	*flags = 0;
	for (; p != NULL; p = p[n] == ',' ? p + n + 1 : NULL) {
		n = strcspn(p, ",");
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strlen(known[i].name) == n &&
			    strncmp(known[i].name, p, n) == 0)
				break;
		if (i == sizeof(known) / sizeof(known[0]))
			return session_usage(s,
			    "option --flags cannot have \"%.*s\": it is a "
			    "list of sign, encrypt, crl and compress with "
			    "commas between, or none",
			    (int)(n > 64 ? 64 : n), p);
		*flags |= known[i].flag;
		none = none || known[i].flag == 0;
	}
	if (none && strcmp(s->opt->value[OPTION_FLAGS], "none") != 0)
		return session_usage(s,
		    "option --flags has none and others beside it: none "
		    "stands alone");
	return COMMAND_DONE;
}

/* Who we are, and for whom we speak. */
static int
who(struct session *s, struct mp_client_config *cfg)
{
	unsigned internet = 0;
	int r;

	cfg->as = MP_AGENT_CLIENT;
	if (settings_say(s, OPTION_AS, "proxy"))
		cfg->as = MP_AGENT_PROXY;
	if (settings_say(s, OPTION_AS, "proxy-client"))
		cfg->as = MP_AGENT_PROXY_CLIENT;
	cfg->proxy_smsid = s->opt->value[OPTION_PROXY];
	cfg->client_id = s->opt->value[OPTION_CLIENT_ID];
	cfg->hint = s->opt->value[OPTION_HINT];
	cfg->hardware_id = s->opt->value[OPTION_HARDWARE_ID];
	cfg->want_smsid = s->opt->value[OPTION_SMSID];
	cfg->netbios = session_value(s, OPTION_NETBIOS);
	cfg->fqdn = session_value(s, OPTION_FQDN);
	r = number(s, OPTION_INTERNET, 0, 2, &internet);
	cfg->internet = (int)internet;
	return r;
}

/* How bytes get there: mode, port, authentication. */
static int
way(struct session *s, struct mp_client_config *cfg)
{
	uint32_t flags;
	bool given;
	int r;

	cfg->mode = settings_say(s, OPTION_MODE, "mixed") ? MP_MODE_MIXED
							  : MP_MODE_NATIVE;
	cfg->auth = MP_AUTH_NONE;
	if (settings_say(s, OPTION_AUTH, "windows"))
		cfg->auth = MP_AUTH_WINDOWS;
	if (settings_say(s, OPTION_AUTH, "alternate"))
		cfg->auth = MP_AUTH_ALTERNATE;
	cfg->auth_file = session_value(s, OPTION_AUTH_FILE);
	cfg->http_proxy = session_value(s, OPTION_HTTP_PROXY);
	cfg->http_proxy_file = session_value(s, OPTION_HTTP_PROXY_AUTH);
	cfg->tls_max =
	    settings_say(s, OPTION_TLS_MAX, "1.2") ? TLS1_2_VERSION : 0;
	r = settings_flags(s, &given, &flags);
	if (r != COMMAND_DONE)
		return r;
	cfg->crl = is_on(s, OPTION_CRL) || (flags & MP_FLAG_CRL) != 0;
	r = number(s, OPTION_PORT, 1, PORT_MAX, &cfg->port);
	if (r == COMMAND_DONE)
		r = settings_timeout(s, &cfg->timeout_ms);
	return r;
}

/* The largest message that is sent. */
static int
limit(struct session *s, struct mp_client_config *cfg)
{
	struct options o;
	char text[OPTIONS_TEXT_MAX];

	memset(&o, 0, sizeof(o));
	o.value[OPTION_MAX_UPLOAD] = session_value(s, OPTION_MAX_UPLOAD);
	if (options_size(&o,
		options_find(command_mp_options, OPTION_MAX_UPLOAD),
		MP_SEALED_MAX, &cfg->upload_max, text) == 0)
		return COMMAND_DONE;
	return session_usage(s, "%s", text);
}

/* Whom we believe, and how messages are sealed. */
static void
belief(struct session *s, struct mp_client_config *cfg)
{
	cfg->ca = session_value(s, OPTION_CA);
	cfg->mp_certs = session_value(s, OPTION_MP_CERTS);
	cfg->signature = settings_say(s, OPTION_MP_SIGNATURE, "tls")
			     ? MP_SIGNATURE_TLS
			     : MP_SIGNATURE_REQUIRED;
	cfg->mp_hash =
	    settings_say(s, OPTION_MP_HASH, "sha1") ? MP_SHA1 : MP_SHA256;
	cfg->policy_hash_rule = settings_say(s, OPTION_POLICY_HASH, "always")
				    ? MP_POLICY_HASH_ALWAYS
				    : MP_POLICY_HASH_NO_TLS;
	cfg->hash = settings_say(s, OPTION_HASH, "sha1") ? MP_SHA1 : MP_SHA256;
	cfg->encrypt_certs = session_value(s, OPTION_ENCRYPT_CERTS);
	cfg->cipher = settings_say(s, OPTION_CIPHER, "aes256")
			  ? MP_CIPHER_AES256
			  : MP_CIPHER_3DES;
	cfg->strict_dates = s->opt->given[OPTION_STRICT_DATES];
}

/* What the options say against each other. */
static int
check(struct session *s, bool believe, const struct mp_client_config *cfg)
{
	if (cfg->mp == NULL)
		return session_usage(s,
		    "which management point? Give --mp "
		    "https://HOST, or `url` in [mp] of sealpoint.conf");
	if (cfg->site == NULL)
		return session_usage(s, "which site? Give --site CODE, or "
					"`site` in [mp] of sealpoint.conf");
	if (cfg->mode == MP_MODE_MIXED && cfg->internet != 0)
		return session_usage(s,
		    "an Internet-based client (--internet %d) talks in native "
		    "mode only: leave out --mode mixed",
		    cfg->internet);
	if (cfg->mode == MP_MODE_MIXED && cfg->crl)
		return session_usage(s,
		    "revocation (--crl) is checked in native mode only, where "
		    "the management point has a TLS certificate");
	if (cfg->http_proxy != NULL && cfg->internet == 0)
		return session_usage(s,
		    "only Internet-based clients talk through an HTTP proxy: "
		    "give --internet 1 or 2, or leave out --http-proxy");
	if (cfg->auth_file != NULL && cfg->auth != MP_AUTH_WINDOWS)
		return session_usage(
		    s, "--auth-file is of no use without --auth windows");
	if (!believe || cfg->mp_certs != NULL)
		return COMMAND_DONE;
	if (cfg->signature == MP_SIGNATURE_REQUIRED)
		return session_usage(s,
		    "nothing to check the signatures of "
		    "replies by: give --mp-certs with the management point's "
		    "signing certificate%s",
		    cfg->mode == MP_MODE_MIXED
			? ""
			: ", or trust TLS alone with --mp-signature tls");
	return COMMAND_DONE;
}

int
settings_client(struct session *s, bool believe, struct mp_client_config *cfg)
{
	int r;

	memset(cfg, 0, sizeof(*cfg));
	cfg->mp = session_value(s, OPTION_MP);
	cfg->site = session_value(s, OPTION_SITE);
	cfg->step = step;
	cfg->step_ctx = s;
	belief(s, cfg);
	r = who(s, cfg);
	if (r == COMMAND_DONE)
		r = way(s, cfg);
	if (r == COMMAND_DONE)
		r = limit(s, cfg);
	if (r == COMMAND_DONE)
		r = check(s, believe, cfg);
	if (r == COMMAND_DONE && s->netbios[0] != '\0')
		cfg->netbios = s->netbios;
	if (r == COMMAND_DONE && s->fqdn[0] != '\0')
		cfg->fqdn = s->fqdn;
	return r == COMMAND_DONE ? session_state(s, &cfg->state_dir) : r;
}

int
settings_name(struct session *s)
{
	bool netbios = session_value(s, OPTION_NETBIOS) == NULL;
	bool fqdn = session_value(s, OPTION_FQDN) == NULL;
	struct mp_discovered *d;
	struct mp_error e = {0};
	int r;

	if (!netbios && !fqdn)
		return COMMAND_DONE;
	d = calloc(1, sizeof(*d));
	r = d == NULL ? mp_fail(&e, MP_ENOMEM, "out of memory")
		      : mp_discover(d, &e);
	if (r == MP_OK) {
		if (netbios)
			(void)snprintf(
			    s->netbios, sizeof(s->netbios), "%s", d->netbios);
		if (fqdn)
			(void)snprintf(s->fqdn, sizeof(s->fqdn), "%.*s",
			    MP_HOST_MAX - 1, d->fqdn);
	}
	free(d);
	return r == MP_OK ? COMMAND_DONE : session_mp_failed(s, &e);
}
