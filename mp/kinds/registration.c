#include "mp/kinds/registration.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "mp/number.h"
#include "mp/utf16.h"
#include "mp/writer.h"
#include "mp/xml.h"

/* What the vendor's own client calls itself [S] (wire-facts 4.1). */
#define AGENT_IDENTITY "CCMSetup.exe"
#define AGENT_VERSION "5.00.8325.0000"

/* sha256WithRSAEncryption; SHA-1 has no name on the wire (wire-facts 3.2). */
#define OID_SHA256 "1.2.840.113549.1.1.11"

#define AGENT_PROXY_CLIENT 8
#define LOCALE_DEFAULT 1033u
#define REQUEST_MAX (1u << 20) /* bytes, as UTF-8 */

/* The one form that was seen (wire-facts 4.1 [S]). */
static bool
hardware_id(const char *text)
{
	static const char hex[] = "0123456789ABCDEFabcdef";

	return strncmp(text, "2:", 2) == 0 && strlen(text) == 42 &&
	       strspn(text + 2, hex) == 40;
}

/* What only native mode has (sdk-facts 4.1, 5 [D]). */
static int
check_mode(const struct mp_registration *r, struct mp_error *e)
{
	if (r->mixed && r->internet != 0)
		return mp_fail(e, MP_EARG,
		    "InternetFlag %d is for native mode: a management point "
		    "in mixed mode discards what Internet-based clients send; "
		    "use --mode native",
		    r->internet);
	if (r->mixed && r->hint != NULL)
		return mp_fail(e, MP_EARG,
		    "a registration hint is for native mode only; leave it "
		    "out in mixed mode");
	if (r->hint != NULL && r->hint[0] == '\0')
		return mp_fail(e, MP_EARG, "the registration hint is empty");
	if (r->hardware_id != NULL && !hardware_id(r->hardware_id))
		return mp_fail(e, MP_EARG,
		    "the hardware id \"%.80s\" is not \"2:\" and 40 "
		    "hexadecimal digits",
		    r->hardware_id);
	return MP_OK;
}

static int
check(const struct mp_registration *r, struct mp_error *e)
{
	if (r->netbios == NULL || r->netbios[0] == '\0' || r->fqdn == NULL ||
	    r->fqdn[0] == '\0')
		return mp_fail(e, MP_EARG,
		    "a registration needs a NetBIOS "
		    "name and a fully qualified name");
	if (r->agent_type != 0 && r->agent_type != 4 &&
	    r->agent_type != AGENT_PROXY_CLIENT)
		return mp_fail(e, MP_EARG,
		    "agent type %d cannot register; "
		    "0 is a client, 4 an ISV proxy, 8 its client",
		    r->agent_type);
	if ((r->agent_type == AGENT_PROXY_CLIENT) != (r->proxy != NULL))
		return mp_fail(e, MP_EARG,
		    "an ISV proxy's client, and nobody "
		    "else, registers with its proxy's SMSID");
	if (r->internet < 0 || r->internet > 2)
		return mp_fail(e, MP_EARG, "InternetFlag %d is not 0, 1 or 2",
		    r->internet);
	if ((r->smsid != NULL && !mp_smsid_valid(r->smsid)) ||
	    (r->proxy != NULL && !mp_smsid_valid(r->proxy)))
		return mp_fail(e, MP_EARG,
		    "an SMSID is written \"GUID:\" and "
		    "36 characters of a GUID");
	return check_mode(r, e);
}

static void
put_property(struct mp_writer *w, const char *name, const char *value)
{
	mp_writer_start(w, "Property");
	mp_writer_set(w, "Name", name);
	mp_writer_set(w, "Value", value);
	mp_writer_end(w, "Property");
}

static void
put_certificate(
    struct mp_writer *w, const char *name, const struct mp_identity *me)
{
	mp_writer_start(w, name);
	mp_writer_set(w, "Encoding", "HexBinary");
	/* 1 self-signed, 2 issued, whatever the transport (wire-facts 3.5) */
	mp_writer_set(w, "KeyType", me->self_signed ? "1" : "2");
	mp_writer_raw(w, me->cert_hex, strlen(me->cert_hex));
	mp_writer_end(w, name);
}

static void
put_client(struct mp_writer *w, const struct mp_registration *r,
    const struct mp_identity *me)
{
	bool old = r->names == MP_NAMES_2007;
	char number[24];

	mp_writer_start(w, "Certificates");
	put_certificate(w, "Encryption", me);
	put_certificate(w, "Signing", me);
	mp_writer_end(w, "Certificates");
	mp_writer_start(w, "DiscoveryProperties");
	put_property(w, old ? "NetBIOS Name" : "Netbios Name", r->netbios);
	put_property(w, "FQ Name", r->fqdn);
	(void)snprintf(number, sizeof(number), "%u",
	    r->locale == 0 ? LOCALE_DEFAULT : r->locale);
	put_property(w, old ? "Locale Id" : "Locale ID", number);
	(void)snprintf(number, sizeof(number), "%d", r->internet);
	put_property(w, "InternetFlag", number);
	if (r->hardware_id != NULL)
		put_property(w, "HardwareID1", r->hardware_id);
	mp_writer_end(w, "DiscoveryProperties");
	if (r->hint != NULL)
		mp_writer_leaf(w, "RegistrationHint", r->hint);
}

