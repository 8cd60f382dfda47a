#include "mp/crl.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "mp/hex.h"

#define PLACES_MAX 8    /* addresses of one certificate that we try */
#define CHAIN_MAX 16    /* certificates of a chain */
#define PLACE_MAX 2048  /* bytes of an address */
#define SUBJECT_MAX 256 /* bytes of a name in a sentence */

/* One certificate under examination. */
struct trial {
	const struct mp_crl_config *cfg;
	X509 *cert, *issuer;
	char name[SUBJECT_MAX]; /* of cert, for sentences */
	char place[PLACES_MAX][PLACE_MAX];
	size_t nplaces;
	size_t strange; /* places that are not for us: LDAP, partial lists */
	int64_t deadline_ms;
	struct mp_error *e;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
name(struct trial *t)
{
	BIO *out = BIO_new(BIO_s_mem());
	int n = 0;

	t->name[0] = '\0';
	if (out == NULL)
		return;
	(void)X509_NAME_print_ex(
	    out, X509_get_subject_name(t->cert), 0, XN_FLAG_RFC2253);
	(void)BIO_puts(out, ", serial ");
	(void)i2a_ASN1_INTEGER(out, X509_get0_serialNumber(t->cert));
	n = BIO_read(out, t->name, (int)sizeof(t->name) - 1);
	t->name[n > 0 ? n : 0] = '\0';
	BIO_free(out);
}

/* An address that we may ask: http, graphic ASCII, nobody's name in it. */
static bool
usable(const ASN1_IA5STRING *text)
{
	const char *p = (const char *)ASN1_STRING_get0_data(text);
	int len = ASN1_STRING_length(text);

	if (len < 8 || len >= PLACE_MAX || strncasecmp(p, "http://", 7) != 0)
		return false;
	for (int i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	/* What is before an '@' there would be sent as a login. */
	for (int i = 7; i < len && strchr("/?#", p[i]) == NULL; i++)
		if (p[i] == '@')
			return false;
	return true;
}

static void
take_names(struct trial *t, const GENERAL_NAMES *names)
{
	const ASN1_IA5STRING *text;
	const GENERAL_NAME *one;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		one = sk_GENERAL_NAME_value(names, i);
		text = one->type == GEN_URI ? one->d.uniformResourceIdentifier
					    : NULL;
		if (text == NULL || !usable(text) || t->nplaces == PLACES_MAX) {
			t->strange++;
			continue;
		}
		(void)snprintf(t->place[t->nplaces], PLACE_MAX, "%.*s",
		    ASN1_STRING_length(text),
		    (const char *)ASN1_STRING_get0_data(text));
		t->nplaces++;
	}
}

/* Where the certificate says that its issuer's lists are. */
static int
find_places(struct trial *t)
{
	CRL_DIST_POINTS *points;
	const DIST_POINT *p;

	points =
	    X509_get_ext_d2i(t->cert, NID_crl_distribution_points, NULL, NULL);
	for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
		p = sk_DIST_POINT_value(points, i);
		/* Lists by others, or for some reasons only, are not whole. */
		if (p->CRLissuer != NULL || p->reasons != NULL ||
		    p->distpoint == NULL || p->distpoint->type != 0)
			t->strange++;
		else
			take_names(t, p->distpoint->name.fullname);
	}
	CRL_DIST_POINTS_free(points);
	if (t->nplaces > 0)
		return 0;
	if (t->strange > 0)
		return mp_fail(t->e, MP_ETLS,
		    "the certificate %s names no revocation list at an http "
		    "address (but %zu of another kind, such as LDAP), so it "
		    "cannot be checked; have its authority publish its list "
		    "over HTTP, or leave the check out (--crl)",
		    t->name, t->strange);
	return mp_fail(t->e, MP_ETLS,
	    "the certificate %s names no revocation list, so it cannot be "
	    "checked; have it issued with a distribution point, or do without "
	    "the check (--crl)",
	    t->name);
}

static int
distrust(struct trial *t, const char *place, const char *why)
{
	return mp_fail(t->e, MP_ETLS,
	    "the revocation list %s for the certificate %s %s; without a good "
	    "list nothing shows that the certificate was not revoked, so the "
	    "connection was not made",
	    place, t->name, why);
}

