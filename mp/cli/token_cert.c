#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"
#include "mp/cli/file.h"
#include "mp/cli/token_work.h"

#define DAYS 1825 /* five years */
#define CERT_FILE_MAX 65536

static const struct option_def self_sign_options[] = {
    TOKEN_WORK_OPTIONS,
    TOKEN_WORK_CHOICE,
    {OPTION_SUBJECT, '\0', "subject", "DN", "whom it names, as in CN=pc7"},
    {OPTION_DAYS, '\0', "days", "N", "how long it is valid, 1825 unless told"},
    {OPTION_HASH, '\0', "hash", "sha1|sha256",
	"of its signature, sha256 unless told"},
    {0},
};

static const struct option_def request_options[] = {
    TOKEN_WORK_OPTIONS,
    TOKEN_WORK_CHOICE,
    {OPTION_SUBJECT, '\0', "subject", "DN", "whom it names, as in CN=pc7"},
    {OPTION_SAN, '\0', "san", "NAME...",
	"one more name: DNS:NAME, IP:ADDRESS, email:ADDRESS or URI:URI"},
    {OPTION_OUTPUT, 'o', "output", "CSR",
	"where to write the request, standard output unless told"},
    {0},
};

static const struct option_def import_options[] = {
    TOKEN_WORK_OPTIONS,
    TOKEN_WORK_CHOICE,
    {OPTION_CERT, '\0', "cert", "FILE", "the certificate, PEM or DER"},
    {0},
};

static const struct output_column card[] = {
    {"thumbprint", "thumbprint"},
    {"sha256", "sha256"},
    {"subject", "subject"},
    {"not before", "not_before"},
    {"not after", "not_after"},
    {"label", "label"},
    {"id", "id"},
    {"key", "key"},
    {"uri", "uri"},
    {NULL, NULL},
};

static int
no_memory(struct session *s)
{
	ERR_clear_error();
	output_error(s->out, "out of memory");
	return COMMAND_FAILED;
}

/* What is on the token now. */
static int
show(struct session *s, const uint8_t *der, size_t len,
    const struct provision_key *key)
{
	const uint8_t *at = der;
	X509 *cert = d2i_X509(NULL, &at, (long)len);
	struct record *r = record_new();
	int status = COMMAND_DONE;

	if (cert == NULL) {
		record_free(r);
		return no_memory(s);
	}
	describe_thumbprints(r, cert);
	describe_certificate(r, cert);
	token_work_describe(r, key);
	if (output_card(s->out, r, card) != 0)
		status = COMMAND_FAILED;
	record_free(r);
	X509_free(cert);
	return status;
}

static int
read_wish(struct session *s, struct provision_wish *wish)
{
	const char *hash = s->opt->value[OPTION_HASH];
	char text[OPTIONS_TEXT_MAX];

	memset(wish, 0, sizeof(*wish));
	wish->subject = s->opt->value[OPTION_SUBJECT];
	wish->days = DAYS;
	wish->hash = hash != NULL && strcmp(hash, "sha1") == 0 ? TOKEN_SHA1
							       : TOKEN_SHA256;
	if (wish->subject == NULL)
		return session_usage(
		    s, "whom does it name? Give --subject, as in CN=pc7");
	if (options_number(s->opt, options_find(self_sign_options, OPTION_DAYS),
		1, PROVISION_DAYS_MAX, &wish->days, text) != 0)
		return session_usage(s, "%s", text);
	return COMMAND_DONE;
}

static int
self_sign(struct session *s, const char *operand)
{
	struct token_trouble why = {0};
	uint8_t der[PROVISION_DER_MAX];
	struct provision_wish wish;
	struct provision_key key;
	struct token_work w;
	size_t len;
	int r = token_work_read(&w, s);

	(void)operand;
	if (r == COMMAND_DONE)
		r = token_work_need_choice(&w);
	if (r == COMMAND_DONE)
		r = read_wish(s, &wish);
	if (r == COMMAND_DONE)
		r = token_work_open(&w);
	if (r != COMMAND_DONE)
		goto out;
	output_step(s->out, "signing and storing the certificate");
	if (provision_self_sign(w.p, &w.choice, &wish, der, &len, &key, &why) !=
	    TOKEN_OK)
		r = token_work_failed(s, &why);
	else
		r = show(s, der, len, &key);
out:
	token_work_close(&w);
	return r;
}

static int
write_request(struct session *s, const uint8_t *der, size_t len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long n = 0;
	int r;

	if (bio != NULL &&
	    PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der, (long)len) > 0)
		n = BIO_get_mem_data(bio, &pem);
	if (n > 0)
		r = session_write(s, (uint8_t *)pem, (size_t)n, 0644, true);
	else
		r = no_memory(s);
	BIO_free(bio);
	return r;
}

