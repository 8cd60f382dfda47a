#include "mp/spool.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mp/sealed.h"

#define MIB (1u << 20)

/* A byte that depends on its place. */
static uint8_t
byte_at(uint64_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

static int
fill(struct mp_spool *s, size_t len, struct mp_error *e)
{
	uint8_t chunk[5000];
	size_t n;
	int r;

	for (; len > 0; len -= n) {
		n = len < sizeof(chunk) ? len : sizeof(chunk);
		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(s->size + i);
		r = mp_spool_write(s, chunk, n, e);
		if (r != MP_OK)
			return r;
	}
	return MP_OK;
}

/* Reads all, in pieces of an odd length. */
static void
check(struct mp_spool *s, uint64_t size)
{
	uint8_t chunk[7001];
	struct mp_error e;
	uint64_t at = 0;
	size_t n;

	do {
		n = sizeof(chunk);
		if (mp_spool_read(s, chunk, &n, &e) != MP_OK)
			fail_msg("%s", e.text);
		for (size_t i = 0; i < n; i++)
			if (chunk[i] != byte_at(at + i))
				fail_msg("another byte at %zu", (size_t)at + i);
		at += n;
	} while (n > 0);
	assert_int_equal(at, size);
}

static void
what_is_too_much_is_refused_and_nothing_is_lost(void **state)
{
	static const uint64_t limits[] = {0, 1, 10000, 3 * MIB};
	struct mp_spool s;
	struct mp_error e;

	(void)state;
	mp_spool_release(NULL);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		mp_spool_init(&s, limits[i]);
		assert_int_equal(fill(&s, (size_t)limits[i], &e), MP_OK);
		assert_int_equal(mp_spool_write(&s, "", 0, &e), MP_OK);
		assert_int_equal(mp_spool_write(&s, "x", 1, &e), MP_ELIMIT);
		assert_non_null(strstr(e.text, "larger than"));
		assert_int_equal(s.size, limits[i]);
		check(&s, limits[i]);
		mp_spool_release(&s);
		assert_int_equal(s.size, 0);
	}
}

static void
few_bytes_stay_in_memory_and_many_go_to_a_file(void **state)
{
	static const struct {
		size_t size;
		bool file;
	} cases[] = {{0, false}, {1, false}, {8191, false}, {8193, false},
	    {MIB - 1, false}, {MIB, false}, {MIB + 1, true}, {5 * MIB, true}};
	struct mp_spool s;
	struct mp_error e;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mp_spool_init(&s, 1u << 30);
		assert_int_equal(fill(&s, cases[i].size, &e), MP_OK);
		assert_int_equal(s.fd >= 0, cases[i].file);
		if (cases[i].file) {
			assert_null(s.memory);
			assert_int_equal(fstat(s.fd, &st), 0);
			assert_int_equal(st.st_nlink, 0);
			assert_int_equal(st.st_mode & 0777, 0600);
			assert_int_not_equal(
			    fcntl(s.fd, F_GETFD) & FD_CLOEXEC, 0);
		}
		check(&s, cases[i].size);
		mp_spool_rewind(&s);
		check(&s, cases[i].size);
		mp_spool_release(&s);
		assert_int_equal(s.fd, -1);
	}
}

static void
a_large_piece_goes_to_a_file_at_once(void **state)
{
	static uint8_t big[2 * MIB];
	struct mp_spool s;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = byte_at(i);
	mp_spool_init(&s, 1u << 30);
	assert_int_equal(mp_spool_write(&s, big, sizeof(big), &e), MP_OK);
	assert_true(s.fd >= 0);
	check(&s, sizeof(big));
	mp_spool_release(&s);
}

/* A disk that is full after 2 MiB. */
static void
a_full_disk_is_told(void **state)
{
	struct rlimit old, full;
	struct mp_spool s;
	struct mp_error e;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = old;
	full.rlim_cur = 2 * MIB;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	mp_spool_init(&s, 1u << 30);
	assert_int_equal(fill(&s, 4 * MIB, &e), MP_ELIMIT);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_non_null(strstr(e.text, "no room"));
	mp_spool_release(&s);
}

