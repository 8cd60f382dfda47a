#include "mp/kinds/report.h"

#include <string.h>
#include <strings.h>

#include "mp/kinds/parcel.h"
#include "mp/message.h"

#define CODE_PAGE_DEFAULT 437u /* as sent [S] */
#define LOCALE_DEFAULT 1033u

#define DOCUMENTED_INVENTORY "Inventory\\x0020Data"

/* What the header says of a kind (sdk-facts 4.6 [D], wire-facts 8 [S]). */
struct form {
	enum mp_kind kind;
	const char *content;
	const char *content2;    /* as well; NULL: none */
	const char *action;      /* element; NULL: none */
	const char *id;          /* its id */
	const char *description; /* of the action */
	bool full_only;
	unsigned priority; /* 0: an empty element */
};

static const struct form forms[] = {
    {MP_KIND_DDR, "Inventory Data", DOCUMENTED_INVENTORY, "InventoryAction",
	"{00000000-0000-0000-0000-000000000003}", "Discovery", false, 0},
    {MP_KIND_HARDWARE_INVENTORY, "Inventory Data", DOCUMENTED_INVENTORY,
	"InventoryAction", "{00000000-0000-0000-0000-000000000001}", "Hardware",
	false, 0},
    {MP_KIND_SOFTWARE_INVENTORY, "Inventory Data", DOCUMENTED_INVENTORY,
	"InventoryAction", "{00000000-0000-0000-0000-000000000002}", "Software",
	false, 0},
    {MP_KIND_FILE_COLLECTION, "FILECOLL", NULL, "FileCollectionAction",
	"{00000000-0000-0000-0000-000000000010}", "File Collection", false, 0},
    {MP_KIND_IDMIF, "IDMIF", NULL, "FileCollectionAction",
	"{00000000-0000-0000-0000-000000000011}", "File Collection", false, 0},
    {MP_KIND_METERING, "Software Metering Data", NULL, NULL, NULL, NULL, false,
	0},
    {MP_KIND_STATE, "State Message Data", NULL, NULL, NULL, NULL, true, 5},
    {MP_KIND_FALLBACK_STATUS, "State Message Data", NULL, NULL, NULL, NULL,
	true, 5},
};

static const struct form *
form_of(enum mp_kind kind)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].kind == kind)
			return &forms[i];
	return NULL;
}

static unsigned or (unsigned number, unsigned other)
{
	return number == 0 ? other : number;
}

/* ClientType by enum mp_machine_type (sdk-facts 4.6). */
static const unsigned client_types[] = {1, 0, 3};

static void
put_machine(struct mp_writer *w, const struct form *f,
    const struct mp_report_machine *m)
{
	unsigned priority = or (m->priority, f->priority);

	mp_writer_start(w, "Identification");
	mp_writer_start(w, "Machine");
	mp_writer_leaf(w, "ClientInstalled", m->not_installed ? "0" : "1");
	mp_value_leaf(w, "ClientType", client_types[m->type]);
	mp_writer_start(w, "ClientID");
	if (f->kind == MP_KIND_FALLBACK_STATUS) {
		/* As sent; no page tells what they mean (wire-facts 8.3). */
		mp_writer_set(w, "IDFlag", "0");
		mp_writer_set(w, "IDType", "1");
	}
	mp_writer_put(w, mp_value_or(m->client_id, ""));
	mp_writer_end(w, "ClientID");
	mp_writer_leaf(
	    w, "ClientVersion", mp_value_or(m->version, MP_CLIENT_VERSION));
	mp_writer_leaf(w, "NetBIOSName", mp_value_or(m->netbios, ""));
	mp_value_leaf(w, "CodePage", or (m->code_page, CODE_PAGE_DEFAULT));
	mp_value_leaf(w, "SystemDefaultLCID", or (m->locale, LOCALE_DEFAULT));
	if (priority == 0)
		mp_writer_leaf(w, "Priority", "");
	else
		mp_value_leaf(w, "Priority", priority);
	mp_writer_end(w, "Machine");
	mp_writer_end(w, "Identification");
}

