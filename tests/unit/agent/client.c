#include <sys/socket.h>
#include <sys/un.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/client.h"
#include "agent/proto.h"

#define THREADS 8

/*
 * A far end that behaves as it is told. It greets and pings properly; a SIGN
 * is answered with its own digest as the signature, by the rule of `mode`.
 */
enum mode {
	OBEY,
	REVERSE,     /* THREADS requests first, then the last one first */
	BUSY_THREE,  /* "busy" three times */
	BUSY_LATER,  /* "busy, try again in 300 ms" once */
	BUSY_LONG,   /* "busy, try again in an hour" */
	DEVICE_ONCE, /* "the worker ended" once */
	DEVICE_EVER,
	HANG_UP_ONCE, /* close the connection on the first request */
	SILENT,
	GARBAGE,
	WRONG_TYPE,
};

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char directory[] = "/tmp/sealpoint-client-XXXXXX";
static int listener;
static _Atomic enum mode mode;
static atomic_int signs, hung_up;

struct held {
	uint8_t p[PROTO_PACKET_MAX];
	size_t len;
};

static void
reply_failure(int fd, const struct proto_header *h, int err, uint32_t after_ms)
{
	const struct signer_trouble why = {
	    .retry = true, .after_ms = after_ms, .text = "as told"};
	uint8_t p[1024];

	(void)send(fd, p,
	    proto_failure_pack(
		p, sizeof(p), h->id, (enum proto_type)h->type, err, &why),
	    MSG_NOSIGNAL);
}

static void
reply_sign(int fd, const uint8_t *packet, size_t len)
{
	struct proto_header h;
	struct wire_reader r;
	struct proto_sign s;
	uint8_t p[1024];

	assert_int_equal(proto_header_parse(&r, packet, len, &h), SIGNER_OK);
	assert_int_equal(proto_sign_parse(&r, &s), SIGNER_OK);
	(void)send(fd, p,
	    proto_blob_reply_pack(
		p, sizeof(p), h.id, PROTO_SIGN, s.what.data, s.what.len),
	    MSG_NOSIGNAL);
}

/* False: the connection is to be closed. */
static bool
handle_sign(int fd, const uint8_t *packet, size_t len)
{
	static struct held held[THREADS];
	static size_t nheld;
	struct proto_header h;
	struct wire_reader r;
	int n = atomic_fetch_add(&signs, 1);

	(void)proto_header_parse(&r, packet, len, &h);
	switch (atomic_load(&mode)) {
	case OBEY:
		reply_sign(fd, packet, len);
		break;
	case REVERSE:
		memcpy(held[nheld].p, packet, len);
		held[nheld++].len = len;
		if (nheld < THREADS)
			break;
		while (nheld > 0) {
			nheld--;
			reply_sign(fd, held[nheld].p, held[nheld].len);
		}
		break;
	case BUSY_THREE:
		if (n < 3)
			reply_failure(fd, &h, SIGNER_EBUSY, 0);
		else
			reply_sign(fd, packet, len);
		break;
	case BUSY_LATER:
		if (n < 1)
			reply_failure(fd, &h, SIGNER_EBUSY, 300);
		else
			reply_sign(fd, packet, len);
		break;
	case BUSY_LONG:
		reply_failure(fd, &h, SIGNER_EBUSY, 3600000);
		break;
	case DEVICE_ONCE:
		if (n < 1)
			reply_failure(fd, &h, SIGNER_EDEVICE, 0);
		else
			reply_sign(fd, packet, len);
		break;
	case DEVICE_EVER:
		reply_failure(fd, &h, SIGNER_EDEVICE, 0);
		break;
	case HANG_UP_ONCE:
		if (atomic_fetch_add(&hung_up, 1) == 0)
			return false;
		reply_sign(fd, packet, len);
		break;
	case SILENT:
		break;
	case GARBAGE:
		(void)send(fd, "\x01", 1, MSG_NOSIGNAL);
		break;
	case WRONG_TYPE: {
		uint8_t p[64];

		(void)send(fd, p, proto_ping_reply_pack(p, sizeof(p), h.id),
		    MSG_NOSIGNAL);
		break;
	}
	}
	return true;
}

static void *
serve(void *arg)
{
	int fd = *(int *)arg;
	static const struct proto_hello hello = {
	    PROTO_VERSION, 65536, 32, "test"};
	uint8_t in[PROTO_PACKET_MAX], out[256];
	struct proto_header h;
	struct wire_reader r;
	ssize_t n;

	free(arg);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		if (proto_header_parse(&r, in, (size_t)n, &h) != SIGNER_OK)
			break;
		if (h.type == PROTO_HELLO)
			(void)send(fd, out,
			    proto_hello_reply_pack(
				out, sizeof(out), h.id, &hello),
			    MSG_NOSIGNAL);
		else if (h.type == PROTO_PING)
			(void)send(fd, out,
			    proto_ping_reply_pack(out, sizeof(out), h.id),
			    MSG_NOSIGNAL);
		else if (!handle_sign(fd, in, (size_t)n))
			break;
	}
	(void)close(fd);
	return NULL;
}