static void
a_directory_that_cannot_be_is_named(void **state)
{
	static const char *const bad[] = {
	    "/nonexistent/place", "/dev/null", "/proc"};
	struct mp_spool s;
	struct mp_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mp_spool_init(&s, 1u << 30);
		s.dir = bad[i];
		assert_int_equal(fill(&s, 2 * MIB, &e), MP_ESTATE);
		assert_non_null(strstr(e.text, bad[i]));
		mp_spool_release(&s);
		assert_string_equal(s.dir, bad[i]);
	}
	mp_spool_init(&s, 1u << 30);
	s.dir = "/dev/shm"; /* as good a place as any */
	assert_int_equal(fill(&s, 2 * MIB, &e), MP_OK);
	check(&s, 2 * MIB);
	mp_spool_release(&s);
}

static void
no_descriptor_left_is_told(void **state)
{
	struct rlimit old, none;
	struct mp_spool s;
	struct mp_error e;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	mp_spool_init(&s, 1u << 30);
	assert_int_equal(fill(&s, 2 * MIB, &e), MP_ESTATE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(strstr(e.text, "/tmp"));
	assert_int_equal(s.fd, -1);
	mp_spool_release(&s);
}

static void
a_file_that_lost_its_end_is_told(void **state)
{
	struct mp_spool s;
	struct mp_error e;
	uint8_t chunk[4096];
	size_t n = sizeof(chunk);

	(void)state;
	mp_spool_init(&s, 1u << 30);
	assert_int_equal(fill(&s, 2 * MIB, &e), MP_OK);
	assert_int_equal(ftruncate(s.fd, 100), 0);
	assert_int_equal(mp_spool_read(&s, chunk, &n, &e), MP_OK);
	assert_int_equal(n, 100);
	n = sizeof(chunk);
	assert_int_equal(mp_spool_read(&s, chunk, &n, &e), MP_ESTATE);
	assert_int_equal(n, 0);
	assert_non_null(strstr(e.text, "cannot be read"));
	mp_spool_release(&s);
}

/* Read with every length of piece, twice. */
static void
a_sealed_message_reads_the_same_by_any_pieces(void **state)
{
	static const char all[] = "HEADpayloadTAIL";
	struct mp_sealed s;
	struct mp_error e;
	char got[64];

	(void)state;
	mp_sealed_init(&s);
	mp_buf_str(&s.head, "HEAD");
	assert_int_equal(mp_spool_write(&s.payload, "payload", 7, &e), 0);
	mp_buf_str(&s.tail, "TAIL");
	assert_int_equal(mp_sealed_size(&s), strlen(all));
	for (size_t piece = 1; piece < 20; piece++) {
		size_t n, at = 0;

		do {
			n = piece;
			assert_int_equal(
			    mp_sealed_read(&s, got + at, &n, &e), 0);
			assert_true(n <= piece);
			at += n;
		} while (n > 0);
		assert_int_equal(at, strlen(all));
		assert_memory_equal(got, all, at);
		mp_sealed_rewind(&s);
	}
	mp_sealed_release(&s);
	assert_int_equal(mp_sealed_size(&s), 0);
	mp_sealed_release(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_too_much_is_refused_and_nothing_is_lost),
	    cmocka_unit_test(few_bytes_stay_in_memory_and_many_go_to_a_file),
	    cmocka_unit_test(a_large_piece_goes_to_a_file_at_once),
	    cmocka_unit_test(a_full_disk_is_told),
	    cmocka_unit_test(a_directory_that_cannot_be_is_named),
	    cmocka_unit_test(no_descriptor_left_is_told),
	    cmocka_unit_test(a_file_that_lost_its_end_is_told),
	    cmocka_unit_test(a_sealed_message_reads_the_same_by_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
