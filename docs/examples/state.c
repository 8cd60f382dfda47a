/*
 * Posts one state message, serial number and state of which the command line
 * gives: the report is the body itself. The client must be registered.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "setup.h"

#define ROOM 4096

static bool
number(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < 10 && strspn(text, "0123456789") == len;
}

/* 500 and 3: the state system's own times; see the messages' documentation. */
static int
fill(struct setup *s, const char *smsid, const char *serial, const char *state,
    struct sealpoint_failure *why)
{
	char report[ROOM], date[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int r, n;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(
		    date, sizeof(date), "%Y%m%d%H%M%S.000000+000", &tm);
	n = snprintf(report, sizeof(report),
	    "<Report><ReportHeader><Identification><Machine>"
	    "<ClientInstalled>1</ClientInstalled><ClientType>1</ClientType>"
	    "<ClientID>%s</ClientID><ClientVersion>1.0</ClientVersion>"
	    "<NetBIOSName>%s</NetBIOSName><CodePage>437</CodePage>"
	    "<SystemDefaultLCID>1033</SystemDefaultLCID><Priority>5</Priority>"
	    "</Machine></Identification><ReportDetails>"
	    "<ReportContent>State Message Data</ReportContent>"
	    "<ReportType>Full</ReportType><Date>%s</Date>"
	    "<Version>1.0</Version><Format>1.0</Format></ReportDetails>"
	    "</ReportHeader><ReportBody><StateMessage MessageTime=\"%s\" "
	    "SerialNumber=\"%s\"><Topic ID=\"example\" Type=\"500\" "
	    "IDType=\"3\" /><State ID=\"%s\" Criticality=\"0\" />"
	    "<UserParameters Flags=\"0\" Count=\"0\" /></StateMessage>"
	    "</ReportBody></Report>",
	    smsid, s->netbios, date, date, serial, state);
	if (n < 0 || (size_t)n >= sizeof(report))
		return SEALPOINT_ERR_LIMIT;
	r = sealpoint_message_set_target_endpoint(
	    s->message, "MP_RelayEndpoint", why);
	/* What passes through this endpoint says what it is. */
	if (r == SEALPOINT_OK)
		r = sealpoint_message_set_property(
		    s->message, "FileType", "SMX", why);
	if (r == SEALPOINT_OK)
		r = sealpoint_message_set_body_from_string(
		    s->message, report, why);
	return r;
}

int
main(int argc, char **argv)
{
	char smsid[SEALPOINT_SMSID_MAX], tracking[SEALPOINT_TRACKING_MAX];
	struct sealpoint_failure why = {.text = "the names are too long"};
	struct setup s;
	int next, r;

	next = setup_start(&s, argc, argv, "SERIAL STATE");
	if (next + 2 != argc || !number(argv[next]) ||
	    !number(argv[next + 1])) {
		(void)fprintf(stderr, "name a serial number and a state\n");
		setup_end(&s);
		return 2;
	}
	/* One that is registered sends nothing here, and tells its id. */
	r = sealpoint_messaging_register(
	    s.messaging, s.mp, s.message, NULL, smsid, &why);
	if (r == SEALPOINT_OK)
		r = fill(&s, smsid, argv[next], argv[next + 1], &why);
	if (r == SEALPOINT_OK)
		r = sealpoint_messaging_post(
		    s.messaging, s.mp, s.message, tracking, &why);
	if (r == SEALPOINT_OK)
		(void)printf("%s\n", tracking);
	setup_end(&s);
	return r == SEALPOINT_OK ? 0 : setup_failed(&why);
}
