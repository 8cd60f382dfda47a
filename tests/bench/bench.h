/*
 * The things that the benchmark measures, each a load for load.h. They print
 * why they cannot run, and then return the exit status to end with.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

enum bench_key { BENCH_RSA, BENCH_EC };

/* C_Sign called directly: the limit. The PIN is read from a file. */
int direct_run(const char *module, const char *token, const char *pin_file,
    enum bench_key key, unsigned threads, double seconds);

/* Through the agent at socket: a connection per client. */
int agent_run(const char *socket, const char *thumbprint, enum bench_key key,
    unsigned clients, double seconds);

/* A bare SOCK_SEQPACKET echo with another process: what a hop costs. */
int echo_run(unsigned clients, double seconds);

#endif