static int
request(struct session *s, const char *operand)
{
	const char *names[OPTIONS_MANY_MAX];
	struct token_trouble why = {0};
	uint8_t der[PROVISION_DER_MAX];
	struct provision_key key;
	struct token_work w;
	size_t n = 0, len;
	int r = token_work_read(&w, s);

	(void)operand;
	if (r == COMMAND_DONE)
		r = token_work_need_choice(&w);
	if (r == COMMAND_DONE && s->opt->value[OPTION_SUBJECT] == NULL)
		r = session_usage(
		    s, "whom does it name? Give --subject, as in CN=pc7");
	for (size_t i = 0; i < s->opt->nmany; i++)
		if (s->opt->many[i].id == OPTION_SAN)
			names[n++] = s->opt->many[i].value;
	if (r == COMMAND_DONE)
		r = token_work_open(&w);
	if (r != COMMAND_DONE)
		goto out;
	output_step(s->out, "signing the request");
	if (provision_request(w.p, &w.choice, s->opt->value[OPTION_SUBJECT],
		names, n, der, &len, &key, &why) != TOKEN_OK)
		r = token_work_failed(s, &why);
	else
		r = write_request(s, der, len);
out:
	token_work_close(&w);
	return r;
}

/* The file's certificate in DER; PEM is tried first. */
static int
read_cert(struct session *s, uint8_t **der, size_t *len)
{
	const char *path = s->opt->value[OPTION_CERT];
	char text[FILE_TEXT_MAX];
	uint8_t *data = NULL;
	const uint8_t *at;
	X509 *cert = NULL;
	BIO *bio;
	int n = 0;

	if (file_read(path, CERT_FILE_MAX, &data, len, text) != 0) {
		output_error(s->out, "%s", text);
		return COMMAND_FAILED;
	}
	bio = BIO_new_mem_buf(data, (int)*len);
	if (bio != NULL)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	at = data;
	if (cert == NULL)
		cert = d2i_X509(NULL, &at, (long)*len);
	*der = NULL;
	if (cert != NULL)
		n = i2d_X509(cert, der);
	*len = n > 0 ? (size_t)n : 0;
	X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	OPENSSL_free(data);
	if (n > 0)
		return COMMAND_DONE;
	output_error(s->out,
	    "%s: holds no X.509 certificate, neither as PEM nor as DER. Give "
	    "the file that the authority issued",
	    path);
	return COMMAND_FAILED;
}

static int
import(struct session *s, const char *operand)
{
	struct token_trouble why = {0};
	struct provision_key key;
	struct token_work w;
	uint8_t *der = NULL;
	size_t len = 0;
	int r = token_work_read(&w, s);

	(void)operand;
	if (r == COMMAND_DONE && s->opt->value[OPTION_CERT] == NULL)
		r = session_usage(s, "which certificate? Give --cert");
	if (r == COMMAND_DONE)
		r = read_cert(s, &der, &len);
	if (r == COMMAND_DONE)
		r = token_work_open(&w);
	if (r != COMMAND_DONE)
		goto out;
	output_step(s->out, "storing the certificate");
	if (provision_import(w.p, &w.choice, der, len, &key, &why) != TOKEN_OK)
		r = token_work_failed(s, &why);
	else
		r = show(s, der, len, &key);
out:
	OPENSSL_free(der);
	token_work_close(&w);
	return r;
}

const struct command command_token_self_sign = {
    .name = "token self-sign",
    .summary = "make a certificate that its own key signs",
    .about =
	"Makes a certificate for a key that is on the token, signed by that "
	"key, and stores it beside the key. That is what clients in mixed "
	"mode register with. RSA keys only: Configuration Manager takes no "
	"other. A subject is written CN=pc7,O=Example,C=DE or "
	"/C=DE/O=Example/CN=pc7.",
    .options = self_sign_options,
    .run = self_sign,
};

const struct command command_token_request = {
    .name = "token request",
    .summary = "make a certificate request (PKCS#10)",
    .about = "Makes a request for a TLS client's certificate, signed by a key "
	     "that is on the token, and writes it as PEM. What the authority "
	     "issues goes to `token import`.",
    .options = request_options,
    .bytes = true,
    .run = request,
};

const struct command command_token_import = {
    .name = "token import",
    .summary = "store a certificate beside its key",
    .about = "Stores a certificate on the token, under the label and id of "
	     "its private key, which must be there: the two are proven to "
	     "belong together first. Without --label and --id the key is "
	     "found by the certificate.",
    .options = import_options,
    .run = import,
};