/* <Data ...>...</Data>, exactly as it is signed and sent. */
static int
make_data(const struct mp_registration *r, const struct mp_identity *me,
    const char *type, const char *smsid, struct mp_buf *out, struct mp_error *e)
{
	char when[MP_TIME_MAX], number[24];
	struct mp_writer w;

	if (mp_time_text((int64_t)time(NULL), when) != 0)
		return mp_fail(e, MP_EARG, "the clock is out of range; set it");
	(void)snprintf(number, sizeof(number), "%d", r->agent_type);
	mp_writer_init(&w, out);
	mp_writer_start(&w, "Data");
	if (r->hash == MP_SHA256)
		mp_writer_set(&w, "HashAlgorithm", OID_SHA256);
	mp_writer_set(&w, "SMSID", smsid == NULL ? "" : smsid);
	mp_writer_set(&w, "RequestType", type);
	mp_writer_set(&w, "TimeStamp", r->time == NULL ? when : r->time);
	mp_writer_start(&w, "AgentInformation");
	mp_writer_set(&w, "AgentIdentity", AGENT_IDENTITY);
	mp_writer_set(&w, "AgentVersion", AGENT_VERSION);
	mp_writer_set(&w, "AgentType", number);
	mp_writer_end(&w, "AgentInformation");
	if (strcmp(type, "Registration") == 0)
		put_client(&w, r, me);
	mp_writer_end(&w, "Data");
	return mp_writer_done(&w, "the registration's data", e);
}

/* Hex signature over U16 of the data: no BOM, no NUL (wire-facts 3.1). */
static int
sign_data(const struct mp_registration *r, const struct mp_identity *me,
    const struct mp_buf *data, struct mp_buf *hex, struct mp_error *e)
{
	struct mp_buf wide;
	int x;

	mp_buf_init(&wide, 2 * REQUEST_MAX);
	x = mp_utf16_add(&wide, (const char *)data->data, data->len, e);
	if (x == MP_OK)
		x = mp_identity_sign(me, r->hash, wide.data, wide.len, hex, e);
	mp_buf_release(&wide);
	return x;
}

static int
make(const struct mp_registration *r, const struct mp_identity *me,
    const char *type, const char *smsid, const char *signer_id,
    struct mp_buf *xml, struct mp_error *e)
{
	struct mp_buf data, hex;
	struct mp_writer w;
	int x;

	mp_buf_init(&data, REQUEST_MAX);
	mp_buf_init(&hex, 2 * SIGNER_SIG_MAX);
	if ((x = check(r, e)) != MP_OK ||
	    (x = make_data(r, me, type, smsid, &data, e)) != MP_OK ||
	    (x = sign_data(r, me, &data, &hex, e)) != MP_OK)
		goto out;
	mp_writer_init(&w, xml);
	mp_writer_start(&w, "ClientRegistrationRequest");
	mp_writer_raw(&w, data.data, data.len);
	mp_writer_start(&w, "Signature");
	if (signer_id != NULL)
		mp_writer_set(&w, "SMSID", signer_id);
	mp_writer_leaf(&w, "SignatureValue", (const char *)hex.data);
	mp_writer_end(&w, "Signature");
	mp_writer_end(&w, "ClientRegistrationRequest");
	x = mp_writer_done(&w, "the registration request", e);
out:
	if (x != MP_OK)
		mp_buf_clear(xml);
	mp_buf_release(&data);
	mp_buf_release(&hex);
	return x;
}

int
mp_registration_request(const struct mp_registration *r,
    const struct mp_identity *me, struct mp_buf *xml, struct mp_error *e)
{
	return make(r, me, "Registration", r->smsid, r->proxy, xml, e);
}

int
mp_registration_confirmation(const struct mp_registration *r,
    const struct mp_identity *me, const char *smsid, struct mp_buf *xml,
    struct mp_error *e)
{
	if (smsid == NULL || !mp_smsid_valid(smsid))
		return mp_fail(e, MP_EARG,
		    "only a client that has an SMSID "
		    "can ask whether it is confirmed; register first");
	/* Its own SMSID, even where its proxy signs (sdk/05 [S]). */
	return make(r, me, "Confirmation", smsid, smsid, xml, e);
}

/* A line's signature is over U16 of the value: no NUL (wire-facts 3.1). */
static int
sign_value(const struct mp_identity *old, enum mp_hash hash, const char *value,
    struct mp_buf *out, struct mp_error *e)
{
	struct mp_buf wide;
	int x;

	mp_buf_init(&wide, 2 * MP_TEXT_MAX);
	x = mp_utf16_add(&wide, value, strlen(value), e);
	if (x == MP_OK)
		x = mp_identity_sign(old, hash, wide.data, wide.len, out, e);
	mp_buf_release(&wide);
	return x;
}

