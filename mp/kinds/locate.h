/*
 * Questions to the location manager: where content, an update server, the
 * local management point or a site is (sdk-facts 4.5, wire-facts 8.5), and
 * what the answers say. Makes and reads XML; sends nothing, resolves nothing.
 */
#ifndef MP_KINDS_LOCATE_H
#define MP_KINDS_LOCATE_H

#include "mp/kinds/kind.h"
#include "mp/kinds/value.h"

#define MP_LOCATED_MAX 100000 /* places in one answer */

/* Where the page and what is sent today differ [D] [S]. */
enum mp_locate_form { MP_LOCATE_WIRE = 0, MP_LOCATE_2007 };

/* What a content request allows, of the wire's form alone. */
#define MP_LOCATE_CACHING 0x001u
#define MP_LOCATE_STREAMING 0x002u
#define MP_LOCATE_HTTP 0x004u
#define MP_LOCATE_MULTICAST 0x008u
#define MP_LOCATE_RTSP 0x010u
#define MP_LOCATE_SMB 0x020u
#define MP_LOCATE_SUPERPEER 0x040u
#define MP_LOCATE_ON_DEMAND 0x080u
#define MP_LOCATE_INTERNET 0x100u
#define MP_LOCATE_PROTECTED 0x200u

struct mp_locate_item {
	const char *id;      /* package; for WSUS the GUID of the source */
	const char *version; /* a number */
};

struct mp_locate_address {
	const char *address; /* IPv4 or IPv6 */
	const char *subnet;
};

struct mp_locate {
	const char *site;    /* assigned site; the one asked about */
	const char *ad_site; /* NULL: in none */
	const struct mp_locate_address *addresses;
	size_t naddresses;
	const struct mp_locate_item *items; /* packages; WSUS: one content */
	size_t nitems;
	uint32_t allow;   /* MP_LOCATE_... */
	bool updates;     /* content of software updates, not packages */
	bool on_internet; /* WSUS [W] */
	enum mp_locate_form form;
};

/* One place, strings "" if not given. */
struct mp_place {
	char **urls;
	size_t nurls;
	char *smb;
	char *ad_site;
	char **subnets;
	size_t nsubnets;
	char *metric;
	char *locality;
	char *server;
	char *version;
};

struct mp_located_site {
	char *site;
	char *master;   /* assignment site */
	char *locality; /* Local, Remote, Fallback */
	struct mp_place *places;
	size_t nplaces;
};

struct mp_located {
	enum mp_kind kind;
	struct mp_located_site *sites;
	size_t nsites;
	char *xml; /* the answer as it came, with what we know nothing of */
};

int mp_locate_request(enum mp_kind kind, const struct mp_locate *l,
    struct mp_buf *xml, struct mp_error *e);
int mp_locate_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e);

/* Unknown elements are passed over, and kept in xml. */
int mp_located_parse(const struct mp_buf *xml, enum mp_kind kind,
    struct mp_located *out, struct mp_error *e);
void mp_located_release(struct mp_located *l); /* NULL-safe */

#endif
