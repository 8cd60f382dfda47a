#include <strings.h>

#include "mp/cli/command.h"
#include "mp/cli/settings.h"

#define WAIT_DEFAULT 300
#define WAIT_MAX 86400

static const struct option_def options[] = {
    {OPTION_AS, '\0', "as", "client|proxy|proxy-client",
	"what registers: a client of its own, an ISV proxy, a proxy's client"},
    {OPTION_PROXY, '\0', "proxy", "SMSID",
	"of a proxy's client: the proxy's id, if it registered elsewhere"},
    {OPTION_SMSID, '\0', "smsid", "SMSID",
	"the id to ask for, which the site may or may not give"},
    {OPTION_HARDWARE_ID, '\0', "hardware-id", "ID",
	"the hardware's id, 2: and 40 hexadecimal digits"},
    {OPTION_HINT, '\0', "hint", "TEXT",
	"the registration hint of an earlier certificate"},
    {OPTION_WAIT, '\0', "wait", "SECONDS",
	"how long to ask again while pending, 300 unless told"},
    {0},
};

static const struct output_column card[] = {
    {"smsid", "smsid"},
    {"status", "status"},
    {"approval", "approval"},
    {"already registered", "already"},
    {"proof", "proof"},
    {NULL, NULL},
};

static const char *
status_name(enum mp_registration_status status)
{
	switch (status) {
	case MP_REGISTERED:
		return "registered";
	case MP_REG_PENDING:
		return "pending";
	case MP_REG_RESET:
		return "reset";
	case MP_REG_REJECTED:
		return "rejected";
	case MP_REG_CERT_RESET:
		return "certificate-reset";
	case MP_REG_NONE:
		return "none";
	}
	return "unknown";
}

static const char *
approval_name(int approval)
{
	switch (approval) {
	case 0:
		return "pending";
	case 1:
		return "approved";
	case 2:
		return "not-applicable";
	default:
		return "unknown";
	}
}

/* The registration, and how we know of it. */
static int
print(struct session *s, const struct mp_state_client *c, bool already)
{
	struct record *about = record_new();

	record_set(about, "smsid", c->smsid);
	record_set(about, "status", status_name(c->status));
	record_set(about, "approval", approval_name(c->approval));
	record_set_bool(about, "already", already);
	record_set(about, "proof", mp_client_proof(s->mp));
	return session_card(s, about, card);
}

/* Names that change nothing, or that nobody gave, should not go unseen. */
static void
tell_names(struct session *s, const struct mp_state_client *c, bool already)
{
	const char *netbios = s->opt->value[OPTION_NETBIOS];
	const char *fqdn = s->opt->value[OPTION_FQDN];

	if (already && c->netbios[0] != '\0' &&
	    ((netbios != NULL && strcasecmp(netbios, c->netbios) != 0) ||
		(fqdn != NULL && strcasecmp(fqdn, c->fqdn) != 0)))
		output_note(s->out,
		    "It is registered as %s, %s; other names change nothing.",
		    c->netbios, c->fqdn);
	if (already || (s->netbios[0] == '\0' && s->fqdn[0] == '\0'))
		return;
	output_note(s->out,
	    "Registered under this machine's names, %s and %s; --netbios and "
	    "--fqdn give others.",
	    s->netbios[0] == '\0' ? session_value(s, OPTION_NETBIOS)
				  : s->netbios,
	    s->fqdn[0] == '\0' ? session_value(s, OPTION_FQDN) : s->fqdn);
}

static int
check(struct session *s, unsigned *wait_s)
{
	bool managed = settings_say(s, OPTION_AS, "proxy-client");
	char text[OPTIONS_TEXT_MAX];

	if (!managed && s->opt->value[OPTION_PROXY] != NULL)
		return session_usage(s, "--proxy goes with --as proxy-client");
	if (session_value(s, OPTION_CLIENT_ID) != NULL)
		return session_usage(s,
		    "--client-id is for what a registered client sends; "
		    "--smsid asks for an id");
	if (managed && (s->opt->value[OPTION_NETBIOS] == NULL ||
			   s->opt->value[OPTION_FQDN] == NULL))
		return session_usage(s, "under which names? A managed client "
					"has its own: give --netbios and "
					"--fqdn");
	if (options_number(s->opt, options_find(options, OPTION_WAIT), 0,
		WAIT_MAX, wait_s, text) != 0)
		return session_usage(s, "%s", text);
	return COMMAND_DONE;
}

static int
registration(struct session *s, const char *operand)
{
	struct mp_state_client client = {.smsid = ""};
	struct mp_error e = {0};
	unsigned wait_s = WAIT_DEFAULT;
	bool already = false;
	int r, did;

	(void)operand;
	r = check(s, &wait_s);
	if (r == COMMAND_DONE)
		r = settings_name(s);
	if (r == COMMAND_DONE)
		r = session_mp(s, true);
	if (r != COMMAND_DONE)
		return r;
	did = mp_client_register(s->mp, wait_s, &client, &already, &e);
	if (did != MP_OK && did != MP_EPENDING)
		return session_mp_failed(s, &e);
	r = print(s, &client, already);
	session_tell_proof(s);
	tell_names(s, &client, already);
	return did == MP_OK ? r : session_mp_failed(s, &e);
}

const struct command command_register = {
    .name = "register",
    .summary = "register this client with a management point",
    .about = "Registers the key's certificate with the site, and asks again "
	     "while the answer is \"pending\". What was reached is remembered "
	     "in the state directory: run again, it goes on from there, or "
	     "says that the client is registered already. The exit status is 1 "
	     "while the registration is pending. An ISV proxy registers "
	     "with --as proxy, and each client that it speaks for with --as "
	     "proxy-client and its own names.",
    .options = options,
    .mp = true,
    .run = registration,
};
