/*
 * The front process: what its rooms share. One thread, one event loop; it
 * parses what strangers send, decides, and hands the work to the workers. It
 * holds no secret, loads no PKCS#11 module and never blocks.
 */
#ifndef AGENT_FRONT_FRONT_H
#define AGENT_FRONT_FRONT_H

#include "agent/conf.h"
#include "agent/proto.h"

#define FRONT_INFLIGHT_MAX 32 /* requests of one connection at once */

struct auditor;
struct auditseal;
struct event;
struct event_base;
struct catalogue;
struct control;
struct lanes;
struct locks;
struct metrics;
struct overseer;
struct peers;
struct quota;
struct tickets;
struct timer;
struct workers;

struct front {
	const struct conf *conf;
	struct event_base *base;
	struct event *term; /* the signal to end */
	struct auditor *auditor;
	struct auditseal *seal;
	struct catalogue *catalogue;
	struct control *control;
	struct lanes *lanes;
	struct locks *locks;
	struct metrics *metrics;
	struct overseer *overseer;
	struct peers *peers;
	struct quota *quota;
	struct tickets *tickets;
	struct timer *timer;
	struct workers *workers;
	/* Where packets are received, and made: one at a time. */
	uint8_t buf[PROTO_PACKET_MAX + 64];
	uint8_t out[PROTO_PACKET_MAX];
};

uint64_t front_now(void);    /* ms, monotonic */
uint64_t front_now_us(void); /* the same clock */

#endif
