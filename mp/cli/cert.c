#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"

static const struct option_def show_options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"which certificate, SHA-1 or SHA-256"},
    {0},
};

static const struct option_def export_options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"which certificate, SHA-1 or SHA-256"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write it, standard output unless told"},
    {OPTION_DER, '\0', "der", NULL, "write DER, not PEM"},
    {0},
};

static const struct option_def chain_options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"which certificate, SHA-1 or SHA-256"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write it, standard output unless told"},
    {0},
};

static const struct output_column card[] = {
    {"subject", "subject"},
    {"issuer", "issuer"},
    {"serial", "serial"},
    {"not before", "not_before"},
    {"not after", "not_after"},
    {"key", "key"},
    {"token", "token"},
    {"mechanisms", "mechanisms"},
    {"uses", "uses"},
    {"thumbprint", "thumbprint"},
    {"sha256", "sha256"},
    {NULL, NULL},
};

static void
set_pem(struct record *r, const X509 *cert)
{
	char *pem = describe_pem(cert);

	record_set(r, "pem", pem);
	free(pem);
}

static int
leaf(struct session *s, struct signer_identity *id, X509 **cert)
{
	int r = session_identity(s, id);

	return r == COMMAND_DONE ? session_certificate(s, id, 0, cert) : r;
}

static int
show(struct session *s, const char *operand)
{
	struct signer_identity id;
	struct record *about;
	X509 *cert = NULL;
	int r;

	(void)operand;
	r = leaf(s, &id, &cert);
	if (r != COMMAND_DONE)
		return r;
	about = record_new();
	describe_identity(about, &id);
	describe_certificate(about, cert);
	set_pem(about, cert);
	r = session_card(s, about, card);
	X509_free(cert);
	return r;
}

static int
export_der(struct session *s, const X509 *cert)
{
	uint8_t *der = NULL;
	int len = i2d_X509(cert, &der), r;

	if (len <= 0) {
		output_error(s->out, "out of memory");
		return COMMAND_FAILED;
	}
	r = session_write(s, der, (size_t)len, 0644, false);
	OPENSSL_free(der);
	return r;
}

static int
export_cert(struct session *s, const char *operand)
{
	struct signer_identity id;
	X509 *cert = NULL;
	char *pem = NULL;
	int r;

	(void)operand;
	r = leaf(s, &id, &cert);
	if (r != COMMAND_DONE)
		return r;
	if (s->opt->given[OPTION_DER]) {
		r = export_der(s, cert);
		goto out;
	}
	pem = describe_pem(cert);
	if (pem == NULL) {
		output_error(s->out, "out of memory");
		r = COMMAND_FAILED;
		goto out;
	}
	r = session_write(s, (uint8_t *)pem, strlen(pem), 0644, true);
out:
	free(pem);
	X509_free(cert);
	return r;
}

/* Adds the PEM form to what pem holds so far. 0 or -1. */
static int
append_pem(char **pem, const X509 *cert)
{
	char *one = describe_pem(cert), *all = NULL;

	if (one == NULL ||
	    asprintf(&all, "%s%s", *pem == NULL ? "" : *pem, one) < 0) {
		free(one);
		return -1;
	}
	free(one);
	free(*pem);
	*pem = all;
	return 0;
}

static int
collect(struct session *s, const struct signer_identity *id,
    struct record *list, char **pem)
{
	for (unsigned depth = 0; depth < SIGNER_CHAIN_MAX; depth++) {
		struct record *row = NULL;
		X509 *cert = NULL;
		int r = session_certificate(s, id, depth, &cert);

		if (r != COMMAND_DONE || cert == NULL)
			return r;
		r = append_pem(pem, cert);
		row = record_new();
		describe_certificate(row, cert);
		describe_thumbprints(row, cert);
		set_pem(row, cert);
		record_append(list, row);
		X509_free(cert);
		if (r != 0) {
			output_error(s->out, "out of memory");
			return COMMAND_FAILED;
		}
	}
	return COMMAND_DONE;
}

static int
chain(struct session *s, const char *operand)
{
	struct signer_identity id;
	struct record *list = NULL;
	char *pem = NULL;
	int r;

	(void)operand;
	if (s->out->json && s->opt->given[OPTION_OUTPUT])
		return session_usage(s, "--json prints to standard output: "
					"leave out -o");
	r = session_identity(s, &id);
	if (r != COMMAND_DONE)
		return r;
	list = record_list_new();
	r = collect(s, &id, list, &pem);
	if (r == COMMAND_DONE && s->out->json)
		r = output_list(s->out, list, card) == 0 ? COMMAND_DONE
							 : COMMAND_FAILED;
	else if (r == COMMAND_DONE && pem != NULL)
		r = session_write(s, (uint8_t *)pem, strlen(pem), 0644, true);
	free(pem);
	record_free(list);
	return r;
}

const struct command command_cert_show = {
    .name = "cert show",
    .summary = "describe a key's certificate",
    .about = "Shows who the certificate is for, who issued it, how long it is "
	     "valid, and what its key can do.",
    .options = show_options,
    .run = show,
};

const struct command command_cert_export = {
    .name = "cert export",
    .summary = "write a key's certificate as PEM or DER",
    .about = "Writes the certificate. The private key stays on its token.",
    .options = export_options,
    .bytes = true,
    .run = export_cert,
};

const struct command command_cert_chain = {
    .name = "cert chain",
    .summary = "write a certificate and its issuers as PEM",
    .about =
	"Writes the certificate and those of its issuers that the token holds, "
	"the certificate first. With --json they are described as well.",
    .options = chain_options,
    .run = chain,
};