/* libcrypto's word on one certificate and one list, X509_V_... */
static int
decide(const struct trial *t, X509_CRL *crl)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = X509_V_ERR_OUT_OF_MEM;

	if (store != NULL && ctx != NULL &&
	    X509_STORE_add_cert(store, t->issuer) == 1 &&
	    X509_STORE_add_crl(store, crl) == 1 &&
	    X509_STORE_set_flags(store,
		X509_V_FLAG_CRL_CHECK | X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
	    X509_STORE_CTX_init(ctx, store, t->cert, NULL) == 1) {
		r = X509_verify_cert(ctx) == 1 ? X509_V_OK
					       : X509_STORE_CTX_get_error(ctx);
		if (r == X509_V_OK && X509_STORE_CTX_get_error(ctx) != r)
			r = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}

/*
 * A list without an end (RFC 5280, 5.1.2.5), which libcrypto would pass; and
 * one of what changed since another, which hides whoever is in that alone:
 * not left to what a version of libcrypto makes of it.
 */
static int
refuse_partial(struct trial *t, const char *place, const X509_CRL *crl)
{
	if (X509_CRL_get0_nextUpdate(crl) == NULL)
		return distrust(t, place, "does not say until when it is good");
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return distrust(
		    t, place, "is a delta list, which tells only what changed");
	return 0;
}

/*
 * One list from one place: 0 if it is good and lets the certificate be.
 * *final: no other place can say anything else.
 */
static int
ask(struct trial *t, const char *place, const struct mp_buf *der, bool *final)
{
	const unsigned char *p = der->data;
	X509_CRL *crl;
	int r, verdict;

	*final = false;
	ERR_clear_error();
	crl = der->len > 0 ? d2i_X509_CRL(NULL, &p, (long)der->len) : NULL;
	if (crl == NULL || p != der->data + der->len) {
		r = distrust(t, place, "is not a DER CRL");
		goto out;
	}
	r = refuse_partial(t, place, crl);
	if (r != 0)
		goto out;
	verdict = decide(t, crl);
	*final = verdict == X509_V_OK || verdict == X509_V_ERR_CERT_REVOKED;
	if (verdict == X509_V_OK)
		r = 0;
	else if (verdict == X509_V_ERR_CERT_REVOKED)
		r = mp_fail(t->e, MP_ETLS,
		    "the certificate %s was revoked by its issuer (%s); the "
		    "connection was not made: ask the site's administrator "
		    "before you trust this server again",
		    t->name, place);
	else if (verdict == X509_V_ERR_CRL_HAS_EXPIRED)
		r = distrust(t, place, "is stale: its next update is overdue");
	else if (verdict == X509_V_ERR_UNABLE_TO_GET_CRL)
		r = distrust(
		    t, place, "is not its issuer's, or does not cover it");
	else
		r = distrust(t, place, X509_verify_cert_error_string(verdict));
out:
	X509_CRL_free(crl);
	ERR_clear_error();
	return r;
}

/* The file that keeps the list of a place. */
static bool
file_of(const struct trial *t, const char *place, char path[PATH_MAX])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct mp_buf hex;
	unsigned len = 0;
	bool ok;
	int n;

	if (t->cfg->dir == NULL || EVP_Digest(place, strlen(place), hash, &len,
				       EVP_sha256(), NULL) != 1)
		return false;
	mp_buf_init(&hex, 2 * sizeof(hash));
	mp_hex_add(&hex, hash, len);
	n = snprintf(path, PATH_MAX, "%s/%s.crl", t->cfg->dir,
	    mp_buf_ok(&hex) ? (const char *)hex.data : "");
	ok = mp_buf_ok(&hex) && n > 0 && n < PATH_MAX;
	mp_buf_release(&hex);
	return ok;
}

