#include "pkcs11/provision/name.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "pkcs11/text.h"
#include "pkcs11/trouble.h"

/* The types that certificates of people, machines and programs have. */
static const struct type {
	const char *name;
	int nid;
} types[] = {
    {"CN", NID_commonName},
    {"OU", NID_organizationalUnitName},
    {"O", NID_organizationName},
    {"L", NID_localityName},
    {"ST", NID_stateOrProvinceName},
    {"C", NID_countryName},
    {"STREET", NID_streetAddress},
    {"DC", NID_domainComponent},
    {"UID", NID_userId},
    {"SN", NID_surname},
    {"GN", NID_givenName},
    {"title", NID_title},
    {"serialNumber", NID_serialNumber},
    {"emailAddress", NID_pkcs9_emailAddress},
};

#define KNOWN                                                                \
	"CN, OU, O, L, ST, C, STREET, DC, UID, SN, GN, title, serialNumber " \
	"and emailAddress"

/* The text as it is read. */
struct reader {
	const char *at;
	char separator; /* between names: ',' or '/' */
	char value[NAME_TEXT_MAX];
	size_t len;
};

static int
refuse(struct token_trouble *why, const char *at, const char *reason)
{
	char shown[48];

	text_clean(at, strlen(at), shown, sizeof(shown));
	return trouble_say(why, TOKEN_ECONFIG, false,
	    "the subject is no distinguished name at \"%s\": %s", shown,
	    reason);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character after a backslash: RFC 4514, section 3. */
static int
escape(struct reader *r)
{
	const char *s = r->at + 1;

	if (*s != '\0' && strchr(" \"#+,;<=>\\/", *s) != NULL) {
		r->value[r->len++] = *s;
		r->at += 2;
		return 0;
	}
	if (hex(s[0]) < 0 || hex(s[1]) < 0 || hex(s[0]) + hex(s[1]) == 0)
		return -1;
	r->value[r->len++] = (char)(hex(s[0]) << 4 | hex(s[1]));
	r->at += 3;
	return 0;
}

/* Reads a value up to a separator, without the blanks around it. */
static int
value(struct reader *r, struct token_trouble *why)
{
	size_t keep = 0; /* an escaped blank is no blank around it */

	r->len = 0;
	r->at += strspn(r->at, " ");
	if (*r->at == '#' || *r->at == '"')
		return refuse(why, r->at,
		    "write the value as text, with \\ before special "
		    "characters");
	while (*r->at != '\0' && *r->at != r->separator && *r->at != '+' &&
	       *r->at != ';') {
		if (*r->at != '\\') {
			r->value[r->len++] = *r->at++;
			continue;
		}
		if (escape(r) != 0)
			return refuse(why, r->at,
			    "\\ stands before a special character or two "
			    "hexadecimal digits");
		keep = r->len;
	}
	while (r->len > keep && r->value[r->len - 1] == ' ')
		r->len--;
	return r->len > 0 ? TOKEN_OK
			  : refuse(why, r->at, "a value must not be empty");
}

/* Reads TYPE=. */
static int
type(struct reader *r, int *nid, struct token_trouble *why)
{
	const char *start;
	size_t len;

	r->at += strspn(r->at, " ");
	start = r->at;
	len = strcspn(start, "=,+;/\\");
	if (start[len] != '=')
		return refuse(
		    why, start, "write it as TYPE=VALUE, as in CN=pc7");
	r->at += len + 1;
	while (len > 0 && start[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strlen(types[i].name) == len &&
		    strncasecmp(types[i].name, start, len) == 0) {
			*nid = types[i].nid;
			return TOKEN_OK;
		}
	}
	return refuse(why, start, "this type is not known; known are " KNOWN);
}

/*
 * Adds one TYPE=VALUE: at the end, or, in the order of RFC 4514, at the
 * front; with `join` it belongs to the name that was added last.
 */
static int
add(struct reader *r, X509_NAME *name, bool join, struct token_trouble *why)
{
	bool front = r->separator == ',';
	const char *start = r->at;
	int nid = 0, err, set = join ? (front ? 1 : -1) : 0;

	err = type(r, &nid, why);
	if (err == TOKEN_OK)
		err = value(r, why);
	if (err != TOKEN_OK)
		return err;
	if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
		(const unsigned char *)r->value, (int)r->len, front ? 0 : -1,
		set) == 1)
		return TOKEN_OK;
	ERR_clear_error();
	return refuse(why, start,
	    "its value is too long or too short for its type, or has "
	    "characters that it must not have");
}

static int
names(struct reader *r, X509_NAME *name, struct token_trouble *why)
{
	bool join = false;
	int err;

	for (;;) {
		err = add(r, name, join, why);
		if (err != TOKEN_OK || *r->at == '\0')
			return err;
		if (*r->at == ';')
			return refuse(why, r->at, "write \\; for a semicolon");
		join = *r->at++ == '+';
	}
}

int
name_parse(const char *text, uint8_t der[NAME_DER_MAX], size_t *len,
    struct token_trouble *why)
{
	struct reader r = {.at = text, .separator = ','};
	X509_NAME *name = NULL;
	uint8_t *at = der;
	int err, n;

	*len = 0;
	if (text == NULL || strlen(text) >= NAME_TEXT_MAX)
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the subject is %s; give one such as CN=pc7",
		    text == NULL ? "missing" : "too long");
	name = X509_NAME_new();
	if (name == NULL)
		return trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (*text == '/') {
		r.separator = '/';
		r.at++;
	}
	err = names(&r, name, why);
	if (err != TOKEN_OK)
		goto out;
	n = i2d_X509_NAME(name, NULL);
	if (n > 0 && n <= NAME_DER_MAX)
		*len = (size_t)i2d_X509_NAME(name, &at);
	else
		err = trouble_say(
		    why, TOKEN_ECONFIG, false, "the subject is too long");
out:
	X509_NAME_free(name);
	return err;
}
