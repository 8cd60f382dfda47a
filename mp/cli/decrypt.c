#include <openssl/crypto.h>

#include "mp/buf.h"
#include "mp/cli/command.h"
#include "mp/cli/describe.h"
#include "mp/cli/file.h"
#include "mp/cms.h"

#define CMS_MAX (64u << 20) /* bytes of a message */

static const struct option_def options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"the key, by its certificate: SHA-1 or SHA-256"},
    {OPTION_INPUT, 'i', "input", "CMS",
	"the encrypted message, standard input unless told"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write the content, standard output unless told"},
    {0},
};

/* Reads the message before any key is used: it may not be there. */
static int
read_message(struct session *s, uint8_t **data, size_t *len)
{
	const char *path = s->opt->value[OPTION_INPUT];
	char text[FILE_TEXT_MAX];

	if (path == NULL)
		path = "-";
	if (file_read(path, CMS_MAX, data, len, text) == 0)
		return COMMAND_DONE;
	output_error(s->out, "%s", text);
	return COMMAND_FAILED;
}

static int
refused(struct session *s, const struct signer_identity *id,
    const struct mp_error *e)
{
	char thumb[2 * SIGNER_SHA1_LEN + 1];

	describe_hex(id->sha1, sizeof(id->sha1), thumb);
	output_error(s->out, "key %s: %s. `sealpoint keys` lists the others",
	    thumb, e->text[0] != '\0' ? e->text : mp_strerror(e->code));
	return COMMAND_FAILED;
}

static int
open_message(struct session *s, const struct signer_identity *id,
    const uint8_t *data, size_t len)
{
	struct mp_error e = {0};
	EVP_PKEY *key = NULL;
	struct mp_buf clear;
	X509 *cert = NULL;
	int r;

	mp_buf_init(&clear, CMS_MAX);
	r = session_certificate(s, id, 0, &cert);
	if (r == COMMAND_DONE)
		r = session_key(s, id, cert, &key);
	if (r != COMMAND_DONE)
		goto out;
	if (mp_cms_open(data, len, key, cert, &clear, &e) == MP_OK)
		r = session_write(s, clear.data, clear.len, 0600, false);
	else
		r = refused(s, id, &e);
out:
	mp_buf_release(&clear);
	EVP_PKEY_free(key);
	X509_free(cert);
	return r;
}

static int
decrypt(struct session *s, const char *operand)
{
	struct signer_identity id;
	uint8_t *data = NULL;
	char thumb[2 * SIGNER_SHA1_LEN + 1], kind[DESCRIBE_KEY_MAX];
	size_t len = 0;
	int r;

	(void)operand;
	r = session_may_write(s);
	if (r == COMMAND_DONE)
		r = session_identity(s, &id);
	if (r != COMMAND_DONE)
		return r;
	if (id.type != SIGNER_KEY_RSA) {
		describe_hex(id.sha1, sizeof(id.sha1), thumb);
		describe_key(&id, kind);
		output_error(s->out,
		    "key %s: cannot decrypt: this is an %s "
		    "key, and decryption needs an RSA key. `sealpoint keys` "
		    "lists what there is",
		    thumb, kind);
		return COMMAND_FAILED;
	}
	r = read_message(s, &data, &len);
	if (r == COMMAND_DONE)
		r = open_message(s, &id, data, len);
	OPENSSL_clear_free(data, len + 1);
	return r;
}

const struct command command_decrypt = {
    .name = "decrypt",
    .summary = "decrypt a CMS message with a key on a token",
    .about = "Decrypts a CMS EnvelopedData, in DER or PEM, of at most 64 MiB, "
	     "and writes its content to a file that only you may read. "
	     "Decryption proves nothing about who sent the message.",
    .options = options,
    .bytes = true,
    .run = decrypt,
};
