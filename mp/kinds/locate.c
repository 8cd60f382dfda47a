#include "mp/kinds/locate.h"

#include <arpa/inet.h>

#include <string.h>

#include "mp/kinds/parcel.h"

static void
put_site(struct mp_writer *w, const struct mp_locate *l)
{
	mp_writer_start(w, "AssignedSite");
	mp_writer_set(w, "SiteCode", mp_value_or(l->site, ""));
	mp_writer_end(w, "AssignedSite");
}

/* The inside of ClientLocationInfo: AD site and addresses. */
static void
put_where(struct mp_writer *w, const struct mp_locate *l)
{
	mp_writer_start(w, "ADSite");
	if (l->ad_site != NULL || l->form == MP_LOCATE_2007)
		mp_writer_set(w, "Name", mp_value_or(l->ad_site, ""));
	mp_writer_end(w, "ADSite");
	mp_writer_start(w, "IPAddresses");
	for (size_t i = 0; i < l->naddresses; i++) {
		/* Names of the attributes: samples of later clients [W]. */
		mp_writer_start(w, "IPAddress");
		mp_writer_set(w, "SubnetAddress",
		    mp_value_or(l->addresses[i].subnet, ""));
		mp_writer_set(
		    w, "Address", mp_value_or(l->addresses[i].address, ""));
		mp_writer_end(w, "IPAddress");
	}
	mp_writer_end(w, "IPAddresses");
}

static void
put_items(struct mp_writer *w, const char *name, const struct mp_locate *l,
    bool flags)
{
	for (size_t i = 0; i < l->nitems; i++) {
		mp_writer_start(w, name);
		if (flags)
			mp_writer_set(w, "DeploymentFlags", "0");
		mp_writer_set(w, "ID", mp_value_or(l->items[i].id, ""));
		mp_writer_set(
		    w, "Version", mp_value_or(l->items[i].version, ""));
		mp_writer_end(w, name);
	}
}

/* The order and attributes of sdk/52 [S]. */
static void
put_content_wire(struct mp_writer *w, const struct mp_locate *l)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} allow[] = {{"AllowCaching", MP_LOCATE_CACHING},
	    {"AllowFileStreaming", MP_LOCATE_STREAMING},
	    {"AllowHTTP", MP_LOCATE_HTTP},
	    {"AllowMulticast", MP_LOCATE_MULTICAST},
	    {"AllowRTSP", MP_LOCATE_RTSP}, {"AllowSMB", MP_LOCATE_SMB},
	    {"AllowSuperPeer", MP_LOCATE_SUPERPEER}, {"BranchDPFlags", 0},
	    {"DistributeOnDemand", MP_LOCATE_ON_DEMAND}};

	mp_writer_set(w, "SchemaVersion", "1.00");
	mp_writer_set(w, "BGRVersion", "0");
	put_site(w, l);
	mp_writer_start(w, "ClientLocationInfo");
	for (size_t i = 0; i < sizeof(allow) / sizeof(allow[0]); i++)
		mp_writer_set(
		    w, allow[i].name, (l->allow & allow[i].bit) ? "1" : "0");
	mp_writer_set(
	    w, "LocationType", l->updates ? "SMSUpdate" : "SMSPackage");
	mp_writer_set(
	    w, "UseInternetDP", (l->allow & MP_LOCATE_INTERNET) ? "1" : "0");
	mp_writer_set(
	    w, "UseProtected", (l->allow & MP_LOCATE_PROTECTED) ? "1" : "0");
	put_where(w, l);
	mp_writer_end(w, "ClientLocationInfo");
	put_items(w, "Package", l, true);
}

/* Items, site, place: the order of the pages [D]. */
static void
put_documented(struct mp_writer *w, const char *schema, const char *item,
    const struct mp_locate *l)
{
	mp_writer_set(w, "SchemaVersion", schema);
	if (item != NULL)
		put_items(w, item, l, false);
	put_site(w, l);
	mp_writer_start(w, "ClientLocationInfo");
	if (l->on_internet)
		mp_writer_set(w, "OnInternet", "1");
	put_where(w, l);
	mp_writer_end(w, "ClientLocationInfo");
}

static void
put_inside(struct mp_writer *w, enum mp_kind kind, const struct mp_locate *l)
{
	if (kind == MP_KIND_CONTENT_LOCATION && l->form == MP_LOCATE_WIRE)
		put_content_wire(w, l);
	else if (kind == MP_KIND_CONTENT_LOCATION)
		put_documented(w, "1.0", "Package", l);
	else if (kind == MP_KIND_WSUS_LOCATION)
		put_documented(w, "1.00", "Content", l);
	else if (kind == MP_KIND_LOCAL_MP_LOCATION)
		put_documented(w, "1.0", NULL, l);
	else
		mp_writer_set(w, "SchemaVersion", "1.00");
	if (kind != MP_KIND_SITE_INFORMATION)
		return;
	mp_writer_start(w, "SiteCode");
	mp_writer_set(w, "Name", mp_value_or(l->site, ""));
	mp_writer_end(w, "SiteCode");
}

