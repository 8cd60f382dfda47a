/*
 * The one timer of the front: it runs while requests wait, and never else.
 */
#ifndef AGENT_FRONT_TIMER_H
#define AGENT_FRONT_TIMER_H

#include "agent/front/front.h"

struct timer *timer_open(struct front *f); /* NULL: no memory */
void timer_close(struct timer *t);

/* Rings after ms, or sooner if it is set so already. */
void timer_arm(struct timer *t, uint64_t ms);

#endif
