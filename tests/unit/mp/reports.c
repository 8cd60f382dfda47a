/*
 * Our bodies against those that an independent client sent, for every kind
 * of report that has a recording. Allowed differences, and no others: the
 * dates, which are given; the name of the attachment, which is the
 * documented one and not a random GUID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp/kinds/fallback.h"
#include "mp/kinds/inventory.h"
#include "mp/kinds/parcel.h"
#include "mp/kinds/software.h"
#include "mp/kinds/status.h"
#include "mp/utf16.h"
#include "tests/unit/mp/vector.h"

#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The machine of all recordings; 127 is the SDK's invariant culture. */
#define MACHINE                                                      \
	{                                                            \
		.client_id = ID, .netbios = "CLIENT1", .locale = 127 \
	}

struct scene {
	struct vector v;
	struct mp_buf body, report, xml;
};

/* Text of a part of the clear payload, without BOM and NUL. */
static void
cut(const struct mp_buf *clear, size_t from, size_t to, struct mp_buf *out)
{
	mp_buf_init(out, 1 << 20);
	assert_true(from <= to && to <= clear->len);
	assert_int_equal(
	    mp_utf16_to_utf8(clear->data + from, to - from, out, NULL), MP_OK);
}

static void
enter(struct scene *s, const char *name)
{
	size_t n;
	bool attached;

	vector_load(&s->v, name);
	n = s->v.body_len;
	attached = n + 2 < s->v.clear.len;
	/* Ends: NUL, or NUL and CR LF (wire-facts 1.4). */
	cut(&s->v.clear, 0, attached ? n - 2 : n - 4, &s->body);
	if (attached)
		cut(&s->v.clear, n + 2, s->v.clear.len - 2, &s->report);
	else
		mp_buf_init(&s->report, 0);
	mp_buf_init(&s->xml, 1 << 20);
}

static void
leave(struct scene *s)
{
	mp_buf_release(&s->body);
	mp_buf_release(&s->report);
	mp_buf_release(&s->xml);
	vector_release(&s->v);
}

/* What we made, packed, must be what was recorded. */
static void
compare(struct scene *s, enum mp_kind kind)
{
	struct mp_parcel p;
	struct mp_error e;

	if (mp_parcel_pack(&p, mp_kind_rule(kind), (char *)s->xml.data,
		s->xml.len, NULL, 0, &e) != MP_OK)
		fail_msg("%s", e.text);
	assert_string_equal((char *)p.body.data, (char *)s->body.data);
	if (s->report.len > 0) {
		assert_int_equal(p.nattachments, 1);
		assert_true(p.attachments[0].xml);
		assert_string_equal(p.attachments[0].name, p.kind->attachment);
		assert_int_equal(p.attachments[0].len, s->report.len);
		assert_memory_equal(
		    p.attachments[0].data, s->report.data, s->report.len);
	} else {
		assert_int_equal(p.nattachments, 0);
	}
	mp_parcel_release(&p);
}

static void
made(int r, const struct mp_error *e)
{
	if (r != MP_OK)
		fail_msg("%s", e->text);
}

static const struct mp_property domain[] = {{"Domain", "EXAMPLE"}};
static const struct mp_property client[] = {{"ClientId", ID},
    {"ClientIdChangeDate", "11/22/2026 14:08:59"},
    {"ClientVersion", "5.00.8325.0000"}, {"PreviousClientId", "Unknown"}};
static const struct mp_property authority[] = {{"Name", "SMS:PRI"}};
static const struct mp_property ad[] = {
    {"ADSiteName", "Default-First-Site-Name"}};
static const struct mp_property fqdn[] = {{"FQDN", "client1.example.test"}};
static const struct mp_property subnet[] = {{"IPSubnet", "10.0.0.0"}};
static const struct mp_property platform[] = {{"PlatformID", "Linux 6.1"}};

#define CCM(name, list)                                        \
	{                                                      \
		.class = name, .space = "\\\\vm\\root\\ccm",   \
		.properties = list, .nproperties = COUNT(list) \
	}

static void
discovery_data_is_made_as_recorded(void **state)
{
	static const struct mp_instance list[] = {
	    CCM("CCM_ComputerSystem", domain), CCM("CCM_Client", client),
	    CCM("SMS_Authority", authority), CCM("CCM_ADSiteInfo", ad),
	    CCM("CCM_ExtNetworkAdapterConfiguration", fqdn),
	    CCM("CCM_NetworkAdapterConfiguration", subnet),
	    CCM("CCM_DiscoveryData", platform)};
	const struct mp_report r = {
	    .machine = MACHINE, .date = "20261122140859.455000+000"};
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s, "sdk/20-ddr/001-request");
	made(mp_inventory_make(MP_KIND_DDR, &r, list, COUNT(list), &s.xml, &e),
	    &e);
	compare(&s, MP_KIND_DDR);
	leave(&s);
}

