/*
 * The things that the benchmark measures, each a load for load.h. They print
 * why they cannot run, and then return the exit status to end with.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

enum bench_key { BENCH_RSA, BENCH_EC };
enum bench_message { BENCH_REGISTRATION, BENCH_INVENTORY };

/* C_Sign called directly: the limit. The PIN is read from a file. */
int direct_run(const char *module, const char *token, const char *pin_file,
    enum bench_key key, unsigned threads, double seconds);

/* Through the agent at socket: a connection per client. */
int agent_run(const char *socket, const char *thumbprint, enum bench_key key,
    unsigned clients, double seconds);

/*
 * Messages sealed for mixed mode with an RSA key of the agent; none is sent.
 * Each thread has a connection and an identity of its own, so that raw
 * signatures by as many clients are the limit. Either message costs one
 * signature. A registration's is in its body, so all of it is made anew. An
 * inventory of 8 KB is checked and packed once; its other signature, of the
 * client id, is kept.
 */
int seal_run(const char *socket, const char *thumbprint,
    enum bench_message what, unsigned threads, double seconds);

/* A bare SOCK_SEQPACKET echo with another process: what a hop costs. */
int echo_run(unsigned clients, double seconds);

#endif
