#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "agent/auditcheck.h"
#include "mp/certs.h"
#include "mp/cli/command.h"
#include "mp/cli/file.h"

#define FINDINGS_MAX 100 /* that are told; all are counted */
#define PIECE 65536

/* One verification. */
struct work {
	struct session *s;
	struct record *about;
	const char *file; /* being read */
	STACK_OF(X509) * certs;
	struct auditcheck *check;
	struct auditcheck_sum sum;
	uint64_t told, done, all; /* findings; bytes */
};

static const struct option_def verify_options[] = {
    {OPTION_FILE, '\0', "file", "FILE...",
	"a file of the log; several in their order, the oldest first"},
    {OPTION_CERT, '\0', "cert", "FILE...",
	"the certificate of a key that seals: seals must be by one of these"},
    {OPTION_HEAD, '\0', "head", "FILE",
	"audit-head of the agent's state directory: the log must reach so far"},
    {0},
};

static const struct output_column columns[] = {
    {"records", "records"},
    {"first", "first"},
    {"last", "last"},
    {"seals", "seals"},
    {"seals checked", "checked"},
    {"sealed up to", "sealed"},
    {"uses without end", "unended"},
    {"faults", "faults"},
    {NULL, NULL},
};

static void
found(void *ctx, enum auditcheck_grade grade, uint64_t line, const char *text)
{
	struct work *w = ctx;
	char where[FILE_TEXT_MAX + AUDITCHECK_TEXT_MAX];

	if (line != 0)
		(void)snprintf(where, sizeof(where), "%s:%" PRIu64 ": %s",
		    w->file, line, text);
	else
		(void)snprintf(where, sizeof(where), "%s: %s", w->file, text);
	if (grade == AUDITCHECK_NOTE) {
		output_note(w->s->out, "note: %s", where);
		return;
	}
	if (w->told++ >= FINDINGS_MAX)
		return;
	record_add_word(w->about, "findings", where);
	output_error(w->s->out, "%s", where);
}

static X509 *
find_cert(const struct work *w, const uint8_t key[SIGNER_SHA256_LEN])
{
	uint8_t thumb[EVP_MAX_MD_SIZE];
	unsigned len;

	for (int i = 0; i < sk_X509_num(w->certs); i++) {
		X509 *cert = sk_X509_value(w->certs, i);

		if (X509_digest(cert, EVP_sha256(), thumb, &len) == 1 &&
		    len == SIGNER_SHA256_LEN && memcmp(thumb, key, len) == 0)
			return cert;
	}
	return NULL;
}

