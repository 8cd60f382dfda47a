/*
 * The secret that implicit rejection derives its answers from: 32 random
 * bytes in a file, made once. It must survive restarts and be the same for
 * every worker, or else comparing two answers would tell good padding from
 * bad. Knows nothing of padding.
 */
#ifndef AGENT_WORKER_SEED_H
#define AGENT_WORKER_SEED_H

#include <stddef.h>
#include <stdint.h>

#define SEED_LEN 32

/* 0, or -1 with a sentence. */
int seed_load(
    const char *dir, uint8_t seed[SEED_LEN], char *text, size_t textlen);

#endif