static void *
accept_all(void *arg)
{
	pthread_t t;

	(void)arg;
	for (;;) {
		int *fd = malloc(sizeof(*fd));

		*fd = accept(listener, NULL, NULL);
		if (*fd == -1) {
			free(fd);
			return NULL;
		}
		(void)pthread_create(&t, NULL, serve, fd);
		(void)pthread_detach(t);
	}
}

static int
make(void **state)
{
	pthread_t t;

	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(
	    address.sun_path, sizeof(address.sun_path), "%s/s", directory);
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (bind(listener, (const struct sockaddr *)&address,
		sizeof(address)) != 0 ||
	    listen(listener, 16) != 0)
		return -1;
	if (pthread_create(&t, NULL, accept_all, NULL) != 0)
		return -1;
	return pthread_detach(t);
}

static int
unmake(void **state)
{
	(void)state;
	(void)unlink(address.sun_path);
	return rmdir(directory);
}

static void
open_signer(struct signer *s, unsigned timeout_ms, enum mode m)
{
	struct client *c;

	atomic_store(&mode, m);
	atomic_store(&signs, 0);
	atomic_store(&hung_up, 0);
	assert_int_equal(
	    client_open(&c, address.sun_path, timeout_ms, NULL), SIGNER_OK);
	client_signer(c, s);
}

/* Signs a digest of this byte; checks that the answer is ours. */
static int
sign(const struct signer *s, uint8_t byte, struct signer_trouble *why)
{
	uint8_t digest[32], sig[SIGNER_SIG_MAX], key[SIGNER_SHA256_LEN] = {0};
	const struct signer_sign what = {
	    SIGNER_RSA_PKCS1, SIGNER_SHA256, true, 0, digest, sizeof(digest)};
	size_t siglen = sizeof(sig);
	int err;

	memset(digest, byte, sizeof(digest));
	err = signer_sign(s, key, &what, sig, &siglen, why);
	if (err == SIGNER_OK) {
		assert_int_equal(siglen, sizeof(digest));
		assert_memory_equal(sig, digest, sizeof(digest));
	}
	return err;
}

struct job {
	const struct signer *s;
	uint8_t byte;
	int err;
};

static void *
sign_once(void *arg)
{
	struct job *j = arg;

	j->err = sign(j->s, j->byte, NULL);
	return NULL;
}

static void
replies_in_any_order_find_their_callers(void **state)
{
	struct job jobs[THREADS];
	pthread_t t[THREADS];
	struct signer s;

	(void)state;
	open_signer(&s, 10000, REVERSE);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < THREADS; i++) {
			jobs[i] = (struct job){&s, (uint8_t)(round + i), 1};
			assert_int_equal(
			    pthread_create(&t[i], NULL, sign_once, &jobs[i]),
			    0);
		}
		for (int i = 0; i < THREADS; i++) {
			(void)pthread_join(t[i], NULL);
			assert_int_equal(jobs[i].err, SIGNER_OK);
		}
	}
	signer_close(&s);
}

