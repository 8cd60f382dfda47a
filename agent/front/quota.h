/*
 * How often somebody may do something: a bucket for each user, each thing
 * counted and each rate, so that a rate that changes holds at once, and two
 * that hold side by side do not fill each other's. A bucket holds what is
 * allowed in one second, once at least, and fills at its rate. A fixed table;
 * the one not asked for longest makes room. Knows no clock and no packet.
 */
#ifndef AGENT_FRONT_QUOTA_H
#define AGENT_FRONT_QUOTA_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/signer.h"

#define QUOTA_MAX 4096 /* buckets */

enum quota_kind {
	QUOTA_PACKET = 0, /* anything that a user sends */
	QUOTA_USE,        /* of a key by a user */
	QUOTA_LINE,       /* in the log about refusals of a user's */
	QUOTA_DENIAL,     /* in the log about what a user may not do */
};

struct quota;

struct quota *quota_new(void); /* NULL: no memory */
void quota_free(struct quota *q);

/*
 * One more. 0 if it is within the rate, which is counted an hour; else the
 * ms after which it would be, and nothing is counted. key: SHA-256, or NULL
 * where a user is counted, whatever the key. now_us: monotonic.
 */
uint32_t quota_take(struct quota *q, enum quota_kind kind, uid_t uid,
    const uint8_t *key, uint64_t rate_hour, uint64_t now_us);

#endif