static void
put_action(struct mp_writer *w, const struct form *f, const char *when)
{
	bool inventory = strcmp(f->action, "InventoryAction") == 0;

	mp_writer_start(w, f->action);
	if (inventory)
		mp_writer_set(w, "ActionType", "Predefined");
	mp_writer_leaf(w,
	    inventory ? "InventoryActionID" : "FileCollectionActionID", f->id);
	mp_writer_leaf(w, "Description", f->description);
	if (inventory)
		mp_writer_leaf(w, "InventoryActionLastUpdateTime", when);
	mp_writer_end(w, f->action);
}

int
mp_report_begin(struct mp_writer *w, enum mp_kind kind,
    const struct mp_report *r, struct mp_error *e)
{
	const struct form *f = form_of(kind);
	char now[MP_WBEM_MAX];
	const char *date;

	if (f == NULL || r->machine.type > MP_MACHINE_DEVICE)
		return mp_fail(e, MP_EARG,
		    "this kind of message or machine "
		    "has no report");
	if (mp_value_wbem_now(now) != 0)
		return mp_fail(e, MP_EARG, "the clock is out of range; set it");
	date = mp_value_or(r->date, now);
	mp_writer_start(w, "Report");
	mp_writer_start(w, "ReportHeader");
	put_machine(w, f, &r->machine);
	mp_writer_start(w, "ReportDetails");
	mp_writer_leaf(w, "ReportContent", mp_value_or(r->content, f->content));
	mp_writer_leaf(w, "ReportType", r->delta ? "Delta" : "Full");
	mp_writer_leaf(w, "Date", date);
	mp_writer_leaf(w, "Version", mp_value_or(r->version, "1.0"));
	mp_writer_leaf(w, "Format", mp_value_or(r->format, "1.1"));
	mp_writer_end(w, "ReportDetails");
	if (f->action != NULL)
		put_action(w, f, mp_value_or(r->action_time, date));
	mp_writer_end(w, "ReportHeader");
	mp_writer_start(w, "ReportBody");
	return MP_OK;
}

int
mp_report_end(
    struct mp_writer *w, const struct mp_kind_rule *k, struct mp_error *e)
{
	int r;

	mp_writer_end(w, "ReportBody");
	mp_writer_end(w, "Report");
	r = mp_writer_done(w, "the report", e);
	if (r == MP_OK)
		r = mp_parcel_check(
		    k, (const char *)w->out->data, w->out->len, e);
	if (r != MP_OK)
		mp_buf_clear(w->out);
	return r;
}

/* Its text is empty or one of the words. */
static bool
among(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return *text == '\0';
}

