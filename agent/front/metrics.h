/*
 * What the agent did, counted: for Prometheus, in its text format. Operations
 * by key, kind and result; how long they took the token, and altogether; how
 * each token is. Keeps a bounded number of keys; all others are counted
 * together.
 */
#ifndef AGENT_FRONT_METRICS_H
#define AGENT_FRONT_METRICS_H

#include "agent/front/front.h"
#include "agent/front/tickets.h"
#include "agent/link.h"

#define METRICS_KEYS_MAX 512

struct metrics;

struct metrics *metrics_new(const struct front *f); /* NULL: no memory */
void metrics_free(struct metrics *m);

/*
 * A request has its answer: err is what it says. total_us since it arrived;
 * token_us that the worker had it, 0 if none answered.
 */
void metrics_done(struct metrics *m, const struct ticket *k, int err,
    uint64_t total_us, uint32_t token_us);

/* A request was refused, and no token was meant to see it. */
void metrics_refused(struct metrics *m, int err);

/* What a worker counts itself. */
void metrics_counted(
    struct metrics *m, unsigned index, const struct link_counted *n);

/* Fills in what the worker told last. */
void metrics_report(
    const struct metrics *m, unsigned index, struct client_token *t);

/* Another token has that number now, or another worker. */
void metrics_reset(struct metrics *m, unsigned index);

/*
 * All of it as text (version 0.0.4 of the format). NULL: no memory. The
 * caller frees it.
 */
char *metrics_print(struct front *f, size_t *len);

#endif
