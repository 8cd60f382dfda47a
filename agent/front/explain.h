/*
 * Why somebody may or may not use a key: the same rules that decide, told
 * instead of applied. Root and the agent's own user hear all of it, about
 * anybody; others of themselves what a denial would tell them. Changes
 * nothing and counts nothing.
 */
#ifndef AGENT_FRONT_EXPLAIN_H
#define AGENT_FRONT_EXPLAIN_H

#include "agent/front/ask.h"

/* Answers the request. */
void explain_answer(struct ask *a, const struct client_question *q);

#endif