static void
what_is_worth_repeating_is_repeated_and_no_more(void **state)
{
	static const struct {
		enum mode mode;
		int err, asked;
	} cases[] = {
	    {OBEY, SIGNER_OK, 1},
	    {BUSY_THREE, SIGNER_OK, 4},
	    {DEVICE_ONCE, SIGNER_OK, 2},
	    {DEVICE_EVER, SIGNER_EDEVICE, 2},
	    {HANG_UP_ONCE, SIGNER_OK, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signer_trouble why;
		struct signer s;

		open_signer(&s, 10000, cases[i].mode);
		assert_int_equal(sign(&s, 7, &why), cases[i].err);
		assert_int_equal(atomic_load(&signs), cases[i].asked);
		if (cases[i].err != SIGNER_OK)
			assert_string_equal(why.text, "as told");
		signer_close(&s);
	}
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
the_time_of_a_busy_agent_is_kept(void **state)
{
	struct signer_trouble why;
	uint64_t began, took;
	struct signer s;

	(void)state;
	open_signer(&s, 10000, BUSY_LATER);
	began = now_ms();
	assert_int_equal(sign(&s, 7, &why), SIGNER_OK);
	took = now_ms() - began;
	assert_int_equal(atomic_load(&signs), 2);
	assert_true(took >= 300);
	signer_close(&s);
}

static void
a_wait_beyond_the_deadline_is_not_begun(void **state)
{
	struct signer_trouble why;
	uint64_t began;
	struct signer s;

	(void)state;
	open_signer(&s, 5000, BUSY_LONG);
	began = now_ms();
	assert_int_equal(sign(&s, 7, &why), SIGNER_EBUSY);
	assert_int_equal(why.after_ms, 3600000);
	assert_true(now_ms() - began < 4000);
	assert_int_equal(atomic_load(&signs), 1);
	signer_close(&s);
}

static void
silence_ends_with_a_time_out(void **state)
{
	struct signer_trouble why;
	struct signer s;

	(void)state;
	open_signer(&s, 200, SILENT);
	assert_int_equal(sign(&s, 7, &why), SIGNER_ETIMEOUT);
	assert_non_null(strstr(why.text, "200 ms"));
	/* The connection is still good. */
	atomic_store(&mode, OBEY);
	assert_int_equal(sign(&s, 8, &why), SIGNER_OK);
	signer_close(&s);
}

/* An agent that greets one client and then takes nobody any more. */
static void *
greet_one(void *arg)
{
	static const struct proto_hello hello = {
	    PROTO_VERSION, 65536, 32, "test"};
	uint8_t in[256], out[256];
	struct proto_header h = {0};
	struct wire_reader r;
	int *fd = arg;
	ssize_t n;

	*fd = accept(*fd, NULL, NULL);
	n = recv(*fd, in, sizeof(in), 0);
	if (n > 0)
		(void)proto_header_parse(&r, in, (size_t)n, &h);
	(void)send(*fd, out,
	    proto_hello_reply_pack(out, sizeof(out), h.id, &hello),
	    MSG_NOSIGNAL);
	return NULL;
}

/* Connects to an agent that accepts nobody, until no more can wait for it. */
static size_t
crowd(const struct sockaddr_un *un, int *fds, size_t max)
{
	size_t n;

	for (n = 0; n < max; n++) {
		fds[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
		if (connect(fds[n], (const struct sockaddr *)un, sizeof(*un)) !=
		    0)
			return n + 1;
	}
	fail_msg("the agent's queue has no end");
	return n;
}

/*
 * One waits for the connection, the others for him: it is one time-out that
 * they share, and not one after the other.
 */
static void
threads_that_cannot_connect_end_after_one_time_out(void **state)
{
	const unsigned timeout_ms = 400;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, taken, waiting[64];
	struct job jobs[THREADS];
	pthread_t t[THREADS], agent;
	struct client *c;
	struct signer s;
	uint64_t began;
	size_t n;

	(void)state;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/full", directory);
	taken = fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(pthread_create(&agent, NULL, greet_one, &taken), 0);
	assert_int_equal(
	    client_open(&c, un.sun_path, timeout_ms, NULL), SIGNER_OK);
	(void)pthread_join(agent, NULL);
	client_signer(c, &s);
	(void)close(taken);
	n = crowd(&un, waiting, sizeof(waiting) / sizeof(waiting[0]));
	began = now_ms();
	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){&s, (uint8_t)i, 1};
		assert_int_equal(
		    pthread_create(&t[i], NULL, sign_once, &jobs[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(t[i], NULL);
		assert_int_equal(jobs[i].err, SIGNER_ETIMEOUT);
	}
	assert_in_range(now_ms() - began, timeout_ms - 50, 3 * timeout_ms);
	while (n > 0)
		(void)close(waiting[--n]);
	(void)close(fd);
	(void)unlink(un.sun_path);
	signer_close(&s);
}

static void
what_does_not_speak_the_protocol_is_said_to(void **state)
{
	struct signer_trouble why;
	struct signer s;

	(void)state;
	open_signer(&s, 2000, GARBAGE);
	assert_int_equal(sign(&s, 7, &why), SIGNER_EAGENT);
	signer_close(&s);
	open_signer(&s, 2000, WRONG_TYPE);
	assert_int_equal(sign(&s, 7, &why), SIGNER_EPROTO);
	assert_non_null(strstr(why.text, "does not speak"));
	signer_close(&s);
}

static void
an_agent_that_is_not_there_is_named(void **state)
{
	struct signer_trouble why;
	char longer[200];
	struct client *c;

	(void)state;
	assert_int_equal(
	    client_open(&c, "/nowhere/agent.sock", 0, &why), SIGNER_EAGENT);
	assert_null(c);
	assert_non_null(strstr(why.text, "/nowhere/agent.sock"));
	assert_non_null(strstr(why.text, "start sealpointd"));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(client_open(&c, longer, 0, &why), SIGNER_EARG);
}

static void
the_environment_names_the_agent(void **state)
{
	struct client *c;

	(void)state;
	assert_int_equal(setenv("SEALPOINT_AGENT", address.sun_path, 1), 0);
	assert_int_equal(client_open(&c, NULL, 0, NULL), SIGNER_OK);
	assert_int_equal(client_ping(c, NULL), SIGNER_OK);
	client_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies_in_any_order_find_their_callers),
	    cmocka_unit_test(what_is_worth_repeating_is_repeated_and_no_more),
	    cmocka_unit_test(the_time_of_a_busy_agent_is_kept),
	    cmocka_unit_test(a_wait_beyond_the_deadline_is_not_begun),
	    cmocka_unit_test(silence_ends_with_a_time_out),
	    cmocka_unit_test(
		threads_that_cannot_connect_end_after_one_time_out),
	    cmocka_unit_test(what_does_not_speak_the_protocol_is_said_to),
	    cmocka_unit_test(an_agent_that_is_not_there_is_named),
	    cmocka_unit_test(the_environment_names_the_agent),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
