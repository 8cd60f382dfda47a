#include "mp/cli/command.h"

#include <string.h>

#include "version.h"

const struct option_def command_global_options[] = {
    {OPTION_AGENT, '\0', "agent", "SOCKET",
	"the agent's socket, not $SEALPOINT_AGENT or the default"},
    {OPTION_CONFIG, '\0', "config", "FILE",
	"settings, not the system's sealpoint.conf"},
    {OPTION_JSON, '\0', "json", NULL, "print JSON for programs"},
    {OPTION_VERBOSE, 'v', "verbose", NULL, "tell each step on standard error"},
    {OPTION_HELP, 'h', "help", NULL, "print this help"},
    {OPTION_VERSION, '\0', "version", NULL, "print the version"},
    {0},
};

const struct option_def command_mp_options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"the client's certificate, SHA-1 or SHA-256"},
    {OPTION_MP, '\0', "mp", "URL",
	"the management point, [http[s]://]HOST[:PORT]"},
    {OPTION_MODE, '\0', "mode", "native|mixed",
	"HTTPS with a PKI certificate, unless told, or signed messages over "
	"HTTP"},
    {OPTION_PORT, '\0', "port", "N",
	"its port, not 443 in native and 80 in mixed mode"},
    {OPTION_SITE, '\0', "site", "CODE", "the site's three characters"},
    {OPTION_NETBIOS, '\0', "netbios", "NAME", "this client's NetBIOS name"},
    {OPTION_FQDN, '\0', "fqdn", "NAME", "this client's full DNS name"},
    {OPTION_CLIENT_ID, '\0', "client-id", "SMSID",
	"the managed client that an ISV proxy speaks for"},
    {OPTION_INTERNET, '\0', "internet", "0|1|2",
	"on the intranet, on either side, always on the Internet"},
    {OPTION_CA, '\0', "ca", "PATH",
	"whom to trust for TLS: a file or directory"},
    {OPTION_MP_CERTS, '\0', "mp-certs", "PATH",
	"certificates that sign replies: a file or directory"},
    {OPTION_MP_SIGNATURE, '\0', "mp-signature", "required|tls",
	"must replies be signed, or will TLS do"},
    {OPTION_MP_HASH, '\0', "mp-hash", "sha256|sha1",
	"the weakest hash of replies' signatures; sha1 for old sites"},
    {OPTION_POLICY_HASH, '\0', "policy-hash", "no-tls|always",
	"when a policy must fit its assignment's hash: without TLS, or ever"},
    {OPTION_CRL, '\0', "crl", NULL,
	"refuse a management point whose certificate may be revoked"},
    {OPTION_ENCRYPT_CERTS, '\0', "encrypt-certs", "PATH",
	"encrypt uploads to these: of every management point that may get one"},
    {OPTION_CIPHER, '\0', "cipher", "3des|aes256",
	"of encrypted uploads; 3des unless told, which every site knows"},
    {OPTION_AUTH, '\0', "auth", "none|windows|alternate",
	"how the site wants HTTP authenticated"},
    {OPTION_AUTH_FILE, '\0', "auth-file", "FILE",
	"user:password for it, in a file that only its owner may read"},
    {OPTION_HTTP_PROXY, '\0', "http-proxy", "URL",
	"on the way of Internet-based clients"},
    {OPTION_HTTP_PROXY_AUTH, '\0', "http-proxy-auth", "FILE",
	"user:password for the HTTP proxy, likewise"},
    {OPTION_STATE, '\0', "state", "DIR",
	"where the client remembers its registration"},
    {OPTION_HASH, '\0', "hash", "sha1|sha256",
	"of message signatures; sha1 for old sites"},
    {OPTION_MAX_UPLOAD, '\0', "max-upload", "SIZE",
	"the largest message to send, 256M unless told, 1G at the most"},
    {OPTION_TLS_MAX, '\0', "tls-max", "1.2|1.3",
	"the highest TLS version to offer"},
    {OPTION_TIMEOUT, '\0', "timeout", "SECONDS",
	"for each exchange, 60 unless told"},
    {OPTION_STRICT_DATES, '\0', "strict-dates", NULL,
	"refuse a key whose certificate is out of its time"},
    {0},
};

