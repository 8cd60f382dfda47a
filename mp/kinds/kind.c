#include "mp/kinds/kind.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mp/kinds/value.h"

#define SIGN MP_FLAG_SIGN
#define ENCRYPT MP_FLAG_ENCRYPT
#define CRL MP_FLAG_CRL
#define COMPRESS MP_FLAG_COMPRESS
#define ALL (MP_FLAG_NATIVE | SIGN | ENCRYPT | CRL | COMPRESS)

#define RELAY "MP_RelayEndpoint"
#define LOCATION "MP_LocationManager"

/* [S]: what every declared body was seen to begin with (wire-facts 1.4). */
static const char declaration[] = "<?xml version=\"1.0\" encoding=\"utf-16\"?>";

/*
 * COMPRESS stands in no documented table and goes with every kind, as it was
 * seen [S]. The marks are those of the facts: [D] documented, [S] seen sent,
 * [W] seen elsewhere, [T] told by others, [I] inferred.
 */
static const struct mp_kind_rule table[] = {
    {.kind = MP_KIND_REGISTRATION,
	.name = "registration",
	.endpoint = "MP_ClientRegistration",
	.root = "ClientRegistrationRequest",
	.reply_root = "ClientRegistrationResponse",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "cc143414 [D]: mixed none; native, optionally CRL",
	.rule = "documented in cc143414"},
    {.kind = MP_KIND_ASSIGNMENTS,
	.name = "assignments",
	.endpoint = "MP_PolicyManager",
	.root = "RequestAssignments",
	.reply_root = "ReplyAssignments",
	.mode = MP_REPLY_SYNC,
	.mixed_required = SIGN,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc146760 [D], its flags UNSEEN; signed in either mode as "
		  "sent (wire-facts 2, sdk/10, sdk/15 [S]); CRL as "
		  "registration [I]",
	.rule = "cc146760; as clients were seen to send it"},
    {.kind = MP_KIND_CONTENT_LOCATION,
	.name = "content",
	.endpoint = LOCATION,
	.root = "ContentLocationRequest",
	.reply_root = "ContentLocationReply",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "cc144750 [D]: mixed none; native, optionally CRL",
	.rule = "documented in cc144750"},
    {.kind = MP_KIND_WSUS_LOCATION,
	.name = "wsus",
	.endpoint = LOCATION,
	.root = "WSUSLocationRequest",
	.reply_root = "WSUSLocationReply",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "cc145457 [D], its flags UNSEEN: as content location "
		  "(cc144750) [I]",
	.rule = "cc145457; as content location, cc144750"},
    {.kind = MP_KIND_LOCAL_MP_LOCATION,
	.name = "local-mp",
	.endpoint = LOCATION,
	.root = "LocalMPLocationRequest",
	.reply_root = "LocalMPLocationReply",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "cc145540 [D], its flags UNSEEN: as content location "
		  "(cc144750) [I]",
	.rule = "cc145540; as content location, cc144750"},
    {.kind = MP_KIND_ASSIGNED_SITE,
	.name = "assigned-site",
	.endpoint = LOCATION,
	.root = "AssignedSiteRequest",
	.reply_root = "AssignedSiteReply",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "wire-facts 8.5, sdk/50 [S]: sent unsigned; name of the "
		  "reply and CRL as content location [I]",
	.rule = "as clients were seen to send it: unsigned"},
    {.kind = MP_KIND_SITE_INFORMATION,
	.name = "site",
	.endpoint = LOCATION,
	.root = "SiteInformationRequest",
	.reply_root = "SiteInformationReply",
	.mode = MP_REPLY_SYNC,
	.native_optional = CRL,
	.source = "wire-facts 8.5, sdk/51 [S]: sent unsigned; name of the "
		  "reply and CRL as content location [I]",
	.rule = "as clients were seen to send it: unsigned"},
    {.kind = MP_KIND_DDR,
	.name = "ddr",
	.endpoint = "MP_DdrEndpoint",
	.root = "Report",
	.attachment = "{00000000-0000-0000-0000-000000000003}",
	.mode = MP_REPLY_ASYNC,
	.payload = MP_PAYLOAD_ATTACHMENT,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc143463 [D], its flags UNSEEN: as software inventory "
		  "(cc144259) and state (cc143783) [I]; sent signed, sdk/20 "
		  "[S]",
	.rule = "cc143463; as software inventory, cc144259"},
    {.kind = MP_KIND_HARDWARE_INVENTORY,
	.name = "hinv",
	.endpoint = "MP_HinvEndpoint",
	.root = "Report",
	.attachment = "{00000000-0000-0000-0000-000000000001}",
	.mode = MP_REPLY_ASYNC,
	.payload = MP_PAYLOAD_ATTACHMENT,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc145398 [D], its flags and attachment name UNSEEN: as "
		  "software inventory (cc144259) [I]; sent signed, sdk/21, "
		  "and encrypted, sdk/30 [S]",
	.rule = "cc145398; as software inventory, cc144259"},
    {.kind = MP_KIND_SOFTWARE_INVENTORY,
	.name = "sinv",
	.endpoint = "MP_SinvEndpoint",
	.root = "Report",
	.attachment = "{00000000-0000-0000-0000-000000000002}",
	.mode = MP_REPLY_ASYNC,
	.payload = MP_PAYLOAD_ATTACHMENT,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc144259 [D]: mixed signed; the rest of its table UNSEEN: "
		  "as state (cc143783) [I]; sent signed, sdk/23 [S]",
	.rule =
	    "documented in cc144259; what it leaves open as state, cc143783"},
    {.kind = MP_KIND_FILE_COLLECTION,
	.name = "files",
	.endpoint = "MP_SinvCollFileEndpoint",
	.root = "Report",
	.mode = MP_REPLY_ASYNC,
	.payload = MP_PAYLOAD_FILES,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc145337 [D], its flags UNSEEN: as software inventory "
		  "(cc144259) [I]",
	.rule = "cc145337; as software inventory, cc144259"},
    {.kind = MP_KIND_STATUS,
	.name = "status",
	.endpoint = "StatusReceiver",
	.root = "Status",
	.mode = MP_REPLY_ASYNC,
	.mixed_optional = SIGN,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc144147 [D]: mixed none; native signed, optionally CRL. "
		  "Later senders sign in mixed mode too, sdk/26 [S]: allowed",
	.rule = "documented in cc144147"},
    {.kind = MP_KIND_STATE,
	.name = "state",
	.endpoint = RELAY,
	.root = "Report",
	.file_type = "SMX",
	.mode = MP_REPLY_ASYNC,
	.declared = true,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc143783 [D]: signed in either mode, optionally ENCRYPT "
		  "in mixed and CRL in native. Later senders leave it "
		  "unsigned, sdk/24 [S]",
	.rule = "documented in cc143783"},
    {.kind = MP_KIND_IDMIF,
	.name = "idmif",
	.endpoint = RELAY,
	.root = "Report",
	.file_type = "IDMIF",
	.mode = MP_REPLY_ASYNC,
	.payload = MP_PAYLOAD_FILES,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc145422 [D], its flags UNSEEN: as state (cc143783) [I]",
	.rule = "cc145422; as state, cc143783"},
    {.kind = MP_KIND_METERING,
	.name = "metering",
	.endpoint = RELAY,
	.root = "Report",
	.file_type = "SWM",
	.mode = MP_REPLY_ASYNC,
	.declared = true,
	.mixed_required = SIGN,
	.mixed_optional = ENCRYPT,
	.native_required = SIGN,
	.native_optional = CRL,
	.source = "cc145804 [D]: in the body; its flags UNSEEN: as state "
		  "(cc143783) [I]. Later senders attach it, unsigned "
		  "(wire-facts 8.3 [S])",
	.rule = "cc145804; as state, cc143783"},
    {.kind = MP_KIND_FALLBACK_STATUS,
	.name = "fallback",
	.root = "Report",
	.mode = MP_REPLY_ASYNC,
	.source = "wire-facts 8.3, sdk/27 [S]: no envelope, so no flags",
	.rule = "it goes to a fallback status point, fsp, as a bare report"},
};

