#include "pkcs11/certfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "pkcs11/cert.h"
#include "pkcs11/trouble.h"

#define PATH_LEN_MAX 1024

/* One "PATH" or "PATH URI", taken apart. */
struct spec {
	char path[PATH_LEN_MAX];
	const char *uri; /* NULL if there is none */
};

static int
bad(const struct spec *s, const char *what, struct token_trouble *why)
{
	return trouble_say(why, TOKEN_ECONFIG, false, "certificate file %s: %s",
	    s->path, what);
}

static int
split(struct spec *s, const char *text, struct token_trouble *why)
{
	const char *at = strstr(text, " pkcs11:");
	size_t len = at == NULL ? strlen(text) : (size_t)(at - text);

	while (len > 0 && text[len - 1] == ' ')
		len--;
	s->uri = at == NULL ? NULL : at + 1;
	if (len >= sizeof(s->path))
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the path of a certificate file is longer than %zu bytes",
		    sizeof(s->path) - 1);
	(void)snprintf(s->path, sizeof(s->path), "%.*s", (int)len, text);
	return TOKEN_OK;
}

static void
put_tag(struct key_tag *tag, const CK_ATTRIBUTE *attr)
{
	tag->len = 0;
	if (attr == NULL || attr->pValue == NULL ||
	    attr->ulValueLen > sizeof(tag->bytes))
		return;
	memcpy(tag->bytes, attr->pValue, attr->ulValueLen);
	tag->len = (uint8_t)attr->ulValueLen;
}

static int
read_tags(
    const struct spec *s, struct key_tags *tags, struct token_trouble *why)
{
	P11KitUri *uri;
	int r = TOKEN_OK;

	tags->id.len = tags->label.len = 0;
	if (s->uri == NULL)
		return TOKEN_OK;
	uri = p11_kit_uri_new();
	if (uri == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (p11_kit_uri_parse(s->uri, P11_KIT_URI_FOR_OBJECT, uri) ==
		P11_KIT_URI_OK &&
	    !p11_kit_uri_any_unrecognized(uri)) {
		put_tag(&tags->id, p11_kit_uri_get_attribute(uri, CKA_ID));
		put_tag(
		    &tags->label, p11_kit_uri_get_attribute(uri, CKA_LABEL));
	}
	if (tags->id.len == 0 && tags->label.len == 0)
		r = bad(s,
		    "what follows it must be a URI with the id or object of "
		    "its key, such as pkcs11:id=%01",
		    why);
	p11_kit_uri_free(uri);
	return r;
}

/* Why the file cannot be believed; NULL if it can. */
static const char *
unfit(const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_size > CERTFILE_SIZE_MAX)
		return "is no regular file, or has more than 256 KiB";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to somebody else; chown it";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "may be written by others; chmod go-w it";
	return NULL;
}

/* The whole file, malloced, with a NUL behind it. */
static int
slurp(const struct spec *s, uint8_t **bytes, size_t *len,
    struct token_trouble *why)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *wrong;
	struct stat st;
	ssize_t n = 0;
	int r;

	*bytes = NULL;
	*len = 0;
	if (fd == -1)
		return bad(s, strerror(errno), why);
	wrong = fstat(fd, &st) != 0 ? strerror(errno) : unfit(&st);
	if (wrong != NULL) {
		r = bad(s, wrong, why);
		goto out;
	}
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	*bytes = calloc(1, CERTFILE_SIZE_MAX + 1);
	if (*bytes == NULL)
		goto out;
	r = TOKEN_OK;
	do {
		n = read(fd, *bytes + *len, CERTFILE_SIZE_MAX - *len);
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0)
		r = bad(s, strerror(errno), why);
out:
	(void)close(fd);
	return r;
}

/* Appends one certificate; takes it over. */
static int
append(struct certfile *f, const struct spec *s, X509 *x, bool leaf,
    const struct key_tags *tags, struct token_trouble *why)
{
	struct certfile_der *d = &f->ders[f->n];
	unsigned char *at;
	int len = i2d_X509(x, NULL);
	int r;

	r = bad(s, "holds a certificate of more than 32 KiB", why);
	if (len <= 0 || len > CERT_DER_MAX)
		goto out;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	d->bytes = at = malloc((size_t)len);
	if (at == NULL)
		goto out;
	d->len = (size_t)i2d_X509(x, &at);
	d->leaf = leaf;
	memset(&d->tags, 0, sizeof(d->tags));
	if (leaf)
		d->tags = *tags;
	f->n++;
	r = TOKEN_OK;
out:
	X509_free(x);
	return r;
}

/* Certificates have none; without this libcrypto asks at the terminal. */
static int
no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

/* PEM certificates one after the other; or a single one in DER. */
static int
parse(struct certfile *f, const struct spec *s, const uint8_t *bytes,
    size_t len, const struct key_tags *tags, struct token_trouble *why)
{
	const uint8_t *at = bytes;
	X509 *x = d2i_X509(NULL, &at, (long)len);
	size_t first = f->n;
	int r = TOKEN_OK;
	BIO *bio;

	if (x != NULL)
		return append(f, s, x, true, tags, why);
	bio = BIO_new_mem_buf(bytes, (int)len);
	while (r == TOKEN_OK && bio != NULL &&
	       (x = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		if (f->n - first < CERTFILE_CERTS_MAX) {
			r = append(f, s, x, f->n == first, tags, why);
			continue;
		}
		X509_free(x);
		r = bad(s, "holds more than 16 certificates", why);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (r == TOKEN_OK && f->n == first)
		r = bad(s,
		    "holds no certificate; it must be PEM, the key's own "
		    "first, or DER",
		    why);
	return r;
}

static int
load(struct certfile *f, const char *text, struct token_trouble *why)
{
	uint8_t *bytes = NULL;
	struct key_tags tags;
	struct spec s;
	size_t len;
	int r;

	r = split(&s, text, why);
	if (r == TOKEN_OK)
		r = read_tags(&s, &tags, why);
	if (r == TOKEN_OK)
		r = slurp(&s, &bytes, &len, why);
	if (r == TOKEN_OK)
		r = parse(f, &s, bytes, len, &tags, why);
	free(bytes);
	return r;
}

int
certfile_load(struct certfile *f, const char *const specs[TOKEN_CERTS_MAX],
    struct token_trouble *why)
{
	struct certfile *fresh = calloc(1, sizeof(*fresh));
	int r = TOKEN_OK;

	if (fresh == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	for (unsigned i = 0; r == TOKEN_OK && i < TOKEN_CERTS_MAX; i++)
		if (specs[i] != NULL)
			r = load(fresh, specs[i], why);
	if (r == TOKEN_OK) {
		certfile_release(f);
		*f = *fresh;
		fresh->n = 0;
	}
	certfile_release(fresh);
	free(fresh);
	return r;
}

void
certfile_release(struct certfile *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->ders[i].bytes);
	f->n = 0;
}
