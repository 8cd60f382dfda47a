/* Objects of their own, one identity for all: what the headers promise. */
#include "tests/unit/library/scene.h"

#include <pthread.h>
#include <string.h>

#define THREADS 2
#define ROUNDS 3

static struct sealpoint_failure failures[THREADS];
static struct scene scenes[THREADS];

static int
work(struct scene *s, struct sealpoint_failure *why)
{
	struct sealpoint_policies *p;
	int r = scene_register(s, why);

	for (int i = 0; i < ROUNDS && r == 0; i++) {
		r = sealpoint_messaging_policies(
		    s->messaging, s->url, s->message, &p, why);
		sealpoint_policies_free(p);
	}
	return r;
}

static void *
run(void *arg)
{
	size_t i = (size_t)((struct scene *)arg - scenes);

	failures[i].code = work(&scenes[i], &failures[i]);
	return NULL;
}

static void
two_threads_with_two_objects_do_not_disturb_each_other(void **state)
{
	struct little_answer answers[THREADS][3];
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		memset(answers[i], 0, sizeof(answers[i]));
		answers[i][0].kind = LITTLE_REGISTRATION;
		answers[i][0].xml = DONE;
		answers[i][1].kind = LITTLE_ASSIGNMENTS;
		answers[i][1].xml = "<ReplyAssignments SchemaVersion=\"1.00\" "
				    "ReplyType=\"Full\"/>";
		answers[i][1].forever = true;
		scene_start(&scenes[i]);
		scenes[i].mp.answers = answers[i];
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run, &scenes[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		if (failures[i].code != 0)
			fail_msg("%s", failures[i].text);
		assert_int_equal(scenes[i].mp.count, 1 + ROUNDS);
		scene_end(&scenes[i]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		two_threads_with_two_objects_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
