#include "mp/cli/policyname.h"

#include <string.h>

#include <openssl/evp.h>

#include "mp/cli/describe.h"

#define PLAIN_MAX 80 /* characters of an id that a name keeps */
#define PART 6       /* bytes of its SHA-256 */

struct flag {
	unsigned bit;
	const char *name;
};

/* wire-facts 5.2; 16 and 32 are known by name only. */
static const struct flag flags_known[] = {
    {1, "task-sequence"},
    {2, "requires-auth"},
    {4, "secret"},
    {8, "intranet-only"},
    {16, "persist-whole-policy"},
    {32, "authorized-dynamic-download"},
    {64, "compressed"},
};

/* The first character may not hide the file or look like an option. */
static bool
harmless(char c, bool first)
{
	if (first && (c == '.' || c == '-'))
		return false;
	return c != '\0' && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789._-",
				c) != NULL;
}

/* The part of the id's hash that tells it from others, or "". */
static void
tag(const char *id, char text[2 * PART + 2])
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	text[0] = '\0';
	if (EVP_Digest(id, strlen(id), hash, NULL, EVP_sha256(), NULL) != 1)
		return;
	text[0] = '-';
	describe_hex(hash, PART, text + 1);
}

void
policyname_file(const char *id, char name[POLICYNAME_MAX])
{
	size_t len = strlen(id), n = 0;
	char mark[2 * PART + 2] = "";
	const char *from = id;
	bool changed;

	if (len > 2 && id[0] == '{' && id[len - 1] == '}') {
		from++;
		len -= 2;
	}
	changed = len == 0 || len > PLAIN_MAX;
	for (; n < len && n < PLAIN_MAX; n++) {
		bool fine = harmless(from[n], n == 0);

		name[n] = fine ? from[n] : '_';
		changed = changed || !fine;
	}
	if (n == 0)
		name[n++] = '_';
	name[n] = '\0';
	if (changed)
		tag(id, mark);
	snprintf(name + n, POLICYNAME_MAX - n, "%s.xml", mark);
}

void
policyname_flags(struct record *r, const char *name, unsigned flags)
{
	char hex[16];

	record_set_words(r, name);
	for (size_t i = 0; i < sizeof(flags_known) / sizeof(flags_known[0]);
	     i++) {
		if ((flags & flags_known[i].bit) != 0)
			record_add_word(r, name, flags_known[i].name);
		flags &= ~flags_known[i].bit;
	}
	for (unsigned bit = 1; bit != 0; bit <<= 1) {
		if ((flags & bit) == 0)
			continue;
		snprintf(hex, sizeof(hex), "0x%x", bit);
		record_add_word(r, name, hex);
	}
}