static int
check_machine(const struct mp_xml_node *m, struct mp_error *e)
{
	static const char *const types[] = {"0", "1", "3", NULL};
	static const char *const installed[] = {"0", "1", NULL};
	const char *id = mp_xml_child_text(m, "ClientID");

	if (*id == '\0')
		return mp_fail(e, MP_EARG,
		    "the report's Machine has no ClientID; it is the SMSID "
		    "that registration gave");
	if (!mp_smsid_valid(id))
		return mp_fail(e, MP_EARG,
		    "the report's ClientID \"%.60s\" is no SMSID; one is "
		    "written \"GUID:\" and 36 characters of a GUID",
		    id);
	if (*mp_xml_child_text(m, "NetBIOSName") == '\0')
		return mp_fail(
		    e, MP_EARG, "the report's Machine has no NetBIOSName");
	if (!among(mp_xml_child_text(m, "ClientType"), types))
		return mp_fail(e, MP_EARG,
		    "the report's ClientType \"%.20s\" is none of 0 (legacy), "
		    "1 (client) and 3 (device)",
		    mp_xml_child_text(m, "ClientType"));
	if (!among(mp_xml_child_text(m, "ClientInstalled"), installed))
		return mp_fail(e, MP_EARG,
		    "the report's ClientInstalled \"%.20s\" is neither 0 nor 1",
		    mp_xml_child_text(m, "ClientInstalled"));
	if (!mp_value_number(
		mp_xml_child_text(m, "SystemDefaultLCID"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "the report's SystemDefaultLCID \"%.20s\" is no number; "
		    "1033 is English (United States)",
		    mp_xml_child_text(m, "SystemDefaultLCID"));
	return MP_OK;
}

static int
check_details(const struct mp_xml_node *d, const struct form *f,
    const char *name, struct mp_error *e)
{
	static const char *const types[] = {"full", "delta", NULL};
	const char *content = mp_xml_child_text(d, "ReportContent");
	const char *type = mp_xml_child_text(d, "ReportType");
	const char *date = mp_xml_child_text(d, "Date");

	if (strcasecmp(content, f->content) != 0 &&
	    (f->content2 == NULL || strcasecmp(content, f->content2) != 0))
		return mp_fail(e, MP_EARG,
		    "the report's ReportContent is \"%.60s\"; that of a %s "
		    "message is \"%s\"",
		    content, name, f->content);
	if (!among(type, types))
		return mp_fail(e, MP_EARG,
		    "the report's ReportType \"%.20s\" is neither Full nor "
		    "Delta",
		    type);
	if (f->full_only && strcasecmp(type, "full") != 0)
		return mp_fail(e, MP_EARG,
		    "the report's ReportType is \"%.20s\"; a %s message is "
		    "always Full",
		    type, name);
	if (*date != '\0' && !mp_value_wbem(date))
		return mp_fail(e, MP_EARG,
		    "the report's Date \"%.40s\" is no WBEM date; one is "
		    "written yyyymmddHHMMSS.mmmmmm+UUU",
		    date);
	return MP_OK;
}

static int
check_action(const struct mp_xml_node *header, const struct form *f,
    const char *name, struct mp_error *e)
{
	const struct mp_xml_node *a = mp_xml_child(header, f->action);
	const char *when =
	    mp_xml_child_text(a, "InventoryActionLastUpdateTime");
	char element[40];
	size_t n = strlen(f->action);

	memcpy(element, f->action, n);
	memcpy(element + n, "ID", sizeof("ID"));
	if (a == NULL)
		return mp_fail(e, MP_EARG,
		    "the report's header has no %s, which a %s message needs",
		    f->action, name);
	if (strcasecmp(mp_xml_child_text(a, element), f->id) != 0)
		return mp_fail(e, MP_EARG,
		    "the report's %s is \"%.60s\"; that of a %s message is %s",
		    element, mp_xml_child_text(a, element), name, f->id);
	if (*when != '\0' && !mp_value_wbem(when))
		return mp_fail(e, MP_EARG,
		    "the report's InventoryActionLastUpdateTime \"%.40s\" is "
		    "no WBEM date; one is written yyyymmddHHMMSS.mmmmmm+UUU",
		    when);
	return MP_OK;
}

int
mp_report_check_header(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	const struct mp_xml_node *header = mp_xml_child(root, "ReportHeader");
	const struct mp_xml_node *machine =
	    mp_xml_child(mp_xml_child(header, "Identification"), "Machine");
	const struct mp_xml_node *details =
	    mp_xml_child(header, "ReportDetails");
	const struct form *f = form_of(kind);
	const char *name;
	int r;

	if (f == NULL)
		return mp_fail(
		    e, MP_EARG, "this kind of message holds no report");
	name = mp_kind_rule(kind)->name;
	if (machine == NULL || details == NULL)
		return mp_fail(e, MP_EARG,
		    "the report lacks ReportHeader/%s, so nobody knows %s",
		    machine == NULL ? "Identification/Machine"
				    : "ReportDetails",
		    machine == NULL ? "whose it is" : "what it is");
	if (mp_xml_child(root, "ReportBody") == NULL)
		return mp_fail(e, MP_EARG, "the report has no ReportBody");
	if ((r = check_machine(machine, e)) != MP_OK ||
	    (r = check_details(details, f, name, e)) != MP_OK)
		return r;
	return f->action == NULL ? MP_OK : check_action(header, f, name, e);
}
