#include <stdlib.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"

#define PAGE 32 /* identities asked for at once */

static const struct output_column columns[] = {
    {"THUMBPRINT", "thumbprint"},
    {"KEY", "key"},
    {"EXPIRES", "not_after"},
    {"TOKEN", "token"},
    {"USES", "uses"},
    {"SUBJECT", "subject"},
    {NULL, NULL},
};

/* One row. A certificate that cannot be had leaves its fields empty. */
static int
add(struct session *s, struct record *list, const struct signer_identity *id)
{
	static const char *const fields[] = {
	    "subject", "issuer", "serial", "not_before", "not_after"};
	struct record *row = record_new();
	X509 *cert = NULL;
	int r;

	describe_identity(row, id);
	r = session_certificate(s, id, 0, &cert);
	if (cert != NULL)
		describe_certificate(row, cert);
	for (size_t i = 0; cert == NULL && i < 5; i++)
		record_set(row, fields[i], NULL);
	X509_free(cert);
	record_append(list, row);
	return r;
}

static int
collect(struct session *s, struct record *list)
{
	struct signer_identity ids[PAGE];
	struct signer_trouble why = {0};
	int worst = COMMAND_DONE, r;
	size_t from = 0, n;

	do {
		if (signer_list(&s->signer, from, ids, PAGE, &n, &why) !=
		    SIGNER_OK) {
			output_error(
			    s->out, "the keys cannot be listed: %s", why.text);
			return COMMAND_FAILED;
		}
		for (size_t i = 0; i < n; i++) {
			r = add(s, list, &ids[i]);
			worst = r == COMMAND_DONE ? worst : r;
		}
		from += n;
	} while (n > 0);
	return worst;
}

static int
keys(struct session *s, const char *operand)
{
	struct record *list = NULL;
	int r;

	(void)operand;
	r = session_signer(s);
	if (r != COMMAND_DONE)
		return r;
	list = record_list_new();
	r = collect(s, list);
	if (r == COMMAND_DONE && record_count(list) == 0)
		output_note(s->out,
		    "No keys: the agent holds none, or allows "
		    "you none. `sealpoint status` tells which tokens it has; "
		    "[allow] in sealpointd.conf(5) says who may use what.");
	if (r == COMMAND_DONE || record_count(list) > 0) {
		if (output_list(s->out, list, columns) != 0)
			r = COMMAND_FAILED;
	}
	record_free(list);
	return r;
}

const struct command command_keys = {
    .name = "keys",
    .summary = "list the keys that you may use",
    .about = "Lists the certificates whose private keys the agent holds and "
	     "lets you use. The thumbprint is what -k of other commands takes. "
	     "With --json all there is to know of each key.",
    .options = command_no_options,
    .run = keys,
};
