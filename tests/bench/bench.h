/*
 * The things that the benchmark measures, each a load for load.h. What one
 * needs is opened by the function that fills the load in and stays until the
 * program ends. They print why they cannot, and return 1.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "tests/bench/load.h"

enum bench_key { BENCH_RSA, BENCH_EC };
enum bench_message { BENCH_REGISTRATION, BENCH_INVENTORY };

/* Where to find what is measured; NULL where no load asks for it. */
struct bench_place {
	const char *module, *token, *pin_file;
	const char *socket; /* the agent's */
	const char *thumbprint;
	enum bench_key key; /* of that thumbprint, and on the token */
};

/* C_Sign called directly: the limit. The PIN is read from a file. */
int direct_load(const struct bench_place *b, struct load *l);

/* Through the agent: a connection per thread. */
int agent_load(const struct bench_place *b, struct load *l);

/*
 * Messages sealed for mixed mode with an RSA key of the agent; none is sent.
 * Each thread has a connection and an identity of its own, so that raw
 * signatures by as many threads are the limit. Either message costs one
 * signature. A registration's is in its body, so all of it is made anew. An
 * inventory of 8 KB is checked and packed once; its other signature, of the
 * client id, is kept.
 */
int seal_load(
    const struct bench_place *b, enum bench_message what, struct load *l);

/*
 * A bare SOCK_SEQPACKET echo with another process: what a hop costs. The far
 * end works for so many nanoseconds before it answers (NULL: at once), as
 * long as a token does, so that the near end sleeps as it would there: waking
 * up is most of what a hop costs then.
 */
int echo_load(_Atomic uint32_t *work_ns, struct load *l);

#endif
