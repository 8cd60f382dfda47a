#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "agent/evp/internal.h"

#define TEXT_MAX 64

/* A setting that has a number and a name. */
struct spelling {
	int number;
	const char *name;
};

static const struct spelling paddings[] = {
    {RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15},
    {RSA_NO_PADDING, OSSL_PKEY_RSA_PAD_MODE_NONE},
    {RSA_PKCS1_OAEP_PADDING, OSSL_PKEY_RSA_PAD_MODE_OAEP},
    {RSA_PKCS1_OAEP_PADDING, "oeap"}, /* OpenSSL's own slip, kept alive */
    {RSA_X931_PADDING, OSSL_PKEY_RSA_PAD_MODE_X931},
    {RSA_PKCS1_PSS_PADDING, OSSL_PKEY_RSA_PAD_MODE_PSS},
    {0, NULL},
};

static const struct spelling salts[] = {
    {RSA_PSS_SALTLEN_DIGEST, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST},
    {RSA_PSS_SALTLEN_AUTO, OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO},
    {RSA_PSS_SALTLEN_MAX, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX},
    {0, NULL},
};

bool
evpparam_text(const OSSL_PARAM *p, char *text, size_t len)
{
	return p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL &&
	       OSSL_PARAM_get_utf8_string(p, &text, len) == 1;
}

static const struct spelling *
by_name(const struct spelling *table, const char *name)
{
	for (; table->name != NULL; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static const struct spelling *
by_number(const struct spelling *table, int number)
{
	for (; table->name != NULL; table++)
		if (table->number == number)
			return table;
	return NULL;
}

bool
evpparam_padding(const OSSL_PARAM *p, int *padding)
{
	const struct spelling *found;
	char text[TEXT_MAX];

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, padding) == 1;
	if (!evpparam_text(p, text, sizeof(text)))
		return false;
	found = by_name(paddings, text);
	if (found != NULL)
		*padding = found->number;
	return found != NULL;
}

/* A number of bytes or, below zero, one of the names. */
static bool
sensible(int salt)
{
	return salt >= 0 || by_number(salts, salt) != NULL;
}

bool
evpparam_salt(const OSSL_PARAM *p, int *salt)
{
	const struct spelling *found;
	char text[TEXT_MAX], *end;
	long n;

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, salt) == 1 && sensible(*salt);
	if (!evpparam_text(p, text, sizeof(text)))
		return false;
	found = by_name(salts, text);
	if (found != NULL) {
		*salt = found->number;
		return true;
	}
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n > SIGNER_SIG_MAX ||
	    n < RSA_PSS_SALTLEN_MAX)
		return false;
	*salt = (int)n;
	return sensible(*salt);
}

int
evpparam_put_padding(OSSL_PARAM *p, int padding)
{
	const struct spelling *s = by_number(paddings, padding);

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, padding);
	return s != NULL && OSSL_PARAM_set_utf8_string(p, s->name);
}

int
evpparam_put_salt(OSSL_PARAM *p, int salt)
{
	const struct spelling *s = by_number(salts, salt);
	char text[TEXT_MAX];

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, salt);
	if (s != NULL)
		return OSSL_PARAM_set_utf8_string(p, s->name);
	(void)snprintf(text, sizeof(text), "%d", salt);
	return OSSL_PARAM_set_utf8_string(p, text);
}
