/*
 * Posts a small hardware inventory: the report travels as an attachment, and
 * its header alone in the body. The client must be registered.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "setup.h"

#define REPORT "{00000000-0000-0000-0000-000000000001}"
#define ROOM 4096

/* The report up to where its body differs. */
static int
header(char *out, size_t room, const char *smsid, const char *netbios)
{
	char date[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(
		    date, sizeof(date), "%Y%m%d%H%M%S.000000+000", &tm);
	return snprintf(out, room,
	    "<Report><ReportHeader><Identification><Machine>"
	    "<ClientInstalled>1</ClientInstalled><ClientType>1</ClientType>"
	    "<ClientID>%s</ClientID><ClientVersion>1.0</ClientVersion>"
	    "<NetBIOSName>%s</NetBIOSName><CodePage>437</CodePage>"
	    "<SystemDefaultLCID>1033</SystemDefaultLCID>"
	    "</Machine></Identification><ReportDetails>"
	    "<ReportContent>Inventory Data</ReportContent>"
	    "<ReportType>Full</ReportType><Date>%s</Date>"
	    "<Version>1.0</Version><Format>1.1</Format></ReportDetails>"
	    "<InventoryAction ActionType=\"Predefined\">"
	    "<InventoryActionID>" REPORT "</InventoryActionID>"
	    "<Description>Hardware</Description>"
	    "<InventoryActionLastUpdateTime>%s"
	    "</InventoryActionLastUpdateTime></InventoryAction>"
	    "</ReportHeader>",
	    smsid, netbios, date, date);
}

static int
fill(struct setup *s, const char *smsid, struct sealpoint_failure *why)
{
	char start[ROOM], body[ROOM + 64], report[2 * ROOM];
	int r, n;

	n = header(start, sizeof(start), smsid, s->netbios);
	if (n < 0 || (size_t)n >= sizeof(start))
		return SEALPOINT_ERR_LIMIT;
	(void)snprintf(body, sizeof(body), "%s<ReportBody /></Report>", start);
	(void)snprintf(report, sizeof(report),
	    "%s<ReportBody><Instance Content=\"New\" "
	    "Namespace=\"\\\\%s\\root\\cimv2\" Class=\"Win32_BIOS\" "
	    "ParentClass=\"Win32_BIOS\"><Win32_BIOS>"
	    "<Manufacturer>Example</Manufacturer>"
	    "<SerialNumber>4711</SerialNumber></Win32_BIOS></Instance>"
	    "</ReportBody></Report>",
	    start, s->netbios);
	r = sealpoint_message_set_target_endpoint(
	    s->message, "MP_HinvEndpoint", why);
	if (r == SEALPOINT_OK)
		r = sealpoint_message_set_body_from_string(
		    s->message, body, why);
	if (r == SEALPOINT_OK)
		r = sealpoint_message_set_attachment_from_buffer(s->message,
		    REPORT, (const uint8_t *)report, strlen(report), why);
	return r;
}

int
main(int argc, char **argv)
{
	char smsid[SEALPOINT_SMSID_MAX], tracking[SEALPOINT_TRACKING_MAX];
	struct sealpoint_failure why = {.text = "the names are too long"};
	struct setup s;
	int r;

	(void)setup_start(&s, argc, argv, "");
	/* One that is registered sends nothing here, and tells its id. */
	r = sealpoint_messaging_register(
	    s.messaging, s.mp, s.message, NULL, smsid, &why);
	if (r == SEALPOINT_OK)
		r = fill(&s, smsid, &why);
	if (r == SEALPOINT_OK)
		r = sealpoint_messaging_post(
		    s.messaging, s.mp, s.message, tracking, &why);
	if (r == SEALPOINT_OK)
		(void)printf("%s\n", tracking);
	setup_end(&s);
	return r == SEALPOINT_OK ? 0 : setup_failed(&why);
}
