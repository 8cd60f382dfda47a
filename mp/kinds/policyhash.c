#include "mp/kinds/policyhash.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "mp/hex.h"
#include "mp/utf16.h"

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

/* wide: BOM, text, NUL; each end may be left off. */
static enum mp_policyhash
compare(const struct claim *c, const struct mp_buf *body,
    const struct mp_buf *xml, const struct mp_buf *wide)
{
	EVP_MD *md = EVP_MD_fetch(NULL, c->algorithm, NULL);
	bool found;

	if (md == NULL) /* a crypto policy that has no MD5 */
		return MP_POLICYHASH_UNKNOWN;
	found = fits(c, md, body->data, body->len) ||
		fits(c, md, xml->data, xml->len);
	if (!found && wide->len >= 4)
		found = fits(c, md, wide->data, wide->len) ||
			fits(c, md, wide->data, wide->len - 2) ||
			fits(c, md, wide->data + 2, wide->len - 2) ||
			fits(c, md, wide->data + 2, wide->len - 4);
	EVP_MD_free(md);
	return found ? MP_POLICYHASH_MATCHES : MP_POLICYHASH_DIFFERS;
}

static enum mp_policyhash
check(const char *text, const struct mp_buf *body, const struct mp_buf *xml,
    const struct mp_buf *wide)
{
	struct claim c = {0};

	if (text == NULL || text[0] == '\0')
		return MP_POLICYHASH_NONE;
	if (!read_claim(text, &c))
		return MP_POLICYHASH_UNKNOWN;
	return compare(&c, body, xml, wide);
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
    const struct mp_buf *xml, struct mp_policyhashes *out)
{
	const char *url = in_location(a->location);
	char plain[8 + 2 * EVP_MAX_MD_SIZE] = "SHA256:";
	struct mp_buf wide;

	mp_buf_init(&wide, UTF16_MAX);
	mp_buf_add(&wide, "\xFF\xFE", 2);
	if (mp_utf16_add(&wide, (const char *)xml->data, xml->len, NULL) !=
	    MP_OK)
		mp_buf_clear(&wide);
	else
		mp_buf_add(&wide, "\0", 2);
	if (url != NULL && strncasecmp(url, "SHA256%3A", 9) == 0 &&
	    strlen(url + 9) < sizeof(plain) - 8) {
		memcpy(plain + 7, url + 9, strlen(url + 9) + 1);
		url = plain;
	}
	out->hash = check(a->hash, body, xml, &wide);
	out->hash_ex = check(a->hash_ex, body, xml, &wide);
	out->url = check(url, body, xml, &wide);
	out->worst = out->hash > out->hash_ex ? out->hash : out->hash_ex;
	if (out->url > out->worst)
		out->worst = out->url;
	mp_buf_release(&wide);
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