int
mp_registration_hint(const struct mp_identity *old, enum mp_hash hash,
    enum mp_hint_form form, const char *smsid, const char *when,
    struct mp_buf *out, struct mp_error *e)
{
	static const char types[] = "1;2"; /* meaning unknown (12) [S] */
	char now[MP_TIME_MAX];
	int x;

	if (smsid == NULL || !mp_smsid_valid(smsid))
		return mp_fail(e, MP_EARG,
		    "a registration hint is a signature of an SMSID: "
		    "\"GUID:\" and 36 characters of a GUID");
	if (form == MP_HINT_2007)
		return sign_value(old, hash, smsid, out, e);
	if (mp_time_text((int64_t)time(NULL), now) != 0)
		return mp_fail(e, MP_EARG, "the clock is out of range; set it");
	if (when == NULL)
		when = now;
	mp_buf_printf(out, "CCMClientID: %s\nCCMClientIDSignature: ", smsid);
	if ((x = sign_value(old, hash, smsid, out, e)) != MP_OK)
		return x;
	/* The sender that was seen writes no colon here [S]. */
	mp_buf_printf(
	    out, "\nCCMClientTimestamp: %s\nCCMClientTimeStampSignature", when);
	if ((x = sign_value(old, hash, when, out, e)) != MP_OK)
		return x;
	mp_buf_printf(out,
	    "\nCCMAuthHeaderType: %s\nCCMAuthHeaderTypeSignature: ", types);
	if ((x = sign_value(old, hash, types, out, e)) != MP_OK)
		return x;
	return mp_buf_ok(out) ? MP_OK
			      : mp_fail(e, MP_ELIMIT,
				    "the registration hint does not fit");
}

/* Status and approval, each within its documented range (4.2). */
static int
take_codes(const struct mp_xml_node *root, struct mp_state_client *out,
    struct mp_error *e)
{
	const char *status = mp_xml_attr(root, "Status");
	const char *approval = mp_xml_attr(root, "ApprovalStatus");
	uint64_t n;

	if (status == NULL || !mp_number(status, MP_REG_CERT_RESET, &n))
		return mp_fail(e, MP_EREPLY,
		    "the registration response has "
		    "Status \"%.20s\", which is none of 0 to 4",
		    status == NULL ? "" : status);
	out->status = (enum mp_registration_status)n;
	out->approval = -1;
	if (approval == NULL || strcmp(approval, "-1") == 0)
		return MP_OK;
	if (!mp_number(approval, 2, &n))
		return mp_fail(e, MP_EREPLY,
		    "the registration response has "
		    "ApprovalStatus \"%.20s\", which is none of -1 to 2",
		    approval);
	out->approval = (int)n;
	return MP_OK;
}

/*
 * The SMSID goes with status 0 and 1; only the answer to a confirmation may
 * leave it out (4.2).
 */
static int
take_smsid(const struct mp_xml_node *root, struct mp_state_client *out,
    struct mp_error *e)
{
	const char *smsid = mp_xml_attr(root, "SMSID");
	const char *type = mp_xml_attr(root, "ResponseType");

	if (smsid != NULL && smsid[0] != '\0') {
		if (!mp_smsid_valid(smsid))
			return mp_fail(e, MP_EREPLY,
			    "the registration response "
			    "has SMSID \"%.60s\", which is no GUID",
			    smsid);
		memcpy(out->smsid, smsid, strlen(smsid) + 1);
		return MP_OK;
	}
	if ((out->status != MP_REGISTERED && out->status != MP_REG_PENDING) ||
	    (type != NULL && strcasecmp(type, "Confirmation") == 0))
		return MP_OK;
	return mp_fail(e, MP_EREFUSED,
	    "the management point gave no SMSID; it "
	    "refuses this client: see MP_RegistrationManager.log there");
}

int
mp_registration_response(
    const struct mp_buf *xml, struct mp_state_client *out, struct mp_error *e)
{
	const struct mp_xml_node *root;
	struct mp_xml *doc;
	int x;

	memset(out, 0, sizeof(*out));
	out->status = MP_REG_NONE;
	x = mp_xml_parse(&doc, (const char *)xml->data, xml->len,
	    "the registration response", e);
	if (x != MP_OK)
		return x;
	root = mp_xml_root(doc);
	if (!mp_xml_is(root, "ClientRegistrationResponse"))
		x = mp_fail(e, MP_EREPLY,
		    "the answer to a registration is "
		    "<%.40s>, not <ClientRegistrationResponse>",
		    mp_xml_name(root));
	else if ((x = take_codes(root, out, e)) == MP_OK)
		x = take_smsid(root, out, e);
	mp_xml_free(doc);
	out->since = (int64_t)time(NULL);
	if (x != MP_OK) {
		memset(out, 0, sizeof(*out));
		out->status = MP_REG_NONE;
	}
	return x;
}
