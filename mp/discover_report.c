/* What this machine is, as discovery data and as hardware inventory. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mp/discover.h"

#define FIXED 6 /* instances of discovery data besides the addresses */

struct texts {
	char space[MP_DISCOVER_NAME_MAX + 32];
	char authority[16];
	char changed[24];
	char now[MP_WBEM_MAX];
};

void
mp_discover_machine(const struct mp_discovered *d, const char *smsid,
    struct mp_report_machine *m)
{
	memset(m, 0, sizeof(*m));
	m->client_id = smsid;
	m->netbios = d->netbios;
	m->locale = d->locale;
}

static int
make_texts(struct texts *t, const struct mp_discovered *d, const char *site,
    const char *where, struct mp_error *e)
{
	time_t now = time(NULL);
	struct tm tm;

	if (mp_value_wbem_now(t->now) != 0 || gmtime_r(&now, &tm) == NULL ||
	    strftime(
		t->changed, sizeof(t->changed), "%m/%d/%Y %H:%M:%S", &tm) == 0)
		return mp_fail(e, MP_EARG, "the clock is out of range; set it");
	(void)snprintf(
	    t->space, sizeof(t->space), "\\\\%s\\root\\%s", d->host, where);
	(void)snprintf(t->authority, sizeof(t->authority), "SMS:%.3s", site);
	return MP_OK;
}

/* The seven classes of the recorded message (sdk/20 [S]). */
static int
report_ddr(const struct mp_discovered *d, const struct mp_report *r,
    const struct texts *t, struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_property system[] = {{"Domain", d->domain}};
	const struct mp_property client[] = {{"ClientId", r->machine.client_id},
	    {"ClientIdChangeDate", t->changed},
	    {"ClientVersion", MP_CLIENT_VERSION},
	    {"PreviousClientId", "Unknown"}};
	const struct mp_property authority[] = {{"Name", t->authority}};
	/* Linux knows no Active Directory site. */
	const struct mp_property ad[] = {{"ADSiteName", ""}};
	const struct mp_property name[] = {{"FQDN", d->fqdn}};
	const struct mp_property data[] = {{"PlatformID", d->platform}};
	struct mp_property net[MP_DISCOVER_ADDRESSES_MAX][2];
	struct mp_instance list[FIXED + MP_DISCOVER_ADDRESSES_MAX] = {
	    {.class = "CCM_ComputerSystem", .properties = system},
	    {.class = "CCM_Client", .properties = client, .nproperties = 4},
	    {.class = "SMS_Authority", .properties = authority},
	    {.class = "CCM_ADSiteInfo", .properties = ad},
	    {.class = "CCM_ExtNetworkAdapterConfiguration", .properties = name},
	    {.class = "CCM_DiscoveryData", .properties = data}};

	for (size_t i = 0; i < d->count; i++) {
		net[i][0] =
		    (struct mp_property){"IPAddress", d->list[i].address};
		net[i][1] = (struct mp_property){"IPSubnet", d->list[i].subnet};
		list[FIXED + i].class = "CCM_NetworkAdapterConfiguration";
		list[FIXED + i].properties = net[i];
		list[FIXED + i].nproperties = 2;
	}
	for (size_t i = 0; i < FIXED + d->count; i++) {
		list[i].space = t->space;
		if (list[i].nproperties == 0)
			list[i].nproperties = 1;
	}
	return mp_inventory_make(
	    MP_KIND_DDR, r, list, FIXED + d->count, xml, e);
}

/* The one class that every recorded inventory has (sdk/21 [S]). */
static int
report_system(const struct mp_discovered *d, const struct mp_report *r,
    const struct texts *t, struct mp_buf *xml, struct mp_error *e)
{
	const struct mp_property p[] = {{"Domain", d->domain},
	    {"LocalDateTime", t->now}, {"Name", d->netbios},
	    {"SMSID", r->machine.client_id}, {"SystemRole", "Workstation"},
	    {"SystemType", strcmp(d->machine, "x86_64") == 0 ? "X64-based PC"
							     : d->machine}};
	const struct mp_instance system = {.class = "CCM_System",
	    .space = t->space,
	    .properties = p,
	    .nproperties = sizeof(p) / sizeof(p[0])};

	return mp_inventory_make(
	    MP_KIND_HARDWARE_INVENTORY, r, &system, 1, xml, e);
}

int
mp_discover_report(const struct mp_discovered *d, enum mp_kind kind,
    const char *smsid, const char *site, struct mp_buf *xml, struct mp_error *e)
{
	bool ddr = kind == MP_KIND_DDR;
	struct mp_report r = {0};
	struct texts t;
	int x;

	if (!ddr && kind != MP_KIND_HARDWARE_INVENTORY)
		return mp_fail(e, MP_EARG,
		    "this machine is discovered for ddr and hinv only; bring "
		    "a file for other kinds");
	if (!mp_value_site(site))
		return mp_fail(e, MP_EARG,
		    "the site code \"%.20s\" has not three letters or digits",
		    mp_value_or(site, ""));
	mp_discover_machine(d, smsid, &r.machine);
	x = make_texts(&t, d, site, ddr ? "ccm" : "ccm\\invagt", e);
	if (x != MP_OK)
		return x;
	return ddr ? report_ddr(d, &r, &t, xml, e)
		   : report_system(d, &r, &t, xml, e);
}
