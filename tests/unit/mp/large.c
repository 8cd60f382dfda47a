/*
 * Messages that are too large for memory: each is sealed and read again in a
 * process of its own, which may not grow beyond a bound.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <limits.h>
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

#include "mp/seal.h"
#include "tests/fake/soft_signer.h"
#include "tests/unit/mp/pki.h"

#define MIB (1u << 20)
#define LARGE (50u * MIB)
#define GROWTH_KIB (24 * 1024) /* of the resident set */

struct scene {
	char dir[PATH_MAX], path[PATH_MAX];
	struct soft_signer *soft;
	struct signer signer;
	struct evp *evp;
	struct mp_identity me;
	struct mp_message m;
	struct mp_attachment a;
	EVP_PKEY *mp_key;
	X509 *mp_cert;
};

/* Text that compresses somewhat, but not to nothing. */
static void
write_report(const char *path, size_t size)
{
	FILE *f = fopen(path, "wb");
	uint32_t x = 1;

	assert_non_null(f);
	assert_true(fputs("<r>", f) >= 0);
	for (size_t n = 0; n < size; n += 16) {
		x = x * 1664525u + 1013904223u;
		if (fprintf(f, "<p v='%08x'/>", x) < 0)
			break;
	}
	assert_true(fputs("</r>", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
enter(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct signer_identity id;
	struct signer_trouble why;
	struct mp_error e;

	assert_non_null(s);
	pki_dir(s->dir);
	pki_path(s->path, s->dir, "report.xml");
	write_report(s->path, LARGE);
	s->soft = soft_signer_new();
	soft_signer_make(s->soft, "rsa-2048", "large", &id, NULL);
	soft_signer_signer(s->soft, &s->signer);
	assert_int_equal(evp_open(&s->evp, &why), 0);
	assert_int_equal(mp_identity_open(&s->me, s->evp, &s->signer, id.sha1,
			     SIGNER_SHA1_LEN, &e),
	    MP_OK);
	s->mp_key = pki_key();
	s->mp_cert = pki_cert(s->mp_key, &(struct pki_wish){.cn = "MP1"});
	assert_int_equal(mp_message_init(&s->m), 0);
	s->m.endpoint = "MP_HinvEndpoint";
	s->m.body = "<Report/>";
	s->m.source_id = "GUID:0D5A4B1C-1111-2222-3333-444455556666";
	s->m.source_host = "CLIENT1";
	s->m.target_host = "mp1.dom";
	s->a.name = "{00000000-0000-0000-0000-000000000001}";
	s->a.path = s->path;
	s->a.xml = true;
	s->m.attachments = &s->a;
	s->m.nattachments = 1;
	*state = s;
	return 0;
}

static int
leave(void **state)
{
	struct scene *s = *state;

	mp_identity_close(&s->me);
	evp_close(s->evp);
	signer_close(&s->signer);
	X509_free(s->mp_cert);
	EVP_PKEY_free(s->mp_key);
	pki_remove(s->dir);
	free(s);
	return 0;
}

static long
resident_kib(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss : -1;
}

static int
seal(struct scene *s, struct mp_sealed *out, struct mp_error *e)
{
	struct mp_recipients to = {&s->mp_cert, 1, MP_CIPHER_AES256};
	struct mp_seal_config how = {.recipients = &to};

	mp_sealed_init(out);
	return mp_seal(&s->me, &s->m, &how, out, e);
}

/* Seals and reads all, as libcurl would; how far this process grew, or -1. */
static long
growth(struct scene *s, uint64_t *size)
{
	static uint8_t chunk[65536];
	long before = resident_kib();
	struct mp_sealed out;
	struct mp_error e;
	uint64_t all = 0;
	size_t n;

	if (seal(s, &out, &e) != MP_OK) {
		(void)fprintf(stderr, "%s\n", e.text);
		return -1;
	}
	do {
		n = sizeof(chunk);
		if (mp_sealed_read(&out, chunk, &n, &e) != MP_OK)
			return -1;
		all += n;
	} while (n > 0);
	*size = all;
	if (all != mp_sealed_size(&out))
		return -1;
	mp_sealed_release(&out);
	return resident_kib() - before;
}

static void
must_stay_small(struct scene *s, uint64_t least)
{
	struct {
		long kib;
		uint64_t size;
	} told = {-1, 0};
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		told.kib = growth(s, &told.size);
		_exit(
		    write(fds[1], &told, sizeof(told)) == sizeof(told) ? 0 : 1);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	print_message("%llu MiB sealed, %ld KiB grown\n",
	    (unsigned long long)told.size / MIB, told.kib);
	assert_true(told.size >= least);
	assert_in_range(told.kib, 0, GROWTH_KIB);
}

static void
a_large_message_takes_bounded_memory(void **state)
{
	static const struct {
		uint32_t flags;
		bool xml;
		uint64_t least;
	} cases[] = {{MP_FLAG_NATIVE, false, LARGE},
	    {MP_FLAG_NATIVE | MP_FLAG_SIGN | MP_FLAG_COMPRESS, true, 8 * MIB},
	    {MP_FLAG_SIGN | MP_FLAG_ENCRYPT, true, 2 * LARGE},
	    {MP_FLAG_SIGN | MP_FLAG_COMPRESS | MP_FLAG_ENCRYPT, true, 8 * MIB}};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s->m.flags = cases[i].flags;
		s->a.xml = cases[i].xml;
		must_stay_small(s, cases[i].least);
	}
}

/* The disk takes 5 MiB, and no more. */
static void
a_full_disk_leaves_nothing_to_send(void **state)
{
	struct scene *s = *state;
	struct rlimit old, full;
	struct mp_sealed out;
	struct mp_error e;
	unsigned long signs = soft_signer_counts(s->soft).signs;
	int r;

	s->m.flags = MP_FLAG_SIGN | MP_FLAG_ENCRYPT;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = old;
	full.rlim_cur = 5 * MIB;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	r = seal(s, &out, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(r, MP_ELIMIT);
	assert_non_null(strstr(e.text, "no room"));
	assert_non_null(strstr(e.text, "MP_HinvEndpoint"));
	assert_int_equal(mp_sealed_size(&out), 0);
	assert_int_equal(soft_signer_counts(s->soft).signs, signs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_disk_leaves_nothing_to_send),
	    cmocka_unit_test(a_large_message_takes_bounded_memory),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