#define ROWS (sizeof(table) / sizeof(table[0]))

const struct mp_kind_rule *
mp_kind_at(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

const struct mp_kind_rule *
mp_kind_rule(enum mp_kind kind)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].kind == kind)
			return &table[i];
	return NULL;
}

const struct mp_kind_rule *
mp_kind_by_name(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcasecmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const struct mp_kind_rule *
mp_kind_by_endpoint(const char *endpoint, const char *root)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].endpoint != NULL &&
		    strcasecmp(table[i].endpoint, endpoint) == 0 &&
		    (root == NULL || strcasecmp(table[i].root, root) == 0))
			return &table[i];
	return NULL;
}

void
mp_kind_roots(const char *endpoint, char roots[MP_KIND_ROOTS_MAX])
{
	char one[64];
	size_t len;

	roots[0] = '\0';
	for (size_t i = 0; i < ROWS; i++) {
		if (table[i].endpoint == NULL ||
		    strcasecmp(table[i].endpoint, endpoint) != 0)
			continue;
		(void)snprintf(one, sizeof(one), "<%s>", table[i].root);
		if (strstr(roots, one) != NULL)
			continue;
		len = strlen(roots);
		(void)snprintf(roots + len, MP_KIND_ROOTS_MAX - len, "%s%s",
		    len > 0 ? ", " : "", one);
	}
}

