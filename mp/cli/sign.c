#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"
#include "mp/cli/file.h"

#define STEP 65536

static const struct option_def options[] = {
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"the key, by its certificate: SHA-1 or SHA-256"},
    {OPTION_DIGEST, 'd', "digest", "sha1|sha256|sha384|sha512",
	"the hash, sha256 unless told"},
    {OPTION_PSS, '\0', "pss", NULL, "RSA-PSS, not RSA PKCS#1 v1.5"},
    {OPTION_INPUT, 'i', "input", "FILE",
	"what to sign, standard input unless told"},
    {OPTION_OUTPUT, 'o', "output", "FILE",
	"where to write the signature, standard output unless told"},
    {0},
};

struct digest {
	const char *name;
	enum signer_hash hash;
	const EVP_MD *(*md)(void);
};

static const struct digest digests[] = {
    {"sha256", SIGNER_SHA256, EVP_sha256},
    {"sha1", SIGNER_SHA1, EVP_sha1},
    {"sha384", SIGNER_SHA384, EVP_sha384},
    {"sha512", SIGNER_SHA512, EVP_sha512},
};

/* The one that -d names, which can be none other; else the first. */
static const struct digest *
choose_digest(const struct session *s)
{
	const char *name = s->opt->value[OPTION_DIGEST];

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		if (name != NULL && strcmp(digests[i].name, name) == 0)
			return &digests[i];
	}
	return &digests[0];
}

static const char *
input_path(const struct session *s)
{
	const char *path = s->opt->value[OPTION_INPUT];

	return path == NULL ? "-" : path;
}

/* What is to be signed: its hash, and while it is small enough, itself. */
struct input {
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hashlen;
	uint8_t data[SIGNER_TBS_MAX];
	size_t len;
	bool whole; /* all of it is in data */
};

static void
keep(struct input *in, const uint8_t *data, size_t len)
{
	in->whole = in->whole && len <= sizeof(in->data) - in->len;
	if (!in->whole)
		return;
	memcpy(in->data + in->len, data, len);
	in->len += len;
}

/* Feeds the whole file to md. */
static int
feed(struct session *s, EVP_MD_CTX *md, struct input *in)
{
	static const char failed[] =
	    "the hash cannot be computed: OpenSSL "
	    "refused it. Its configuration may forbid this hash";
	uint8_t buf[STEP];
	char text[FILE_TEXT_MAX];
	const char *path = input_path(s);
	int r = COMMAND_FAILED, fd;
	long n;

	fd = file_open(path, text);
	if (fd < 0) {
		output_error(s->out, "%s", text);
		return COMMAND_FAILED;
	}
	while ((n = file_next(fd, path, buf, sizeof(buf), text)) > 0) {
		if (EVP_DigestUpdate(md, buf, (size_t)n) != 1) {
			output_error(s->out, "%s", failed);
			goto out;
		}
		keep(in, buf, (size_t)n);
	}
	if (n < 0) {
		output_error(s->out, "%s", text);
		goto out;
	}
	r = COMMAND_DONE;
out:
	OPENSSL_cleanse(buf, sizeof(buf));
	file_close(fd);
	return r;
}

static int
hash_input(struct session *s, const struct digest *d, struct input *in)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned n = 0;
	int r;

	if (md == NULL || EVP_DigestInit_ex(md, d->md(), NULL) != 1) {
		output_error(s->out,
		    "%s cannot be computed: OpenSSL refused "
		    "it. Choose another hash with -d",
		    d->name);
		EVP_MD_CTX_free(md);
		return COMMAND_FAILED;
	}
	in->len = 0;
	in->whole = true;
	r = feed(s, md, in);
	if (r == COMMAND_DONE && EVP_DigestFinal_ex(md, in->hash, &n) != 1)
		r = COMMAND_FAILED;
	in->hashlen = n;
	EVP_MD_CTX_free(md);
	return r;
}

/* Says what the key cannot do, and what it can. */
static int
unable(struct session *s, const struct signer_identity *id, const char *what)
{
	char thumb[2 * SIGNER_SHA1_LEN + 1], key[DESCRIBE_KEY_MAX];
	char mechs[256];

	describe_hex(id->sha1, sizeof(id->sha1), thumb);
	describe_key(id, key);
	describe_mechanisms(id, mechs, sizeof(mechs));
	output_error(s->out,
	    "key %s: no %s with this %s key on token %s: it "
	    "offers %s. Choose another key or scheme",
	    thumb, what, key, id->token, mechs);
	return COMMAND_FAILED;
}

