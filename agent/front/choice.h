/*
 * Which of the tokens that hold a key is asked: by health, preference and
 * load. Pure; knows no worker.
 */
#ifndef AGENT_FRONT_CHOICE_H
#define AGENT_FRONT_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum choice_health { /* the best first */
	CHOICE_READY = 0,
	CHOICE_STARTING, /* its worker is new, and will say how the token is */
	CHOICE_AILING,   /* in trouble, of which the worker tells or is rid */
	CHOICE_DOWN,     /* no worker, and known why */
	CHOICE_UNUSED,   /* there is no such token */
};

struct choice {
	enum choice_health health;
	bool prefer;
	unsigned weight; /* 1... */
	size_t load;     /* requests on their way */
};

/*
 * The number of the best of those whose bit is set; -1 if there is none. Of
 * equals the one with the smallest load for its weight, and then the first.
 */
int choice_best(const struct choice *c, size_t n, uint32_t among);

#endif