static void
hardware_inventory_is_made_as_recorded(void **state)
{
	static const struct mp_property bios[] = {{"Name", "BIOS"}};
	static const struct mp_property system[] = {{"Domain", "EXAMPLE"},
	    {"LocalDateTime", "20261122140900.915000+000"}, {"Name", "CLIENT1"},
	    {"SMSID", ID}, {"SystemRole", "Workstation"},
	    {"SystemType", "X64-based PC"}};
	static const struct mp_instance list[] = {
	    {.class = "Win32_BIOS",
		.space = "\\\\CLIENT1\\root\\cimv2",
		.properties = bios,
		.nproperties = 1},
	    {.class = "CCM_System",
		.space = "\\\\VM\\root\\ccm\\invagt",
		.properties = system,
		.nproperties = COUNT(system)}};
	const struct mp_report r = {.machine = MACHINE,
	    .date = "20261122140901.070000+000",
	    .action_time = "20211122140900.912000+000"};
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s, "sdk/21-hinv/001-request");
	made(mp_inventory_make(
		 MP_KIND_HARDWARE_INVENTORY, &r, list, COUNT(list), &s.xml, &e),
	    &e);
	compare(&s, MP_KIND_HARDWARE_INVENTORY);
	leave(&s);
}

static void
software_inventory_is_made_as_recorded(void **state)
{
	const struct mp_report r = {.machine = MACHINE,
	    .date = "20261122140906.129000+000",
	    .action_time = "00010101000000.000000+000"};
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s, "sdk/23-sinv/001-request");
	made(mp_software_make(&r, "", NULL, 0, &s.xml, &e), &e);
	compare(&s, MP_KIND_SOFTWARE_INVENTORY);
	leave(&s);
}

static void
a_state_message_is_made_as_recorded(void **state)
{
	const struct mp_state_message m = {.time = "20261122140907.762000+000",
	    .topic = "topic1",
	    .topic_type = 701,
	    .state = 1};
	const struct mp_report r = {
	    .machine = MACHINE, .date = "20261122140907.947000+000"};
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s, "sdk/24-state/001-request");
	made(mp_state_report_make(MP_KIND_STATE, &r, &m, 1, &s.xml, &e), &e);
	compare(&s, MP_KIND_STATE);
	leave(&s);
}

static void
a_status_message_is_made_as_recorded(void **state)
{
	static const struct mp_property p[] = {{"Severity", "0"},
	    {"DateTime", "20261122140910.937000+000"}, {"ProcessId", "32258"},
	    {"ThreadId", "1"}};
	const struct mp_status m = {.type = "CCM_Framework_ClientIdUpdated",
	    .locale = 1151,
	    .properties = p,
	    .nproperties = COUNT(p)};
	struct mp_error e;
	struct scene s;

	(void)state;
	enter(&s, "sdk/26-status/001-request");
	made(mp_status_make(&m, &s.xml, &e), &e);
	compare(&s, MP_KIND_STATUS);
	leave(&s);
}

static void
a_fallback_report_is_made_as_recorded(void **state)
{
	const struct mp_state_message m = {.time = "20261122140912.327000+000",
	    .topic = "topic1",
	    .state = 400};
	const struct mp_report r = {
	    .machine = MACHINE, .date = "20261122140912.485000+000"};
	struct mp_buf xml;
	struct vector v;
	struct mp_error e;

	(void)state;
	vector_load(&v, "sdk/27-fsp-state/001-request");
	mp_buf_init(&xml, 1 << 16);
	made(mp_fallback_make(&r, &m, &xml, &e), &e);
	assert_int_equal(xml.len, v.body.len);
	assert_memory_equal(xml.data, v.body.data, xml.len);
	mp_buf_release(&xml);
	vector_release(&v);
}

/* The recorded reports, taken as the caller's own XML. */
static void
a_recorded_report_is_taken_as_it_is(void **state)
{
	static const struct {
		const char *name;
		enum mp_kind kind;
	} all[] = {{"sdk/20-ddr/001-request", MP_KIND_DDR},
	    {"sdk/21-hinv/001-request", MP_KIND_HARDWARE_INVENTORY},
	    {"sdk/23-sinv/001-request", MP_KIND_SOFTWARE_INVENTORY},
	    {"sdk/24-state/001-request", MP_KIND_STATE},
	    {"sdk/26-status/001-request", MP_KIND_STATUS},
	    {"sdk/30-hinv-encrypted/003-request", MP_KIND_HARDWARE_INVENTORY}};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		const struct mp_buf *from;

		enter(&s, all[i].name);
		from = s.report.len > 0 ? &s.report : &s.body;
		mp_buf_add(&s.xml, from->data, from->len);
		compare(&s, all[i].kind);
		leave(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(discovery_data_is_made_as_recorded),
	    cmocka_unit_test(hardware_inventory_is_made_as_recorded),
	    cmocka_unit_test(software_inventory_is_made_as_recorded),
	    cmocka_unit_test(a_state_message_is_made_as_recorded),
	    cmocka_unit_test(a_status_message_is_made_as_recorded),
	    cmocka_unit_test(a_fallback_report_is_made_as_recorded),
	    cmocka_unit_test(a_recorded_report_is_taken_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
