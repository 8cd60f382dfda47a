#include "mp/kinds/policyhash.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "mp/hex.h"
#include "mp/utf16.h"

#define PROOF_LEN 20           /* bytes; shorter is MD5 */
#define UTF16_MAX (256u << 20) /* bytes of a policy as UTF-16 */

/* Forms with and without prefix: by name, or by length (sdk-facts 4.3). */
static const struct {
	const char *prefix;
	const char *name; /* as OpenSSL has it */
	size_t len;
} algorithms[] = {
    {"MD5:", "MD5", 16}, {"SHA1:", "SHA1", 20}, {"SHA256:", "SHA256", 32}};

struct claim {
	const char *algorithm;
	uint8_t value[EVP_MAX_MD_SIZE];
	size_t len;
};

/* False if the text is none of the documented forms. */
static bool
read_claim(const char *text, struct claim *c)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]);
	     i++) {
		size_t skip = strlen(algorithms[i].prefix);
		struct mp_buf raw;
		bool ok;

		if (strncasecmp(text, algorithms[i].prefix, skip) != 0)
			skip = 0;
		if (strlen(text + skip) != 2 * algorithms[i].len)
			continue;
		mp_buf_init(&raw, algorithms[i].len);
		ok = mp_hex_decode(text + skip, strlen(text + skip), &raw) &&
		     raw.len == algorithms[i].len;
		if (ok) {
			memcpy(c->value, raw.data, raw.len);
			c->len = raw.len;
			c->algorithm = algorithms[i].name;
		}
		mp_buf_release(&raw);
		return ok;
	}
	return false;
}

static bool
fits(const struct claim *c, const EVP_MD *md, const void *data, size_t len)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return EVP_Digest(data, len, sum, &n, md, NULL) == 1 && n == c->len &&
	       memcmp(sum, c->value, n) == 0;
}

/* Forms of one body: its bytes, and its text as UTF-16 in four ways. */
struct forms {
	const struct mp_buf *body, *clear, *xml;
	struct mp_buf wide; /* BOM, text, NUL; empty if there is no text */
};

static enum mp_policyhash
compare(const struct claim *c, const struct forms *f)
{
	EVP_MD *md = EVP_MD_fetch(NULL, c->algorithm, NULL);
	const uint8_t *wide = f->wide.data;
	size_t len = f->wide.len;
	bool found;

	if (md == NULL) /* a crypto policy that has no MD5 */
		return MP_POLICYHASH_UNKNOWN;
	found =
	    fits(c, md, f->body->data, f->body->len) ||
	    fits(c, md, f->xml->data, f->xml->len) ||
	    (f->clear != NULL && fits(c, md, f->clear->data, f->clear->len));
	if (!found && len >= 4)
		found = fits(c, md, wide, len) || fits(c, md, wide, len - 2) ||
			fits(c, md, wide + 2, len - 2) ||
			fits(c, md, wide + 2, len - 4);
	EVP_MD_free(md);
	return found ? MP_POLICYHASH_MATCHES : MP_POLICYHASH_DIFFERS;
}

/* *proven is only ever set. */
static enum mp_policyhash
check(const char *text, const struct forms *f, bool *proven)
{
	enum mp_policyhash found;
	struct claim c = {0};

	if (text == NULL || text[0] == '\0')
		return MP_POLICYHASH_NONE;
	if (!read_claim(text, &c))
		return MP_POLICYHASH_UNKNOWN;
	found = compare(&c, f);
	if (found == MP_POLICYHASH_MATCHES && c.len >= PROOF_LEN)
		*proven = true;
	return found;
}

/* What follows ".SHA256:" in a location, "SHA256:" included; or NULL. */
static const char *
in_location(const char *location)
{
	const char *p =
	    location == NULL ? NULL : strcasestr(location, ".SHA256:");

	if (p == NULL && location != NULL)
		p = strcasestr(location, ".SHA256%3A");
	return p == NULL ? NULL : p + 1;
}

void
mp_policyhash_check(const struct mp_assignment *a, const struct mp_buf *body,
    const struct mp_buf *clear, const struct mp_buf *xml,
    struct mp_policyhashes *out)
{
	struct forms f = {.body = body, .clear = clear, .xml = xml};
	const char *url = in_location(a->location);
	char plain[8 + 2 * EVP_MAX_MD_SIZE] = "SHA256:";

	mp_buf_init(&f.wide, UTF16_MAX);
	mp_buf_add(&f.wide, "\xFF\xFE", 2);
	if (mp_utf16_add(&f.wide, (const char *)xml->data, xml->len, NULL) !=
	    MP_OK)
		mp_buf_clear(&f.wide);
	else
		mp_buf_add(&f.wide, "\0", 2);
	if (url != NULL && strncasecmp(url, "SHA256%3A", 9) == 0 &&
	    strlen(url + 9) < sizeof(plain) - 8) {
		memcpy(plain + 7, url + 9, strlen(url + 9) + 1);
		url = plain;
	}
	out->proven = false;
	out->hash = check(a->hash, &f, &out->proven);
	out->hash_ex = check(a->hash_ex, &f, &out->proven);
	out->url = check(url, &f, &out->proven);
	out->worst = out->hash > out->hash_ex ? out->hash : out->hash_ex;
	if (out->url > out->worst)
		out->worst = out->url;
	mp_buf_release(&f.wide);
}

const char *
mp_policyhash_text(enum mp_policyhash h)
{
	switch (h) {
	case MP_POLICYHASH_NONE:
		return "not given";
	case MP_POLICYHASH_MATCHES:
		return "matches";
	case MP_POLICYHASH_UNKNOWN:
		return "unknown form";
	case MP_POLICYHASH_DIFFERS:
		return "differs";
	}
	return "unknown form";
}