/* The scheme that key and options call for. */
static int
choose_scheme(struct session *s, const struct signer_identity *id,
    enum signer_scheme *scheme)
{
	static const char *const names[] = {
	    [SIGNER_RSA_PKCS1] = "RSA PKCS#1 v1.5 signature",
	    [SIGNER_RSA_PSS] = "RSA-PSS signature",
	    [SIGNER_ECDSA] = "ECDSA signature",
	    [SIGNER_EDDSA] = "EdDSA signature",
	};
	bool pss = s->opt->given[OPTION_PSS];
	uint32_t can = id->mechs;

	if (pss && id->type != SIGNER_KEY_RSA)
		return session_usage(s, "--pss is for RSA keys, and this key "
					"is none: leave it out");
	*scheme = SIGNER_EDDSA;
	if (id->type == SIGNER_KEY_RSA)
		*scheme = pss ? SIGNER_RSA_PSS : SIGNER_RSA_PKCS1;
	else if (id->type == SIGNER_KEY_EC)
		*scheme = SIGNER_ECDSA;
	else if (s->opt->given[OPTION_DIGEST])
		return session_usage(s, "an Ed25519 key hashes by itself: "
					"leave out -d");
	if ((can & SIGNER_MECH_RAW_PSS) != 0)
		can |= SIGNER_MECH(SIGNER_RSA_PSS);
	if ((can & SIGNER_MECH(*scheme)) == 0)
		return unable(s, id, names[*scheme]);
	return COMMAND_DONE;
}

static int
sign_and_write(struct session *s, const struct signer_identity *id,
    const struct signer_sign *what)
{
	uint8_t sig[SIGNER_SIG_MAX];
	size_t len = sizeof(sig);
	char thumb[2 * SIGNER_SHA1_LEN + 1];
	struct signer_trouble why = {0};

	if (signer_sign(&s->signer, id->sha256, what, sig, &len, &why) ==
	    SIGNER_OK)
		return session_write(s, sig, len, 0644, false);
	describe_hex(id->sha1, sizeof(id->sha1), thumb);
	output_error(s->out, "key %s: cannot sign: %s", thumb, why.text);
	return COMMAND_FAILED;
}

/* EdDSA signs the message itself, which must fit one request. */
static int
sign_message(struct session *s, const struct signer_identity *id)
{
	struct signer_sign what = {.scheme = SIGNER_EDDSA};
	char text[FILE_TEXT_MAX];
	uint8_t *data = NULL;
	int r;

	if (file_read(input_path(s), SIGNER_TBS_MAX, &data, &what.len, text) !=
	    0) {
		output_error(s->out, "%s", text);
		return COMMAND_FAILED;
	}
	what.data = data;
	r = sign_and_write(s, id, &what);
	OPENSSL_clear_free(data, what.len + 1);
	return r;
}

static int
sign(struct session *s, const char *operand)
{
	const struct digest *d = choose_digest(s);
	struct signer_sign what = {.hash = d->hash};
	struct signer_identity id;
	struct input in;
	int r;

	(void)operand;
	r = session_may_write(s);
	if (r == COMMAND_DONE)
		r = session_identity(s, &id);
	if (r == COMMAND_DONE)
		r = choose_scheme(s, &id, &what.scheme);
	if (r != COMMAND_DONE)
		return r;
	if (what.scheme == SIGNER_EDDSA)
		return sign_message(s, &id);
	r = hash_input(s, d, &in);
	if (r != COMMAND_DONE)
		goto out;
	/* The agent may want to see what it signs. */
	what.digest = !in.whole;
	what.data = in.whole ? in.data : in.hash;
	what.len = in.whole ? in.len : in.hashlen;
	if (what.scheme == SIGNER_RSA_PSS)
		what.saltlen = (uint16_t)in.hashlen;
	r = sign_and_write(s, &id, &what);
out:
	OPENSSL_cleanse(&in, sizeof(in));
	return r;
}

const struct command command_sign = {
    .name = "sign",
    .summary = "sign a file with a key on a token",
    .about = "Has the agent sign FILE, or, if it has more than 48 KiB, its "
	     "hash. Writes the "
	     "signature as it is: for RSA as long as the modulus, for ECDSA in "
	     "DER. The key decides between RSA, ECDSA and EdDSA. An Ed25519 "
	     "key signs FILE itself, of at most 48 KiB.",
    .options = options,
    .bytes = true,
    .run = sign,
};
