#include "mp/certs.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "mp/buf.h"
#include "mp/reason.h"

struct load {
	STACK_OF(X509) * certs;
	const char *what;
	struct mp_error *e;
};

static int
fill(struct load *l, const char *path, int fd, struct mp_buf *text)
{
	uint8_t chunk[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		mp_buf_add(text, chunk, (size_t)n);
		if (!mp_buf_ok(text))
			return mp_fail(l->e, MP_ELIMIT,
			    "%s: %s holds more than %u bytes; name a file of "
			    "certificates only",
			    l->what, path, MP_CERTS_FILE_MAX);
	}
	if (n < 0)
		return mp_fail(l->e, MP_EARG, "%s: cannot read %s: %s", l->what,
		    path, strerror(errno));
	return 0;
}

static int
slurp(struct load *l, const char *path, struct mp_buf *text)
{
	struct stat st;
	int fd, r;

	/* O_NONBLOCK: a FIFO in the place of a file must not hold us up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return mp_fail(l->e, MP_EARG, "%s: cannot open %s: %s", l->what,
		    path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = mp_fail(l->e, MP_EARG,
		    "%s: %s is neither a file nor a directory", l->what, path);
	else
		r = fill(l, path, fd, text);
	(void)close(fd);
	return r;
}

static bool
known(const struct load *l, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(l->certs); i++)
		if (X509_cmp(sk_X509_value(l->certs, i), cert) == 0)
			return true;
	return false;
}

static int
add(struct load *l, const char *path, const uint8_t *der, size_t len)
{
	const unsigned char *p = der;
	X509 *cert;

	ERR_clear_error();
	cert = d2i_X509(NULL, &p, (long)len);
	if (cert == NULL || p != der + len) {
		X509_free(cert);
		return mp_fail(l->e, MP_EARG,
		    "%s: %s does not hold a readable certificate (%s); give "
		    "PEM or DER",
		    l->what, path,
		    cert == NULL ? mp_reason_openssl() : "bytes follow it");
	}
	if (known(l, cert)) {
		X509_free(cert);
		return 0;
	}
	if (sk_X509_num(l->certs) >= MP_CERTS_MAX) {
		X509_free(cert);
		return mp_fail(l->e, MP_ELIMIT,
		    "%s: more than %d certificates up to %s", l->what,
		    MP_CERTS_MAX, path);
	}
	if (sk_X509_push(l->certs, cert) == 0) {
		X509_free(cert);
		return mp_fail(l->e, MP_ENOMEM, "%s: out of memory", l->what);
	}
	return 0;
}

/* Does one block; *end is set past the last. */
static int
block(struct load *l, const char *path, BIO *in, unsigned *count, bool *end)
{
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;
	int r = 0;

	*end = false;
	ERR_clear_error();
	if (PEM_read_bio(in, &name, &header, &data, &len) != 1) {
		*end = true;
		if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    PEM_R_NO_START_LINE) {
			ERR_clear_error();
			return 0;
		}
		return mp_fail(l->e, MP_EARG,
		    "%s: %s is damaged after its first %u certificates (%s)",
		    l->what, path, *count, mp_reason_openssl());
	}
	if (strcmp(name, PEM_STRING_X509) == 0 ||
	    strcmp(name, PEM_STRING_X509_OLD) == 0) {
		r = add(l, path, data, (size_t)len);
		(*count)++;
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len); /* it may be a private key */
	return r;
}

static int
pem(struct load *l, const char *path, const struct mp_buf *text)
{
	unsigned count = 0;
	bool end = false;
	BIO *in;
	int r = 0;

	in = BIO_new_mem_buf(text->data, (int)text->len);
	if (in == NULL)
		return mp_fail(l->e, MP_ENOMEM, "%s: out of memory", l->what);
	while (r == 0 && !end)
		r = block(l, path, in, &count, &end);
	BIO_free(in);
	if (r == 0 && count == 0)
		r = mp_fail(l->e, MP_EARG, "%s: %s holds no certificate",
		    l->what, path);
	return r;
}

static int
file(struct load *l, const char *path)
{
	static const char begin[] = "-----BEGIN ";
	struct mp_buf text;
	int r;

	mp_buf_init(&text, MP_CERTS_FILE_MAX);
	r = slurp(l, path, &text);
	if (r != 0)
		goto out;
	if (text.len == 0)
		r = mp_fail(l->e, MP_EARG, "%s: %s is empty", l->what, path);
	else if (memmem(text.data, text.len, begin, strlen(begin)) != NULL)
		r = pem(l, path, &text);
	else
		r = add(l, path, text.data, text.len);
out:
	mp_buf_release(&text);
	return r;
}

static int
entry(struct load *l, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int n;

	if (name[0] == '.')
		return 0;
	n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return mp_fail(l->e, MP_EARG,
		    "%s: the path of %s in %s is too long", l->what, name, dir);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return file(l, path);
}

static int
directory(struct load *l, const char *path)
{
	const struct dirent *d;
	DIR *dir;
	int r = 0;

	dir = opendir(path);
	if (dir == NULL)
		return mp_fail(l->e, MP_EARG, "%s: cannot open %s: %s", l->what,
		    path, strerror(errno));
	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL && errno != 0)
			r = mp_fail(l->e, MP_EARG, "%s: cannot read %s: %s",
			    l->what, path, strerror(errno));
		if (d == NULL)
			break;
		r = entry(l, path, d->d_name);
		if (r != 0)
			break;
	}
	(void)closedir(dir);
	if (r == 0 && sk_X509_num(l->certs) == 0)
		r = mp_fail(l->e, MP_EARG,
		    "%s: the directory %s holds no certificate", l->what, path);
	return r;
}

int
mp_certs_load(STACK_OF(X509) * *out, const char *path, const char *what,
    struct mp_error *e)
{
	struct load l = {NULL, what, e};
	struct stat st;
	int r;

	*out = NULL;
	if (stat(path, &st) != 0)
		return mp_fail(e, MP_EARG, "%s: cannot find %s: %s", what, path,
		    strerror(errno));
	l.certs = sk_X509_new_null();
	if (l.certs == NULL)
		return mp_fail(e, MP_ENOMEM, "%s: out of memory", what);
	r = S_ISDIR(st.st_mode) ? directory(&l, path) : file(&l, path);
	if (r != 0) {
		sk_X509_pop_free(l.certs, X509_free);
		return r;
	}
	*out = l.certs;
	return 0;
}