uint32_t
mp_kind_default_flags(const struct mp_kind_rule *k, bool native)
{
	uint32_t flags =
	    native ? MP_FLAG_NATIVE | k->native_required : k->mixed_required;

	return k->endpoint == NULL ? flags : flags | COMPRESS;
}

/* What counts for every message (sdk-facts 2.1, 5). */
static int
check_mode(uint32_t flags, bool internet, struct mp_error *e)
{
	bool native = (flags & MP_FLAG_NATIVE) != 0;

	if ((flags & ~ALL) != 0)
		return mp_fail(e, MP_EARG,
		    "security flags 0x%08X are not documented; use sign, "
		    "encrypt, crl and compress",
		    (unsigned)(flags & ~ALL));
	if (internet && !native)
		return mp_fail(e, MP_EARG,
		    "an Internet-based client (InternetFlag 1 or 2) talks in "
		    "native mode only: management points discard its messages "
		    "in mixed mode; use --mode native");
	if (native && (flags & ENCRYPT) != 0)
		return mp_fail(e, MP_EARG,
		    "messages are encrypted in mixed mode only; in native "
		    "mode TLS does it: leave out encrypt");
	if (!native && (flags & CRL) != 0)
		return mp_fail(e, MP_EARG,
		    "revocation is checked in native mode only, where the "
		    "management point has a TLS certificate: leave out crl");
	return MP_OK;
}

static const char *
flag_name(uint32_t flag)
{
	return flag == SIGN ? "sign" : flag == ENCRYPT ? "encrypt" : "crl";
}

int
mp_kind_check_flags(const struct mp_kind_rule *k, uint32_t flags, bool internet,
    struct mp_error *e)
{
	static const uint32_t each[] = {SIGN, ENCRYPT, CRL};
	bool native = (flags & MP_FLAG_NATIVE) != 0;
	uint32_t required, allowed;
	int r = check_mode(flags, internet, e);

	if (r != MP_OK || k == NULL)
		return r;
	required = native ? k->native_required : k->mixed_required;
	allowed = required | (native ? k->native_optional : k->mixed_optional);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if ((required & ~flags & each[i]) != 0)
			return mp_fail(e, MP_EARG,
			    "a message of kind %s needs the flag \"%s\" in "
			    "%s mode: add it (%s)",
			    k->name, flag_name(each[i]),
			    native ? "native" : "mixed", k->rule);
		if ((flags & ~allowed & each[i]) != 0)
			return mp_fail(e, MP_EARG,
			    "a message of kind %s cannot have the flag "
			    "\"%s\" in %s mode: leave it out (%s)",
			    k->name, flag_name(each[i]),
			    native ? "native" : "mixed", k->rule);
	}
	if (k->endpoint == NULL && (flags & COMPRESS) != 0)
		return mp_fail(e, MP_EARG,
		    "a message of kind %s cannot be compressed: leave out "
		    "compress (%s)",
		    k->name, k->rule);
	return MP_OK;
}

int
mp_kind_check_root(
    const struct mp_kind_rule *k, const char *root, struct mp_error *e)
{
	if (strcasecmp(root, k->root) == 0)
		return MP_OK;
	return mp_fail(e, MP_EARG,
	    "the body's root element is <%.60s>, but a %s message has <%s>; a "
	    "management point answers that with SMS_ERR_INVALID_SCHEMA",
	    root, k->name, k->root);
}

int
mp_kind_check_body(const struct mp_kind_rule *k, const char *xml, size_t len,
    struct mp_error *e)
{
	struct mp_xml *doc;
	int r = mp_value_parse(&doc, xml, len, "the message's body", e);

	if (r == MP_OK)
		r = mp_kind_check_root(k, mp_xml_name(mp_xml_root(doc)), e);
	mp_xml_free(doc);
	return r;
}

const char *
mp_kind_prolog(const struct mp_kind_rule *k)
{
	return k->declared ? declaration : "";
}
