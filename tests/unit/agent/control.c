#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/control.h"

static uint8_t buf[PROTO_PACKET_MAX];

/* Golden bytes: an operator's script may speak this without us. */
static void
expect(size_t len, const char *hex)
{
	char text[1024];

	assert_true(len > 0 && 2 * len < sizeof(text));
	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", buf[i]);
	assert_string_equal(text, hex);
}

static const struct control_names names = {
    .n = 2, .all = {{"a", false}, {"card", true}}};
static const struct control_page page = {
    .total = 0x10000, .text = (const uint8_t *)"up 1\n", .len = 5};
static const struct control_probe result = {.name = "card",
    .err = SIGNER_EDEVICE,
    .sha1 = {0xab},
    .us = 1000,
    .ckr = 0x30,
    .trouble = "no"};

static void
requests_have_their_golden_bytes(void **state)
{
	(void)state;
	expect(control_name_pack(buf, sizeof(buf), 1, CONTROL_LOCK, ""),
	    "0121000000000001"
	    "0000");
	expect(control_name_pack(buf, sizeof(buf), 2, CONTROL_UNLOCK, "card"),
	    "0122000000000002"
	    "000463617264");
	expect(control_metrics_pack(buf, sizeof(buf), 3, 0x8000),
	    "0123000000000003"
	    "00008000");
	expect(control_probe_pack(buf, sizeof(buf), 4, 1), "0124000000000004"
							   "0001");
	expect(control_reload_pack(buf, sizeof(buf), 5), "0125000000000005");
	expect(
	    control_pin_pack(buf, sizeof(buf), 6, (const uint8_t *)"1234", 4),
	    "0126000000000006"
	    "000431323334");
}

static void
replies_have_their_golden_bytes(void **state)
{
	const struct signer_trouble why = {
	    .ckr = 0xa0, .retry = true, .after_ms = 500, .text = "no"};

	(void)state;
	expect(control_names_reply_pack(
		   buf, sizeof(buf), 1, CONTROL_UNLOCK, &names),
	    "01a2000000000001"
	    "0002"
	    "000161"
	    "00"
	    "000463617264"
	    "01");
	expect(control_metrics_reply_pack(buf, sizeof(buf), 2, &page),
	    "01a3000000000002"
	    "00010000"
	    "0005757020310a");
	expect(control_probe_reply_pack(buf, sizeof(buf), 3, &result),
	    "01a4000000000003"
	    "000463617264"
	    "000b"
	    "ab00000000000000000000000000000000000000"
	    "000003e8"
	    "00000030"
	    "00026e6f");
	expect(control_done_reply_pack(buf, sizeof(buf), 4, CONTROL_PIN),
	    "01a6000000000004");
	expect(control_failure_pack(
		   buf, sizeof(buf), 5, CONTROL_PIN, SIGNER_EPIN, &why),
	    "01a6000700000005"
	    "000000a0"
	    "01"
	    "000001f4"
	    "00026e6f");
}

/* Parses a packet of any type, request or reply. */
static int
parse(const uint8_t *p, size_t len)
{
	struct control_names ns;
	struct control_probe b;
	struct control_page g;
	struct proto_header h;
	struct wire_reader r;
	char name[SIGNER_TOKEN_MAX];
	const uint8_t *pin;
	uint32_t from;
	uint16_t index;
	size_t n;

	if (proto_header_parse(&r, p, len, &h) != SIGNER_OK)
		return SIGNER_EPROTO;
	switch ((enum control_type)h.type) {
	case CONTROL_LOCK:
	case CONTROL_UNLOCK:
		return h.reply ? control_names_reply_parse(&r, &ns)
			       : control_name_parse(&r, name);
	case CONTROL_METRICS:
		return h.reply ? control_metrics_reply_parse(&r, &g)
			       : control_metrics_parse(&r, &from);
	case CONTROL_PROBE:
		return h.reply ? control_probe_reply_parse(&r, &b)
			       : control_probe_parse(&r, &index);
	case CONTROL_RELOAD:
		return h.reply ? control_done_reply_parse(&r)
			       : control_reload_parse(&r);
	case CONTROL_PIN:
		return h.reply ? control_done_reply_parse(&r)
			       : control_pin_parse(&r, &pin, &n);
	}
	return SIGNER_EPROTO;
}

