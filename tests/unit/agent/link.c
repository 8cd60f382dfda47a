#include <sys/socket.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/link.h"

static uint8_t buf[1024];

static const struct link_mark mark = {
    .token = "card", .id = 2, .on = true, .err = 3};
static const struct link_probed probed = {.id = 9,
    .err = SIGNER_EPIN,
    .sha1 = {1},
    .us = 7,
    .why = {.ckr = 0xa0, .retry = true, .text = "no"}};
static const struct link_counted counted = {.id = 9,
    .identities = 1,
    .sessions = 2,
    .signatures = 3,
    .decryptions = 4,
    .logins = 5,
    .searches = 6,
    .recoveries = 7,
    .retries = 8};

/* What is said of locks, probes and counts. */
static const enum link_kind kinds[] = {LINK_LOCK, LINK_UNLOCK, LINK_PROBE,
    LINK_COUNTS, LINK_UNLOCKED, LINK_PROBED, LINK_COUNTED, LINK_MARK,
    LINK_MARKED};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t
make(enum link_kind kind)
{
	if (kind == LINK_PROBED)
		return link_probed_pack(buf, sizeof(buf), &probed);
	if (kind == LINK_COUNTED)
		return link_counted_pack(buf, sizeof(buf), &counted);
	if (kind == LINK_MARK || kind == LINK_MARKED)
		return link_mark_pack(buf, sizeof(buf), kind, &mark);
	return link_order_pack(buf, sizeof(buf), kind, 9);
}

/* SIGNER_OK too only if it is what make() was given. */
static int
parse(enum link_kind kind, size_t len)
{
	struct link_counted c;
	struct link_probed b;
	struct wire_reader r;
	struct link_mark m;
	uint32_t id = 0;
	int err;

	memset(&b, 0, sizeof(b));
	if (link_kind_get(&r, buf, len) != kind)
		return SIGNER_EPROTO;
	if (kind == LINK_PROBED) {
		err = link_probed_parse(&r, &b);
		id = b.id;
		if (err == SIGNER_OK) {
			assert_int_equal(b.err, probed.err);
			assert_memory_equal(b.sha1, probed.sha1, 20);
			assert_int_equal(b.us, probed.us);
			assert_int_equal(b.why.ckr, probed.why.ckr);
			assert_true(b.why.retry);
			assert_string_equal(b.why.text, probed.why.text);
		}
	} else if (kind == LINK_COUNTED) {
		err = link_counted_parse(&r, &c);
		id = c.id;
		if (err == SIGNER_OK) {
			assert_int_equal(c.identities, 1);
			assert_int_equal(c.sessions, 2);
			assert_int_equal(c.signatures, 3);
			assert_int_equal(c.decryptions, 4);
			assert_int_equal(c.logins, 5);
			assert_int_equal(c.searches, 6);
			assert_int_equal(c.recoveries, 7);
			assert_int_equal(c.retries, 8);
		}
	} else if (kind == LINK_MARK || kind == LINK_MARKED) {
		err = link_mark_parse(&r, &m);
		id = m.id + 7;
		if (err == SIGNER_OK) {
			assert_string_equal(m.token, mark.token);
			assert_true(m.on);
			assert_int_equal(m.err, mark.err);
		}
	} else {
		err = link_order_parse(&r, &id);
	}
	if (err == SIGNER_OK)
		assert_int_equal(id, 9);
	return err;
}

static void
what_is_packed_is_parsed_and_nothing_shorter_or_longer(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		size_t len = make(kinds[i]);

		assert_int_equal(parse(kinds[i], len), SIGNER_OK);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse(kinds[i], n), SIGNER_EPROTO);
		buf[len] = 0;
		assert_int_equal(parse(kinds[i], len + 1), SIGNER_EPROTO);
	}
}

static void
what_does_not_fit_the_room_is_not_packed(void **state)
{
	(void)state;
	for (size_t room = 0; room < 5; room++)
		assert_int_equal(link_order_pack(buf, room, LINK_LOCK, 9), 0);
	for (size_t room = 0; room < 16; room++)
		assert_int_equal(
		    link_mark_pack(buf, room, LINK_MARK, &mark), 0);
	for (size_t room = 0; room < 69; room++)
		assert_int_equal(link_counted_pack(buf, room, &counted), 0);
	assert_int_equal(link_counted_pack(buf, 69, &counted), 69);
}

/* How many descriptors this process has. */
static unsigned
descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Two at once are nobody's: none is taken, and none stays open. */
static void
one_descriptor_rides_along_and_no_more(void **state)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} ride;
	struct iovec iov = {buf, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	const int two[2] = {0, 1};
	struct cmsghdr *c;
	unsigned before;
	int ends[2], fd;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	before = descriptors();
	assert_int_equal(link_send(ends[0], buf, 1, NULL, 0, 0, 0), 0);
	assert_int_equal(link_recv(ends[1], buf, sizeof(buf), &fd, 0), 1);
	assert_true(fd > 2);
	(void)close(fd);
	for (unsigned n = 1; n <= 2; n++) {
		memset(&ride, 0, sizeof(ride));
		m.msg_control = ride.space;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), two, n * sizeof(int));
		assert_int_equal(sendmsg(ends[0], &m, 0), 1);
		(void)link_recv(ends[1], buf, sizeof(buf), &fd, 0);
		assert_int_equal(fd == -1, n == 2);
		if (fd != -1)
			(void)close(fd);
		assert_int_equal(descriptors(), before);
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		what_is_packed_is_parsed_and_nothing_shorter_or_longer),
	    cmocka_unit_test(what_does_not_fit_the_room_is_not_packed),
	    cmocka_unit_test(one_descriptor_rides_along_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