static bool
recall(const struct trial *t, const char *place, struct mp_buf *der)
{
	char path[PATH_MAX];
	uint8_t chunk[4096];
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (!file_of(t, place, path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		while ((n = read(fd, chunk, sizeof(chunk))) > 0)
			mp_buf_add(der, chunk, (size_t)n);
	(void)close(fd);
	return n == 0 && mp_buf_ok(der) && der->len > 0;
}

/*
 * All of the list or none of it, by a name of its own first. What cannot be
 * kept is fetched again next time, so a failure is none of the check.
 */
static void
keep(const struct trial *t, const char *place, const struct mp_buf *der)
{
	char path[PATH_MAX], part[PATH_MAX];
	bool ok;
	int fd;

	if (!file_of(t, place, path) ||
	    snprintf(part, sizeof(part), "%s.XXXXXX", path) >=
		(int)sizeof(part))
		return;
	fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return;
	ok = write(fd, der->data, der->len) == (ssize_t)der->len;
	ok = close(fd) == 0 && ok;
	if (!ok || rename(part, path) != 0)
		(void)unlink(part);
}

/* The kept list if it still decides, else a new one. */
static int
consult(struct trial *t, const char *place, bool *final)
{
	struct mp_http_fetch fetch = t->cfg->fetch;
	int64_t left = t->deadline_ms - now_ms();
	struct mp_error why;
	struct mp_buf der;
	int r = MP_ETLS;

	*final = false;
	mp_buf_init(&der, MP_CRL_MAX);
	if (recall(t, place, &der))
		r = ask(t, place, &der, final);
	if (*final) {
		mp_step_tell(&t->cfg->step,
		    "the revocation list %s is kept, and still good", place);
		goto out;
	}
	mp_buf_clear(&der);
	mp_step_tell(&t->cfg->step, "fetching the revocation list %s", place);
	fetch.timeout_ms = left > 0 ? (unsigned)left : 1;
	if (mp_http_fetch(&fetch, place, &der, &why) != 0) {
		r = mp_fail(t->e, MP_ETLS,
		    "the revocation list for the certificate %s is missing: "
		    "%s; the connection was not made. See that this machine "
		    "can reach the authority's list",
		    t->name, why.text);
		goto out;
	}
	r = ask(t, place, &der, final);
	if (*final)
		keep(t, place, &der);
out:
	mp_buf_release(&der);
	return r;
}

static int
examine(struct trial *t)
{
	bool final = false;
	int r;

	name(t);
	r = find_places(t);
	if (r != 0)
		return r;
	r = MP_ETLS;
	for (size_t i = 0; i < t->nplaces && !final; i++)
		r = consult(t, t->place[i], &final);
	return r;
}

/* The directory, ours alone if we make it. */
static int
home(const char *dir, struct mp_error *e)
{
	struct stat st;

	if (dir == NULL)
		return 0;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return mp_fail(e, MP_ESTATE,
		    "cannot make the directory %s for revocation lists: %s; "
		    "make the directory above it, or name another",
		    dir, strerror(errno));
	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return mp_fail(e, MP_ESTATE,
		    "%s, for revocation lists, is not a directory; name "
		    "another",
		    dir);
	if ((st.st_mode & S_IWOTH) != 0)
		return mp_fail(e, MP_ESTATE,
		    "everybody may write to the directory %s for revocation "
		    "lists; chmod o-w it, or name another",
		    dir);
	return 0;
}

int
mp_crl_check(const struct mp_crl_config *cfg, const STACK_OF(X509) * chain,
    struct mp_error *e)
{
	unsigned ms = cfg->fetch.timeout_ms;
	struct trial *t;
	int n = sk_X509_num(chain), r;

	if (n < 1 || n > CHAIN_MAX)
		return mp_fail(e, MP_ETLS,
		    "a chain of %d certificates cannot be checked", n);
	r = home(cfg->dir, e);
	if (r != 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return mp_fail(e, MP_ENOMEM, "CRL check: out of memory");
	t->deadline_ms = now_ms() + (ms > 0 ? ms : MP_CRL_TIMEOUT_MS);
	t->cfg = cfg;
	t->e = e;
	for (int i = 0; r == 0 && i + 1 < n; i++) {
		t->cert = sk_X509_value(chain, i);
		t->issuer = sk_X509_value(chain, i + 1);
		t->nplaces = 0;
		t->strange = 0;
		r = examine(t);
	}
	free(t);
	return r;
}
