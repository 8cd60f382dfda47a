#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/catalogue.h"

#define MANY 10000

/* Number n as a certificate; those with one `sha1` share that thumbprint. */
static struct signer_identity
make(uint32_t n, uint32_t sha1)
{
	struct signer_identity id = {.type = SIGNER_KEY_RSA, .uses = 7};
	uint32_t scattered = n * 2654435761u, other = sha1 * 2246822519u;

	memcpy(id.sha256, &scattered, sizeof(scattered));
	memcpy(id.sha256 + 28, &n, sizeof(n));
	memcpy(id.sha1, &other, sizeof(other));
	return id;
}

static size_t
count(const struct catalogue *c)
{
	size_t n = 0;

	while (catalogue_at(c, n) != NULL)
		n++;
	return n;
}

static void
an_empty_one_finds_nothing(void **state)
{
	const struct signer_identity id = make(1, 1);
	struct catalogue *c = catalogue_new();
	size_t others = 9;

	(void)state;
	assert_non_null(c);
	assert_null(catalogue_by_sha256(c, id.sha256));
	assert_null(catalogue_by_sha1(c, id.sha1, &others));
	assert_int_equal(others, 0);
	assert_null(catalogue_at(c, 0));
	catalogue_free(c);
}

static void
each_of_many_is_found_by_either_thumbprint(void **state)
{
	struct signer_identity *ids = calloc(MANY, sizeof(*ids));
	struct catalogue *c = catalogue_new();
	size_t others;

	(void)state;
	assert_non_null(ids);
	for (uint32_t i = 0; i < MANY; i++)
		ids[i] = make(i, i);
	assert_int_equal(catalogue_replace(c, 0, ids, MANY), 0);
	assert_int_equal(count(c), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct catalogue_entry *e;

		e = catalogue_by_sha256(c, ids[i].sha256);
		assert_non_null(e);
		assert_memory_equal(e->id.sha1, ids[i].sha1, SIGNER_SHA1_LEN);
		assert_ptr_equal(catalogue_by_sha1(c, ids[i].sha1, &others), e);
		assert_int_equal(others, 0);
		assert_int_equal(e->id.uses, 0);
	}
	catalogue_free(c);
	free(ids);
}

static void
a_key_on_two_tokens_is_one_entry(void **state)
{
	const struct signer_identity ids[] = {make(1, 1), make(2, 2)};
	struct catalogue *c = catalogue_new();

	(void)state;
	assert_int_equal(catalogue_replace(c, 0, ids, 2), 0);
	assert_int_equal(catalogue_replace(c, 3, ids, 1), 0);
	assert_int_equal(count(c), 2);
	assert_int_equal(catalogue_by_sha256(c, ids[0].sha256)->tokens, 9);
	assert_int_equal(catalogue_by_sha256(c, ids[1].sha256)->tokens, 1);
	/* What a token no longer holds goes, what another holds stays. */
	assert_int_equal(catalogue_replace(c, 0, NULL, 0), 0);
	assert_int_equal(count(c), 1);
	assert_int_equal(catalogue_by_sha256(c, ids[0].sha256)->tokens, 8);
	catalogue_free(c);
}

static void
two_certificates_with_one_sha1_are_told_apart(void **state)
{
	const struct signer_identity ids[] = {
	    make(1, 5), make(2, 5), make(3, 6)};
	struct catalogue *c = catalogue_new();
	const struct catalogue_entry *e, *twin;
	size_t others;

	(void)state;
	assert_int_equal(catalogue_replace(c, 0, ids, 3), 0);
	e = catalogue_by_sha1(c, ids[0].sha1, &others);
	assert_non_null(e);
	assert_int_equal(others, 1);
	twin = catalogue_twin(c, e);
	assert_non_null(twin);
	assert_memory_not_equal(
	    twin->id.sha256, e->id.sha256, SIGNER_SHA256_LEN);
	assert_null(catalogue_twin(c, catalogue_by_sha256(c, ids[2].sha256)));
	catalogue_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_one_finds_nothing),
	    cmocka_unit_test(each_of_many_is_found_by_either_thumbprint),
	    cmocka_unit_test(a_key_on_two_tokens_is_one_entry),
	    cmocka_unit_test(two_certificates_with_one_sha1_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
