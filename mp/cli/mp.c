#include <stdlib.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"

static const struct output_column list_columns[] = {
    {"NAME", "name"},
    {"FQDN", "fqdn"},
    {"SITE", "site"},
    {"VERSION", "version"},
    {"SSLSTATE", "ssl_state"},
    {NULL, NULL},
};

static const struct output_column info_columns[] = {
    {"machine", "machine"},
    {"fqdn", "fqdn"},
    {"site", "site"},
    {"assignment site", "assignment_site"},
    {"certificate", "thumbprint"},
    {"root key", "root_key"},
    {NULL, NULL},
};

static const struct output_column certificate_columns[] = {
    {"PURPOSE", "purpose"},
    {"THUMBPRINT", "thumbprint"},
    {"EXPIRES", "not_after"},
    {"SUBJECT", "subject"},
    {NULL, NULL},
};

static const struct option_def certificate_options[] = {
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"write the signing certificate there, as PEM"},
    {0},
};

static int
list(struct session *s, const char *operand)
{
	struct record *rows = NULL;
	struct mp_list all = {0};
	struct mp_error e = {0};
	int r;

	(void)operand;
	r = session_mp(s, false);
	if (r != COMMAND_DONE)
		return r;
	if (mp_client_mp_list(s->mp, &all, &e) != MP_OK)
		return session_mp_failed(s, &e);
	rows = record_list_new();
	for (size_t i = 0; i < all.count; i++) {
		struct record *row = record_new();

		record_set(row, "name", all.list[i].name);
		record_set(row, "fqdn", all.list[i].fqdn);
		record_set(row, "site", all.list[i].site);
		record_set(row, "version", all.list[i].version);
		record_set_number(row, "ssl_state", all.list[i].ssl_state);
		record_append(rows, row);
	}
	r = session_list(s, rows, list_columns);
	mp_list_release(&all);
	return r;
}

/* A certificate's description and itself. */
static void
describe(struct record *r, const X509 *cert)
{
	char *pem = describe_pem(cert);

	describe_thumbprints(r, cert);
	describe_certificate(r, cert);
	record_set(r, "pem", pem);
	free(pem);
}

static int
info(struct session *s, const char *operand)
{
	struct mp_key_information k = {0};
	struct record *about;
	struct mp_error e = {0};
	int r;

	(void)operand;
	r = session_mp(s, false);
	if (r != COMMAND_DONE)
		return r;
	if (mp_client_key_information(s->mp, &k, &e) != MP_OK)
		return session_mp_failed(s, &e);
	about = record_new();
	record_set(about, "machine", k.machine);
	record_set(about, "fqdn", k.fqdn);
	record_set(about, "site", k.site);
	record_set(about, "assignment_site", k.assignment_site);
	record_set(about, "root_key", k.root_key);
	record_set(about, "thumbprint", NULL);
	if (k.cert != NULL)
		describe(about, k.cert);
	r = session_card(s, about, info_columns);
	mp_key_information_release(&k);
	return r;
}

static void
add(struct record *rows, const char *purpose, const X509 *cert)
{
	struct record *row;

	if (cert == NULL)
		return;
	row = record_new();
	record_set(row, "purpose", purpose);
	describe(row, cert);
	record_append(rows, row);
}

static int
print_certificates(struct session *s, const struct mp_certificates *all)
{
	struct record *rows = record_list_new();

	add(rows, "signing", all->signing);
	add(rows, "encryption", all->encryption);
	add(rows, "site", all->site);
	return session_list(s, rows, certificate_columns);
}

/* Saves what may be pinned, and warns that nobody vouched for it. */
static int
save(struct session *s, const X509 *signing)
{
	char *pem;
	int r;

	if (s->opt->value[OPTION_OUTPUT] == NULL)
		return COMMAND_DONE;
	if (signing == NULL) {
		output_error(s->out,
		    "the management point names no signing "
		    "certificate, so there is nothing to write. Get it from "
		    "the site's administrator");
		return COMMAND_FAILED;
	}
	pem = describe_pem(signing);
	if (pem == NULL) {
		output_error(s->out, "out of memory");
		return COMMAND_FAILED;
	}
	r = session_write(s, (uint8_t *)pem, strlen(pem), 0644, true);
	free(pem);
	if (r == COMMAND_DONE)
		output_note(s->out,
		    "Compare its thumbprint with the one that "
		    "the site's console shows before --mp-certs names it.");
	return r;
}

static int
certificate(struct session *s, const char *operand)
{
	const char *path = s->opt->value[OPTION_OUTPUT];
	struct mp_certificates all = {0};
	struct mp_error e = {0};
	int r;

	(void)operand;
	if (path != NULL && strcmp(path, "-") == 0 && s->out->json)
		return session_usage(s, "--json prints to standard output: "
					"name a file with -o, or leave it out");
	r = session_mp(s, false);
	if (r != COMMAND_DONE)
		return r;
	if (mp_client_certificates(s->mp, &all, &e) != MP_OK)
		return session_mp_failed(s, &e);
	if (path == NULL || strcmp(path, "-") != 0)
		r = print_certificates(s, &all);
	if (r == COMMAND_DONE)
		r = save(s, all.signing);
	mp_certificates_release(&all);
	return r;
}

const struct command command_mp_list = {
    .name = "mp list",
    .summary = "list the site's management points",
    .about = "Shows the management points that this one knows. The list is not "
	     "signed: only TLS vouches for it.",
    .options = command_no_options,
    .mp = true,
    .run = list,
};

const struct command command_mp_info = {
    .name = "mp info",
    .summary = "show what a management point says of itself",
    .about = "Shows the management point's names, site, certificate and the "
	     "site's root key. None of it is signed in a way that can be "
	     "checked: only TLS vouches for it.",
    .options = command_no_options,
    .mp = true,
    .run = info,
};

const struct command command_mp_certificate = {
    .name = "mp certificate",
    .summary = "show a management point's certificates",
    .about = "Shows the certificates that the management point signs and "
	     "encrypts with, and the site's. With -o the signing one is "
	     "written to a file that --mp-certs may name, once its thumbprint "
	     "was compared with what the site's console shows.",
    .options = certificate_options,
    .mp = true,
    .run = certificate,
};