static size_t
make(unsigned type, bool reply)
{
	switch ((enum control_type)type) {
	case CONTROL_LOCK:
	case CONTROL_UNLOCK:
		return reply ? control_names_reply_pack(buf, sizeof(buf), 1,
				   (enum control_type)type, &names)
			     : control_name_pack(buf, sizeof(buf), 1,
				   (enum control_type)type, "card");
	case CONTROL_METRICS:
		return reply ? control_metrics_reply_pack(
				   buf, sizeof(buf), 1, &page)
			     : control_metrics_pack(buf, sizeof(buf), 1, 0);
	case CONTROL_PROBE:
		return reply ? control_probe_reply_pack(
				   buf, sizeof(buf), 1, &result)
			     : control_probe_pack(buf, sizeof(buf), 1, 0);
	case CONTROL_RELOAD:
		return reply ? control_done_reply_pack(
				   buf, sizeof(buf), 1, CONTROL_RELOAD)
			     : control_reload_pack(buf, sizeof(buf), 1);
	case CONTROL_PIN:
		return reply ? control_done_reply_pack(
				   buf, sizeof(buf), 1, CONTROL_PIN)
			     : control_pin_pack(buf, sizeof(buf), 1,
				   (const uint8_t *)"1234", 4);
	}
	return 0;
}

static void
every_truncation_and_any_trailing_byte_is_refused(void **state)
{
	(void)state;
	for (unsigned type = CONTROL_LOCK; type <= CONTROL_PIN; type++)
		for (int reply = 0; reply <= 1; reply++) {
			size_t len = make(type, reply);

			assert_int_equal(parse(buf, len), SIGNER_OK);
			for (size_t n = 0; n < len; n++)
				assert_int_equal(parse(buf, n), SIGNER_EPROTO);
			buf[len] = 0;
			assert_int_equal(parse(buf, len + 1), SIGNER_EPROTO);
		}
}

static void
what_does_not_fit_the_room_is_not_packed(void **state)
{
	(void)state;
	for (size_t room = 0; room < 21; room++)
		assert_int_equal(control_names_reply_pack(
				     buf, room, 1, CONTROL_LOCK, &names),
		    0);
	assert_int_equal(
	    control_names_reply_pack(buf, 21, 1, CONTROL_LOCK, &names), 21);
	assert_int_equal(control_done_reply_pack(buf, 7, 1, CONTROL_RELOAD), 0);
}

static void
a_packet_that_cannot_be_meant_is_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned type;
		bool reply;
		size_t at;
		uint8_t value;
	} cases[] = {
	    {"more names than there is room for", CONTROL_LOCK, true, 9, 17},
	    {"a wish neither 0 nor 1", CONTROL_LOCK, true, 13, 2},
	    {"the last wish neither 0 nor 1", CONTROL_LOCK, true, 20, 2},
	    {"NUL in a name", CONTROL_LOCK, false, 11, 0},
	    {"an unknown status", CONTROL_PROBE, true, 15, 99},
	    {"NUL in a PIN", CONTROL_PIN, false, 11, 0},
	    {"no PIN", CONTROL_PIN, false, 9, 0},
	    {"more text than a page", CONTROL_METRICS, true, 12, 0xff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = make(cases[i].type, cases[i].reply);

		assert_int_equal(parse(buf, len), SIGNER_OK);
		buf[cases[i].at] = cases[i].value;
		if (parse(buf, len) != SIGNER_EPROTO)
			fail_msg("%s: accepted", cases[i].why);
	}
}

static void
a_pin_has_at_most_256_bytes(void **state)
{
	uint8_t pin[CONTROL_PIN_MAX + 1];
	struct proto_header h;
	struct wire_reader r;
	const uint8_t *p;
	size_t len, n;

	(void)state;
	memset(pin, '1', sizeof(pin));
	for (size_t size = CONTROL_PIN_MAX; size <= sizeof(pin); size++) {
		len = control_pin_pack(buf, sizeof(buf), 1, pin, size);
		assert_int_equal(
		    proto_header_parse(&r, buf, len, &h), SIGNER_OK);
		assert_int_equal(control_pin_parse(&r, &p, &n),
		    size == CONTROL_PIN_MAX ? SIGNER_OK : SIGNER_EPROTO);
		assert_true((p == NULL) == (n == 0));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_have_their_golden_bytes),
	    cmocka_unit_test(replies_have_their_golden_bytes),
	    cmocka_unit_test(every_truncation_and_any_trailing_byte_is_refused),
	    cmocka_unit_test(what_does_not_fit_the_room_is_not_packed),
	    cmocka_unit_test(a_packet_that_cannot_be_meant_is_refused),
	    cmocka_unit_test(a_pin_has_at_most_256_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
