#include "pkcs11/provision/address.h"

#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

static P11KitUri *
begin(const struct module_token *token)
{
	P11KitUri *uri = p11_kit_uri_new();
	CK_TOKEN_INFO *info;

	if (uri == NULL)
		return NULL;
	info = p11_kit_uri_get_token_info(uri);
	memcpy(info->label, token->label, sizeof(token->label));
	memcpy(info->manufacturerID, token->manufacturer,
	    sizeof(token->manufacturer));
	memcpy(info->model, token->model, sizeof(token->model));
	memcpy(info->serialNumber, token->serial, sizeof(token->serial));
	return uri;
}

static int
finish(P11KitUri *uri, P11KitUriType type, char *text, size_t room)
{
	char *made = NULL;
	int r = -1;

	text[0] = '\0';
	if (p11_kit_uri_format(uri, type, &made) == P11_KIT_URI_OK &&
	    strlen(made) < room) {
		memcpy(text, made, strlen(made) + 1);
		r = 0;
	}
	free(made);
	p11_kit_uri_free(uri);
	return r;
}

int
address_token(const struct module_token *token, char *text, size_t room)
{
	P11KitUri *uri = begin(token);

	text[0] = '\0';
	return uri == NULL ? -1
			   : finish(uri, P11_KIT_URI_FOR_TOKEN, text, room);
}

/* p11-kit's headers know no const; p11-kit copies the value. */
static int
set(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, const uint8_t *value, size_t len)
{
	union {
		const uint8_t *in;
		void *out;
	} loan = {value};
	CK_ATTRIBUTE attr = {type, loan.out, len};

	if (len == 0)
		return 0;
	return p11_kit_uri_set_attribute(uri, &attr) == P11_KIT_URI_OK ? 0 : -1;
}

int
address_key(const struct module_token *token, const uint8_t *label,
    size_t labellen, const uint8_t *id, size_t idlen, char *text, size_t room)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE private = {CKA_CLASS, &class, sizeof(class)};
	P11KitUri *uri = begin(token);

	text[0] = '\0';
	if (uri == NULL)
		return -1;
	if (p11_kit_uri_set_attribute(uri, &private) != P11_KIT_URI_OK ||
	    set(uri, CKA_LABEL, label, labellen) != 0 ||
	    set(uri, CKA_ID, id, idlen) != 0) {
		p11_kit_uri_free(uri);
		return -1;
	}
	return finish(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, text, room);
}