/* Is that the signature of the text, by the certificate's key? */
static bool
signed_by(
    const struct audit_record *r, X509 *cert, const char *text, size_t len)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *form = NULL;
	bool plain = r->scheme == SIGNER_EDDSA, good = false;

	if (key == NULL || ctx == NULL ||
	    EVP_DigestVerifyInit(
		ctx, &form, plain ? NULL : EVP_sha256(), NULL, key) != 1)
		goto out;
	if (r->scheme == SIGNER_RSA_PSS &&
	    (EVP_PKEY_CTX_set_rsa_padding(form, RSA_PKCS1_PSS_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(
		    form, RSA_PSS_SALTLEN_DIGEST) != 1))
		goto out;
	good = EVP_DigestVerify(ctx, r->sig.data, (size_t)r->sig.len,
		   (const uint8_t *)text, len) == 1;
out:
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static enum auditcheck_seal
judge(void *ctx, const struct audit_record *r, const char *text, size_t len)
{
	const struct work *w = ctx;
	X509 *cert = find_cert(w, r->key);

	if (sk_X509_num(w->certs) <= 0)
		return AUDITCHECK_UNKNOWN;
	if (cert == NULL)
		return AUDITCHECK_STRANGE;
	return signed_by(r, cert, text, len) ? AUDITCHECK_GOOD : AUDITCHECK_BAD;
}

static int
no_memory(struct work *w)
{
	output_error(w->s->out, "out of memory");
	return COMMAND_FAILED;
}

static int
load_certs(struct work *w, const char *path)
{
	STACK_OF(X509) *more = NULL;
	struct mp_error e;
	X509 *cert;

	if (mp_certs_load(&more, path, "certificates of sealing keys", &e) !=
	    0) {
		output_error(w->s->out, "%s", e.text);
		return COMMAND_FAILED;
	}
	while ((cert = sk_X509_shift(more)) != NULL)
		if (sk_X509_push(w->certs, cert) <= 0)
			X509_free(cert);
	sk_X509_free(more);
	return COMMAND_DONE;
}

static int
load_head(struct work *w, struct audit_chain *head)
{
	const char *path = w->s->opt->value[OPTION_HEAD];
	char text[FILE_TEXT_MAX];
	uint8_t *data = NULL;
	size_t len;
	int r = COMMAND_FAILED;

	memset(head, 0, sizeof(*head));
	if (path == NULL) {
		output_note(w->s->out,
		    "note: without --head a log that was cut off at its end "
		    "looks whole");
		return COMMAND_DONE;
	}
	if (file_read(path, AUDIT_HEAD_MAX, &data, &len, text) != 0) {
		output_error(w->s->out, "%s", text);
		return COMMAND_FAILED;
	}
	if (len == 0)
		output_error(w->s->out,
		    "%s is empty: the agent has noted no record in it yet, or "
		    "somebody emptied it; without --head the log alone is "
		    "checked",
		    path);
	else if (audit_head_parse((const char *)data, len, head) == 0)
		r = COMMAND_DONE;
	else
		output_error(w->s->out,
		    "%s is no audit-head of the agent's state directory, or "
		    "was changed",
		    path);
	free(data);
	return r;
}

static int
read_file(struct work *w, const char *path)
{
	uint8_t piece[PIECE];
	char text[FILE_TEXT_MAX];
	int fd = file_open(path, text);
	long n = -1;

	w->file = path;
	while (fd != -1 &&
	       (n = file_next(fd, path, piece, sizeof(piece), text)) > 0) {
		auditcheck_feed(w->check, (const char *)piece, (size_t)n);
		w->done += (uint64_t)n;
		output_progress(w->s->out, w->done, w->all);
	}
	if (n < 0)
		output_error(w->s->out, "%s", text);
	else
		auditcheck_file_end(w->check);
	if (fd != -1)
		file_close(fd);
	return n < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

/* What was not proven, so that nobody takes silence for proof. */
static void
tell_limits(struct work *w)
{
	const struct auditcheck_sum *sum = &w->sum;

	if (sum->seals == 0)
		output_note(w->s->out,
		    "note: the log has no seal: whoever may write it could "
		    "write all of it anew");
	else if (sk_X509_num(w->certs) <= 0)
		output_note(w->s->out,
		    "note: %" PRIu64 " seals were not checked: give the "
		    "sealing key's certificate with --cert",
		    sum->seals);
	else if (sum->sealed < sum->last)
		output_note(w->s->out,
		    "note: the %" PRIu64 " records after record %" PRIu64
		    " have no seal yet",
		    sum->last - sum->sealed, sum->sealed);
}

static int
conclude(struct work *w)
{
	const struct auditcheck_sum *sum = &w->sum;
	bool unsealed = sk_X509_num(w->certs) > 0 && sum->good == 0;
	int r;

	record_set_number(w->about, "records", sum->records);
	record_set_number(w->about, "first", sum->first);
	record_set_number(w->about, "last", sum->last);
	record_set_number(w->about, "seals", sum->seals);
	record_set_number(w->about, "checked", sum->good);
	record_set_number(w->about, "sealed", sum->sealed);
	record_set_number(w->about, "unended", sum->open);
	record_set_number(w->about, "faults", sum->faults);
	r = session_card(w->s, w->about, columns);
	w->about = NULL;
	tell_limits(w);
	if (unsealed)
		output_error(w->s->out,
		    "no seal by the key of --cert is in the log: it was "
		    "forged, or sealed by another key");
	return r == COMMAND_DONE && sum->faults == 0 && !unsealed
		   ? COMMAND_DONE
		   : COMMAND_FAILED;
}

/* How much there is to read, for the bar. */
static uint64_t
measure(const struct options *o)
{
	uint64_t all = 0;
	struct stat st;

	for (size_t i = 0; i < o->nmany; i++)
		if (o->many[i].id == OPTION_FILE &&
		    stat(o->many[i].value, &st) == 0 && st.st_size > 0)
			all += (uint64_t)st.st_size;
	return all;
}

static int
check_all(struct work *w)
{
	const struct auditcheck_calls calls = {
	    .found = found, .seal = judge, .ctx = w};
	const struct options *o = w->s->opt;
	struct audit_chain head;
	int r = load_head(w, &head);

	for (size_t i = 0; r == COMMAND_DONE && i < o->nmany; i++)
		if (o->many[i].id == OPTION_CERT)
			r = load_certs(w, o->many[i].value);
	if (r != COMMAND_DONE)
		return r;
	w->check = auditcheck_new(&calls, &head);
	if (w->check == NULL)
		return no_memory(w);
	for (size_t i = 0; r == COMMAND_DONE && i < o->nmany; i++)
		if (o->many[i].id == OPTION_FILE)
			r = read_file(w, o->many[i].value);
	if (r != COMMAND_DONE)
		return r;
	auditcheck_end(w->check, &w->sum);
	return conclude(w);
}

static int
verify(struct session *s, const char *operand)
{
	struct work w = {.s = s, .file = ""};
	int r;

	(void)operand;
	if (!s->opt->given[OPTION_FILE])
		return session_usage(
		    s, "which file? --file FILE names the audit log");
	w.certs = sk_X509_new_null();
	w.about = record_new();
	record_set_words(w.about, "findings");
	w.all = measure(s->opt);
	r = w.certs == NULL ? no_memory(&w) : check_all(&w);
	auditcheck_free(w.check);
	record_free(w.about);
	sk_X509_pop_free(w.certs, X509_free);
	return r;
}

const struct command command_audit_verify = {
    .name = "audit verify",
    .summary = "find what was changed in the agent's audit log",
    .about =
	"Reads the agent's audit log from end to end and tells each record\n"
	"that was changed, moved, taken out or cut off, with its file and "
	"line.\n"
	"The exit status is 1 if there is any. Needs no agent.",
    .options = verify_options,
    .run = verify,
};
