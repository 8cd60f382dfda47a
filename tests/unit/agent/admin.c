/* The operator's side of a PIN's way. */
#include <sys/socket.h>
#include <sys/un.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/admin.h"
#include "agent/control.h"

static char dir[] = "/tmp/sealpoint-admin-XXXXXX";
static char path[64];
static const uint8_t pin[] = "a PIN of no token";

static int
listen_at(const char *where)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", where);
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* How often it stands between two addresses. */
static unsigned
count(const uint8_t *from, const uint8_t *to)
{
	unsigned n = 0;

	while ((from = memmem(
		    from, (size_t)(to - from), pin, sizeof(pin) - 1)) != NULL) {
		n++;
		from++;
	}
	return n;
}

/* How often it stands in the heap. */
static unsigned
search(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	char line[512], *dash;
	uintptr_t from;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "[heap]") == NULL)
			continue;
		from = strtoul(line, &dash, 16);
		n += count((const uint8_t *)from,
		    (const uint8_t *)strtoul(dash + 1, NULL, 16));
	}
	(void)fclose(maps);
	return n;
}

struct door {
	int listener;
	bool came;      /* the PIN, as it was brought */
	unsigned found; /* copies, while its bringer waits */
};

/* A door that looks around before it answers. */
static void *
stand(void *arg)
{
	struct door *d = arg;
	struct wire_reader r;
	struct proto_header h;
	const uint8_t *brought;
	uint8_t packet[512];
	size_t len;
	int fd = accept(d->listener, NULL, NULL);
	ssize_t n = recv(fd, packet, sizeof(packet), 0);

	d->found = search();
	if (n > 0 && proto_header_parse(&r, packet, (size_t)n, &h) == 0 &&
	    control_pin_parse(&r, &brought, &len) == SIGNER_OK) {
		d->came =
		    len == sizeof(pin) - 1 && memcmp(brought, pin, len) == 0;
		len = control_done_reply_pack(
		    packet, sizeof(packet), h.id, CONTROL_PIN);
		(void)send(fd, packet, len, MSG_NOSIGNAL);
	}
	(void)close(fd);
	return NULL;
}

static void
a_pin_on_its_way_is_nowhere_in_the_heap(void **state)
{
	struct signer_trouble why = {0};
	char of_token[80];
	struct door d = {0};
	struct admin *op;
	uint8_t *witness;
	pthread_t t;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/c", dir);
	(void)snprintf(of_token, sizeof(of_token), "%s.card", path);
	fd = listen_at(path);
	d.listener = listen_at(of_token);
	assert_int_equal(admin_open(&op, path, 5000, &why), SIGNER_OK);
	assert_int_equal(pthread_create(&t, NULL, stand, &d), 0);
	assert_int_equal(
	    admin_bring(op, "card", pin, sizeof(pin) - 1, &why), SIGNER_OK);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(d.came);
	assert_int_equal(d.found, 0);
	assert_int_equal(search(), 0);
	admin_close(op);
	/* What is there is found; other allocators have no such heap. */
	witness = malloc(sizeof(pin));
	assert_non_null(witness);
	memcpy(witness, pin, sizeof(pin));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(search() > 0);
#endif
	explicit_bzero(witness, sizeof(pin));
	free(witness);
	(void)close(fd);
	(void)close(d.listener);
	(void)unlink(path);
	(void)unlink(of_token);
}

static void
what_can_be_no_pin_is_refused(void **state)
{
	static const uint8_t many[CONTROL_PIN_MAX + 1] = {1};
	struct signer_trouble why = {0};
	struct admin *op;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/d", dir);
	fd = listen_at(path);
	assert_int_equal(admin_open(&op, path, 5000, &why), SIGNER_OK);
	assert_int_equal(
	    admin_bring(op, "card", many, sizeof(many), &why), SIGNER_EARG);
	assert_int_equal(admin_bring(op, "card", many, 0, &why), SIGNER_EARG);
	admin_close(op);
	(void)close(fd);
	(void)unlink(path);
}

#define TEXT_LEN (3 * CONTROL_PAGE_MAX + 17)

/* An agent with much to tell; `grow`: its text is another one meanwhile. */
struct teller {
	int listener;
	char text[TEXT_LEN];
	uint32_t grow;
	unsigned pages;
};

static void *
tell(void *arg)
{
	static uint8_t packet[CONTROL_PAGE_MAX + 512];
	struct teller *t = arg;
	struct proto_header h;
	struct wire_reader r;
	int fd = accept(t->listener, NULL, NULL);
	uint32_t from;
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0 &&
	       proto_header_parse(&r, packet, (size_t)n, &h) == 0 &&
	       control_metrics_parse(&r, &from) == SIGNER_OK) {
		struct control_page p = {.text = (uint8_t *)t->text + from,
		    .total = TEXT_LEN + t->pages * t->grow,
		    .len = TEXT_LEN - from};
		size_t len;

		if (p.len > CONTROL_PAGE_MAX)
			p.len = CONTROL_PAGE_MAX;
		t->pages++;
		len = control_metrics_reply_pack(
		    packet, sizeof(packet), h.id, &p);
		(void)send(fd, packet, len, MSG_NOSIGNAL);
	}
	(void)close(fd);
	return NULL;
}

static void
metrics_of_several_packets_arrive_once_and_in_order(void **state)
{
	static struct teller t;
	struct signer_trouble why;
	struct admin *op;
	pthread_t thread;
	char *text;
	size_t len;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/m", dir);
	for (size_t i = 0; i < TEXT_LEN; i++)
		t.text[i] = (char)('a' + i * 7 % 26 + i / CONTROL_PAGE_MAX);
	t.listener = listen_at(path);
	for (t.grow = 0; t.grow < 2; t.grow++) {
		int want = t.grow == 0 ? SIGNER_OK : SIGNER_EPROTO;

		t.pages = 0;
		assert_int_equal(pthread_create(&thread, NULL, tell, &t), 0);
		assert_int_equal(admin_open(&op, path, 5000, &why), SIGNER_OK);
		assert_int_equal(admin_metrics(op, &text, &len, &why), want);
		admin_close(op);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(t.pages, want == SIGNER_OK ? 4 : 2);
		assert_int_equal(len, want == SIGNER_OK ? TEXT_LEN : 0);
		if (want == SIGNER_OK)
			assert_memory_equal(text, t.text, len);
		free(text);
	}
	(void)close(t.listener);
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_can_be_no_pin_is_refused),
	    cmocka_unit_test(a_pin_on_its_way_is_nowhere_in_the_heap),
	    cmocka_unit_test(
		metrics_of_several_packets_arrive_once_and_in_order),
	};
	int r;

	if (mkdtemp(dir) == NULL)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(dir);
	return r;
}
