#include "pkcs11/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "pkcs11/text.h"
#include "pkcs11/trouble.h"

#define URI_IN_MAX 1024

struct uri {
	P11KitUri *parsed;
	char text[URI_TEXT_MAX];
};

/* Attributes of RFC 7512, section 2.3, that say which token is meant. */
static const char *const choosing[] = {
    "token",
    "manufacturer",
    "serial",
    "model",
    "library-manufacturer",
    "library-description",
    "library-version",
    "slot-manufacturer",
    "slot-description",
    "slot-id",
};

static const struct {
	const char *name;
	const char *reason;
} refused[] = {
    {"object", "keys are chosen by their certificate's thumbprint"},
    {"id", "keys are chosen by their certificate's thumbprint"},
    {"type", "keys are chosen by their certificate's thumbprint"},
    {"pin-value", "a PIN in a URI ends up in logs and process lists; "
		  "configure where the PIN comes from instead"},
    {"pin-source", "where the PIN comes from is configured apart"},
    {"pinfile", "where the PIN comes from is configured apart"},
    {"module-name", "the module is configured apart"},
    {"module-path", "the module is configured apart"},
};

static bool
chooses(const char *name)
{
	for (size_t i = 0; i < sizeof(choosing) / sizeof(choosing[0]); i++)
		if (strcmp(name, choosing[i]) == 0)
			return true;
	return false;
}

static const char *
reason(const char *name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcasecmp(name, refused[i].name) == 0)
			return refused[i].reason;
	return NULL;
}

/*
 * Reads each attribute's name, and says what is wrong with the first that
 * does not choose a token. Values are never printed: any may be a PIN in the
 * wrong place.
 */
static int
vet(const char *text, struct token_trouble *why)
{
	const char *at = text + strcspn(text, ":");
	char name[48];

	while (*at != '\0') {
		size_t len;

		at++;
		len = strcspn(at, "=;&?");
		text_clean(at, len, name, sizeof(name));
		at += strcspn(at, ";&?");
		if (len == 0 || chooses(name))
			continue;
		if (reason(name) != NULL)
			return trouble_say(why, TOKEN_ECONFIG, false,
			    "the token's URI has the attribute \"%s\", which "
			    "is refused: %s",
			    name, reason(name));
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the token's URI has the attribute \"%s\", which RFC 7512 "
		    "does not know; correct its spelling or remove it",
		    name);
	}
	return TOKEN_OK;
}

int
uri_open(struct uri **up, const char *text, struct token_trouble *why)
{
	struct uri *u = NULL;
	int r, parsed;

	*up = NULL;
	if (strlen(text) > URI_IN_MAX)
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the token's URI is longer than %d bytes", URI_IN_MAX);
	if (strncasecmp(text, "pkcs11:", 7) != 0)
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the token's URI does not begin with \"pkcs11:\"; write "
		    "it as RFC 7512 says, for example pkcs11:token=NAME");
	r = vet(text, why);
	if (r != TOKEN_OK)
		return r;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		goto out;
	text_clean(text, strlen(text), u->text, sizeof(u->text));
	u->parsed = p11_kit_uri_new();
	if (u->parsed == NULL)
		goto out;
	parsed = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, u->parsed);
	/* p11-kit takes what it does not know, and then never matches. */
	if (parsed != P11_KIT_URI_OK ||
	    p11_kit_uri_any_unrecognized(u->parsed)) {
		r = trouble_say(why, TOKEN_ECONFIG, false,
		    "%s is not a URI that RFC 7512 allows: %s; correct it",
		    u->text,
		    parsed == P11_KIT_URI_OK
			? "something in it is not recognized"
			: p11_kit_uri_message(parsed));
		goto out;
	}
	trouble_clear(why);
	*up = u;
	u = NULL;
	r = TOKEN_OK;
out:
	uri_close(u);
	return r;
}

void
uri_close(struct uri *u)
{
	if (u == NULL)
		return;
	p11_kit_uri_free(u->parsed);
	free(u);
}

const char *
uri_text(const struct uri *u)
{
	return u->text;
}

bool
uri_fits_library(const struct uri *u, const struct module_library *l)
{
	CK_INFO info;

	memset(&info, 0, sizeof(info));
	memcpy(info.manufacturerID, l->manufacturer, sizeof(l->manufacturer));
	memcpy(info.libraryDescription, l->description, sizeof(l->description));
	info.libraryVersion.major = l->major;
	info.libraryVersion.minor = l->minor;
	return p11_kit_uri_match_module_info(u->parsed, &info) == 1;
}

bool
uri_fits_slot(const struct uri *u, const struct module_slot *slot)
{
	CK_SLOT_INFO info;
	CK_SLOT_ID id = p11_kit_uri_get_slot_id(u->parsed);

	memset(&info, 0, sizeof(info));
	memcpy(
	    info.slotDescription, slot->description, sizeof(slot->description));
	memcpy(info.manufacturerID, slot->manufacturer,
	    sizeof(slot->manufacturer));
	return (id == (CK_SLOT_ID)-1 || id == slot->id) &&
	       p11_kit_uri_match_slot_info(u->parsed, &info) == 1;
}

bool
uri_fits_token(const struct uri *u, const struct module_token *token)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	memcpy(info.label, token->label, sizeof(token->label));
	memcpy(info.manufacturerID, token->manufacturer,
	    sizeof(token->manufacturer));
	memcpy(info.model, token->model, sizeof(token->model));
	memcpy(info.serialNumber, token->serial, sizeof(token->serial));
	return p11_kit_uri_match_token_info(u->parsed, &info) == 1;
}
