#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/worker/clients.h"

/* Two ends of a connection. */
static void
pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
}

static const uint8_t packet[] = "packet";

static void
a_packet_goes_to_its_client_and_to_no_other(void **state)
{
	const struct link_client one = {1, 5}, other = {1, 6}, far = {4, 5};
	struct clients *c = clients_new(4);
	uint8_t buf[16];
	int ends[2];

	(void)state;
	pair(ends);
	assert_int_equal(clients_send(c, one, packet, sizeof(packet)), -1);
	clients_put(c, one, ends[0]);
	assert_int_equal(clients_send(c, one, packet, sizeof(packet)), 0);
	assert_int_equal(recv(ends[1], buf, sizeof(buf), 0), sizeof(packet));
	assert_int_equal(clients_send(c, other, packet, sizeof(packet)), -1);
	assert_int_equal(clients_send(c, far, packet, sizeof(packet)), -1);
	(void)close(ends[1]);
	clients_free(c);
}

static bool
closed(int end)
{
	uint8_t byte;

	return recv(end, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
a_later_client_of_the_slot_pushes_the_earlier_out(void **state)
{
	const struct link_client old = {0, 5}, new = {0, 6};
	struct clients *c = clients_new(4);
	int a[2], b[2], late[2];

	(void)state;
	pair(a);
	pair(b);
	pair(late);
	clients_put(c, old, a[0]);
	clients_put(c, new, b[0]);
	assert_true(closed(a[1]));
	assert_int_equal(clients_send(c, old, packet, sizeof(packet)), -1);
	assert_int_equal(clients_send(c, new, packet, sizeof(packet)), 0);
	/* Overtaken by another thread: it must not come back. */
	clients_put(c, old, late[0]);
	assert_true(closed(late[1]));
	assert_int_equal(clients_send(c, new, packet, sizeof(packet)), 0);
	(void)close(a[1]);
	(void)close(b[1]);
	(void)close(late[1]);
	clients_free(c);
}

static void
one_that_hung_up_is_closed_even_if_its_descriptor_comes_late(void **state)
{
	const struct link_client one = {2, 9};
	struct clients *c = clients_new(4);
	int a[2], b[2];

	(void)state;
	pair(a);
	pair(b);
	clients_put(c, one, a[0]);
	clients_drop(c, one);
	assert_true(closed(a[1]));
	clients_put(c, one, b[0]);
	assert_true(closed(b[1]));
	(void)close(a[1]);
	(void)close(b[1]);
	clients_free(c);
}

static void
one_that_does_not_read_does_not_hold_us(void **state)
{
	const struct link_client one = {3, 1};
	static uint8_t large[4096];
	struct clients *c = clients_new(4);
	int ends[2], sent = 0;

	(void)state;
	pair(ends);
	clients_put(c, one, ends[0]);
	while (sent < 100000 && clients_send(c, one, large, sizeof(large)) == 0)
		sent++;
	assert_true(sent > 0 && sent < 100000);
	(void)close(ends[1]);
	clients_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_packet_goes_to_its_client_and_to_no_other),
	    cmocka_unit_test(a_later_client_of_the_slot_pushes_the_earlier_out),
	    cmocka_unit_test(
		one_that_hung_up_is_closed_even_if_its_descriptor_comes_late),
	    cmocka_unit_test(one_that_does_not_read_does_not_hold_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