const struct option_def command_no_options[] = {{0}};

const struct command *const command_table[] = {
    &command_keys,
    &command_cert_show,
    &command_cert_export,
    &command_cert_chain,
    &command_sign,
    &command_decrypt,
    &command_register,
    &command_policy_list,
    &command_policy_get,
    &command_policy_sync,
    &command_mp_list,
    &command_mp_info,
    &command_mp_certificate,
    &command_locate_content,
    &command_locate_wsus,
    &command_locate_mp,
    &command_locate_site,
    &command_locate_site_info,
    &command_send,
    &command_invoke,
    &command_post,
    &command_token_list,
    &command_token_generate,
    &command_token_self_sign,
    &command_token_request,
    &command_token_import,
    &command_status,
    &command_lock,
    &command_unlock,
    &command_reload,
    &command_doctor,
    &command_audit_verify,
    NULL,
};

/* A command line on its way to its command. */
struct line {
	struct options opt;
	struct conf set;
	struct output out;
	const struct command *command;
	int argc; /* what follows the command's name, itself as argv[0] */
	char **argv;
	char text[OPTIONS_TEXT_MAX];
};

static bool
is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; command_table[i] != NULL; i++) {
		if (strncmp(command_table[i]->name, word, len) == 0 &&
		    command_table[i]->name[len] == ' ')
			return true;
	}
	return false;
}

/* The command of one word, or of two. */
static const struct command *
find(const char *first, const char *second)
{
	size_t len = strlen(first);
	const char *name;

	for (size_t i = 0; command_table[i] != NULL; i++) {
		name = command_table[i]->name;
		if (second == NULL && strcmp(name, first) == 0)
			return command_table[i];
		if (second != NULL && strncmp(name, first, len) == 0 &&
		    name[len] == ' ' && strcmp(name + len + 1, second) == 0)
			return command_table[i];
	}
	return NULL;
}

/* The help of every command in a group, or of one. */
static int
help_words(struct line *l, const char *first)
{
	size_t len = strlen(first);
	const char *name;

	for (size_t i = 0; command_table[i] != NULL; i++) {
		name = command_table[i]->name;
		if (strncmp(name, first, len) == 0 && name[len] == ' ')
			fprintf(l->out.out, "  sealpoint %-18s %s\n", name,
			    command_table[i]->summary);
	}
	fprintf(
	    l->out.out, "\n`sealpoint %s COMMAND --help` says more.\n", first);
	return COMMAND_DONE;
}

static int
unknown(struct line *l, const char *what, const char *word)
{
	output_error(&l->out,
	    "there is no command %s%s%.64s. "
	    "`sealpoint --help` lists them",
	    what, *what == '\0' ? "" : " ", word);
	return COMMAND_USAGE;
}

/*
 * Finds the command that argv[at...] begins with. COMMAND_DONE without a
 * command: help was asked for, and given.
 */
static int
choose(struct line *l, int argc, char **argv, int at)
{
	const char *second = at + 1 < argc ? argv[at + 1] : NULL;

	l->command = find(argv[at], NULL);
	if (l->command == NULL && !is_group(argv[at]))
		return unknown(l, "", argv[at]);
	if (l->command == NULL && second != NULL &&
	    (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0))
		return help_words(l, argv[at]);
	if (l->command == NULL && (second == NULL || *second == '-')) {
		output_error(&l->out,
		    "%s: which command of these? "
		    "`sealpoint %s --help` lists them",
		    argv[at], argv[at]);
		return COMMAND_USAGE;
	}
	if (l->command == NULL) {
		l->command = find(argv[at], second);
		if (l->command == NULL)
			return unknown(l, argv[at], second);
		at++;
	}
	l->argc = argc - at;
	l->argv = argv + at;
	return COMMAND_DONE;
}

