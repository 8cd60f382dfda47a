/* What this machine says of itself, and reports made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp/discover.h"
#include "mp/kinds/parcel.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define ID "GUID:0D5A4B1C-1111-2222-3333-444455556666"

static void
a_subnet_is_the_address_cut_to_its_prefix(void **state)
{
	static const struct {
		const char *address;
		unsigned prefix;
		const char *subnet; /* NULL: refused */
	} all[] = {{"192.168.10.77", 24, "192.168.10.0"},
	    {"192.168.10.77", 32, "192.168.10.77"}, {"10.9.8.7", 0, "0.0.0.0"},
	    {"172.16.255.255", 20, "172.16.240.0"},
	    {"2001:db8:1:2:3::4", 64, "2001:db8:1:2::"},
	    {"2001:db8:ffff::4", 33, "2001:db8:8000::"},
	    {"2001:db8::4", 128, "2001:db8::4"}, {"10.0.0.1", 33, NULL},
	    {"2001:db8::4", 129, NULL}, {"10.0.0", 8, NULL}, {"", 0, NULL},
	    {"a:b", 8, NULL}};
	char subnet[MP_DISCOVER_ADDRESS_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		bool ok =
		    mp_discover_subnet(all[i].address, all[i].prefix, subnet);

		assert_int_equal(ok, all[i].subnet != NULL);
		assert_string_equal(subnet, ok ? all[i].subnet : "");
	}
}

static void
a_locale_has_its_number_or_none(void **state)
{
	(void)state;
	assert_int_equal(mp_discover_lcid("en_US.UTF-8"), 1033);
	assert_int_equal(mp_discover_lcid("C.UTF-8"), 1033);
	assert_int_equal(mp_discover_lcid("de_DE@euro"), 1031);
	assert_int_equal(mp_discover_lcid("de"), 0);
	assert_int_equal(mp_discover_lcid("tlh_KL"), 0);
	assert_int_equal(mp_discover_lcid(""), 0);
}

static void
this_machine_has_a_name_and_no_local_addresses(void **state)
{
	struct mp_discovered d, french;
	struct mp_error e;

	(void)state;
	if (mp_discover(&d, &e) != MP_OK)
		fail_msg("%s", e.text);
	assert_int_not_equal(d.locale, 0);
	/* The machine's language is not that of who runs the program. */
	assert_int_equal(setenv("LC_ALL", "fr_CH.UTF-8", 1), 0);
	assert_int_equal(setenv("LANG", "fr_CH.UTF-8", 1), 0);
	assert_int_equal(mp_discover(&french, &e), MP_OK);
	assert_int_equal(french.locale, d.locale);
	assert_true(strlen(d.netbios) >= 1 && strlen(d.netbios) <= 15);
	assert_true(strncmp(d.fqdn, d.host, strlen(d.host)) == 0);
	assert_non_null(strstr(d.platform, "Linux "));
	assert_true(d.os[0] != '\0' && d.kernel[0] != '\0');
	for (size_t i = 0; i < d.count; i++) {
		assert_true(strncmp(d.list[i].address, "127.", 4) != 0);
		assert_string_not_equal(d.list[i].address, "::1");
		assert_true(strncmp(d.list[i].address, "fe80:", 5) != 0);
		assert_true(d.list[i].subnet[0] != '\0');
	}
}

static const struct mp_discovered machine = {.host = "node1",
    .fqdn = "node1.example.test",
    .domain = "example.test",
    .netbios = "NODE1",
    .platform = "Linux 6.1",
    .machine = "x86_64",
    .list = {{.address = "10.1.2.3", .subnet = "10.1.2.0"},
	{.address = "2001:db8::3", .subnet = "2001:db8::", .ipv6 = true}},
    .count = 2,
    .locale = 1031};

static void
a_report_of_the_machine_is_a_good_one(void **state)
{
	static const struct {
		enum mp_kind kind;
		const char *words[8];
	} all[] = {
	    {MP_KIND_DDR,
		{"<NetBIOSName>NODE1</NetBIOSName>",
		    "<SystemDefaultLCID>1031</SystemDefaultLCID>",
		    "Namespace=\"\\\\node1\\root\\ccm\"",
		    "<Domain>example.test</Domain>",
		    "<SMS_Authority><Name>SMS:PRI</Name></SMS_Authority>",
		    "<FQDN>node1.example.test</FQDN>",
		    "<IPAddress>10.1.2.3</IPAddress><IPSubnet>10.1.2.0<",
		    "<IPSubnet>2001:db8::</IPSubnet>"}},
	    {MP_KIND_HARDWARE_INVENTORY,
		{"Class=\"CCM_System\"",
		    "Namespace=\"\\\\node1\\root\\ccm\\invagt\"",
		    "<SystemType>X64-based PC</SystemType>",
		    "<SMSID>" ID "</SMSID>"}}};
	struct mp_parcel p;
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		mp_buf_init(&xml, 1 << 20);
		if (mp_discover_report(
			&machine, all[i].kind, ID, "PRI", &xml, &e) != MP_OK)
			fail_msg("%s", e.text);
		for (size_t k = 0; k < 8 && all[i].words[k] != NULL; k++)
			if (strstr((char *)xml.data, all[i].words[k]) == NULL)
				fail_msg("%s not in %s", all[i].words[k],
				    (char *)xml.data);
		assert_int_equal(mp_parcel_pack(&p, mp_kind_rule(all[i].kind),
				     (char *)xml.data, xml.len, NULL, 0, &e),
		    MP_OK);
		mp_parcel_release(&p);
		mp_buf_release(&xml);
	}
}

static void
a_report_that_makes_no_sense_is_not_made(void **state)
{
	struct mp_error e;
	struct mp_buf xml;

	(void)state;
	mp_buf_init(&xml, 1 << 16);
	assert_int_equal(
	    mp_discover_report(&machine, MP_KIND_STATE, ID, "PRI", &xml, &e),
	    MP_EARG);
	assert_int_equal(
	    mp_discover_report(&machine, MP_KIND_DDR, ID, "PR", &xml, &e),
	    MP_EARG);
	assert_int_equal(mp_discover_report(
			     &machine, MP_KIND_DDR, "GUID:1", "PRI", &xml, &e),
	    MP_EARG);
	assert_int_equal(xml.len, 0);
	mp_buf_release(&xml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_report_that_makes_no_sense_is_not_made),
	    cmocka_unit_test(a_subnet_is_the_address_cut_to_its_prefix),
	    cmocka_unit_test(a_locale_has_its_number_or_none),
	    cmocka_unit_test(this_machine_has_a_name_and_no_local_addresses),
	    cmocka_unit_test(a_report_of_the_machine_is_a_good_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