/* Kinds that are questions of place. */
static bool
asks(enum mp_kind kind)
{
	return kind >= MP_KIND_CONTENT_LOCATION &&
	       kind <= MP_KIND_SITE_INFORMATION;
}

int
mp_locate_request(enum mp_kind kind, const struct mp_locate *l,
    struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_kind_rule *k = mp_kind_rule(kind);
	struct mp_writer w;
	int r;

	if (k == NULL || !asks(kind))
		return mp_fail(
		    e, MP_EARG, "this kind of message asks for no location");
	mp_writer_init(&w, xml);
	mp_writer_start(&w, k->root);
	put_inside(&w, kind, l);
	mp_writer_end(&w, k->root);
	r = mp_writer_done(&w, "the location request", e);
	if (r == MP_OK)
		r = mp_parcel_check(k, (const char *)xml->data, xml->len, e);
	if (r != MP_OK)
		mp_buf_clear(xml);
	return r;
}

static bool
is_address(const char *text)
{
	struct in6_addr to;

	return inet_pton(AF_INET, text, &to) == 1 ||
	       inet_pton(AF_INET6, text, &to) == 1;
}

static int
check_where(const struct mp_xml_node *info, struct mp_error *e)
{
	const struct mp_xml_node *a =
	    mp_xml_child(mp_xml_child(info, "IPAddresses"), "IPAddress");

	if (info == NULL)
		return mp_fail(e, MP_EARG,
		    "the location request has no ClientLocationInfo");
	for (; a != NULL; a = mp_xml_next(a, "IPAddress")) {
		const char *text = mp_value_or(mp_xml_attr(a, "Address"), "");

		if (!is_address(text))
			return mp_fail(e, MP_EARG,
			    "the location request has IPAddress \"%.60s\", "
			    "which is no IPv4 or IPv6 address",
			    text);
	}
	return MP_OK;
}

static int
check_items(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	bool wsus = kind == MP_KIND_WSUS_LOCATION;
	const char *name = wsus ? "Content" : "Package";
	const struct mp_xml_node *i = mp_xml_child(root, name);

	if (i == NULL)
		return mp_fail(e, MP_EARG,
		    "the location request names no %s to look for", name);
	for (; i != NULL; i = mp_xml_next(i, name)) {
		const char *id = mp_value_or(mp_xml_attr(i, "ID"), "");

		if (*id == '\0' || (wsus && !mp_value_guid(id)))
			return mp_fail(e, MP_EARG,
			    "the location request has a %s with ID \"%.60s\", "
			    "which is no %s",
			    name, id, wsus ? "GUID" : "package");
		if (!mp_value_number(mp_xml_attr(i, "Version"), UINT32_MAX))
			return mp_fail(e, MP_EARG,
			    "the location request has %s %.60s with Version "
			    "\"%.20s\", which is no number",
			    name, id,
			    mp_value_or(mp_xml_attr(i, "Version"), ""));
	}
	return MP_OK;
}

static int
check_site(const struct mp_xml_node *root, const char *element,
    const char *attribute, struct mp_error *e)
{
	const struct mp_xml_node *n = mp_xml_child(root, element);
	const char *site = n == NULL ? NULL : mp_xml_attr(n, attribute);

	if (mp_value_site(site))
		return MP_OK;
	return mp_fail(e, MP_EARG,
	    "the location request has site code \"%.20s\"; a site code has "
	    "three letters or digits",
	    mp_value_or(site, ""));
}

int
mp_locate_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	const char *schema =
	    mp_value_or(mp_xml_attr(root, "SchemaVersion"), "");
	int r = MP_OK;

	if (strcmp(schema, "1.0") != 0 && strcmp(schema, "1.00") != 0)
		return mp_fail(e, MP_EARG,
		    "the location request has SchemaVersion \"%.20s\", which "
		    "is neither 1.0 nor 1.00",
		    schema);
	if (kind == MP_KIND_ASSIGNED_SITE)
		return MP_OK;
	if (kind == MP_KIND_SITE_INFORMATION)
		return check_site(root, "SiteCode", "Name", e);
	if (kind != MP_KIND_LOCAL_MP_LOCATION)
		r = check_items(root, kind, e);
	if (r == MP_OK)
		r = check_site(root, "AssignedSite", "SiteCode", e);
	return r == MP_OK
		   ? check_where(mp_xml_child(root, "ClientLocationInfo"), e)
		   : r;
}