/* The options before the command, which are global ones. */
static int
parse_global(struct line *l, int argc, char **argv)
{
	const struct option_def *tables[] = {command_global_options, NULL};
	int at;

	if (options_parse(&l->opt, tables, true, argc, argv, &at, l->text) !=
	    0) {
		output_error(&l->out,
		    "%s. `sealpoint --help` lists the "
		    "options that may stand before a command",
		    l->text);
		return COMMAND_USAGE;
	}
	if (l->opt.given[OPTION_HELP]) {
		command_help_all(l->out.out);
		return COMMAND_DONE;
	}
	if (l->opt.given[OPTION_VERSION]) {
		fprintf(l->out.out, "sealpoint %s\n", SEALPOINT_VERSION);
		return COMMAND_DONE;
	}
	if (at < argc)
		return choose(l, argc, argv, at);
	output_error(&l->out, "which command? `sealpoint --help` lists them");
	return COMMAND_USAGE;
}

/* How many operands stand for themselves in "KIND [FILE]", and how many may. */
static void
count_operands(const char *text, int *least, int *most)
{
	*least = *most = 0;
	while (text != NULL && *text != '\0') {
		*least += *text != '[';
		*most += 1;
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
}

/* Are there as many operands as the command wants? */
static int
check_operands(struct line *l, struct session *s, int words)
{
	const char *name = l->command->operand;
	int least, most;

	count_operands(name, &least, &most);
	if (words > most)
		return session_usage(
		    s, "\"%.64s\" is one word too many", l->argv[l->argc - 1]);
	if (words >= least)
		return COMMAND_DONE;
	for (int i = 0; i < words; i++)
		name += strcspn(name, " ") + 1;
	return session_usage(s, "which %.*s? It follows the command",
	    (int)strcspn(name, " "), name);
}

/* The options and the operands after the command. */
static int
parse_own(struct line *l, struct session *s, const char **operand)
{
	const struct command *c = l->command;
	const struct option_def *tables[OPTIONS_TABLES_MAX + 1] = {c->options,
	    command_global_options, c->mp ? command_mp_options : NULL, NULL};
	int at, words;

	if (options_parse(
		&l->opt, tables, false, l->argc, l->argv, &at, l->text) != 0)
		return session_usage(s, "%s", l->text);
	l->out.json = l->opt.given[OPTION_JSON];
	l->out.verbose = l->opt.given[OPTION_VERBOSE];
	if (l->opt.given[OPTION_HELP])
		return COMMAND_DONE;
	words = l->argc - at;
	if (check_operands(l, s, words) != COMMAND_DONE)
		return COMMAND_USAGE;
	if (c->bytes && l->out.json)
		return session_usage(s, "what it writes is bytes, which "
					"--json cannot hold");
	s->words = l->argv + at;
	s->nwords = (size_t)words;
	*operand = words > 0 ? l->argv[at] : NULL;
	return COMMAND_DONE;
}

static int
run(struct line *l, const struct signer *lent)
{
	char text[CONF_TEXT_MAX];
	const char *operand = NULL;
	struct session s;
	int r;

	session_init(&s, &l->out, &l->opt, &l->set, l->command->name, lent);
	r = parse_own(l, &s, &operand);
	if (r != COMMAND_DONE)
		goto out;
	if (l->opt.given[OPTION_HELP]) {
		command_help(l->command, l->out.out);
		goto out;
	}
	if (conf_load(&l->set, l->opt.value[OPTION_CONFIG], command_mp_options,
		text) != 0) {
		output_error(&l->out, "%s", text);
		r = COMMAND_FAILED;
		goto out;
	}
	r = l->command->run(&s, operand);
out:
	session_close(&s);
	return r;
}

int
command_main(
    int argc, char **argv, FILE *out, FILE *err, const struct signer *lent)
{
	struct line l;
	int r;

	memset(&l, 0, sizeof(l));
	output_init(&l.out, out, err);
	r = parse_global(&l, argc, argv);
	if (r == COMMAND_DONE && l.command != NULL)
		r = run(&l, lent);
	conf_release(&l.set);
	if (output_finish(&l.out) != 0 && r == COMMAND_DONE)
		r = COMMAND_FAILED;
	return r;
}
