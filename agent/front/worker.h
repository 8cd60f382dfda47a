/*
 * One worker, as the files workers*.c alone see it: workers.c has its coming
 * and going, workers_send.c what goes to it, workers_hear.c what it says.
 */
#ifndef AGENT_FRONT_WORKER_H
#define AGENT_FRONT_WORKER_H

#include "agent/front/errands.h"
#include "agent/front/intake.h"
#include "agent/front/workers.h"

struct worker {
	struct front *front;
	unsigned index;
	uint32_t generation;
	int fd;          /* -1: no process */
	bool reported;   /* it, or one before it, said how its token is */
	bool spoke;      /* the present process, or the last one, did */
	bool down;       /* the last process said why it ended, or too many
			    ended without a word: wait for none */
	unsigned mute;   /* processes that ended without a word, in a row */
	uint32_t ending; /* generation that we asked to be ended */
	bool scanning;
	uint64_t scan_began;
	struct link_state state;
	uint64_t attached; /* when the process came */
	uint64_t heard;    /* when it last answered */
	struct event *readable, *writable;
	struct errands errands; /* until there is room */
	unsigned owed; /* enum link_kind that it could not take; 0: none */
	uint32_t owed_id;
	struct intake incoming;
};

struct workers {
	struct worker table[CONF_TOKENS_MAX];
};

struct worker *worker_of(const struct front *f, unsigned index);

/* The process is gone: its requests get an answer from here. */
void worker_lose(struct worker *w);

/* Logs how its token is: a line for each change, not for each request. */
void worker_tell(const struct worker *w);

/* One notice. False: there is none now, or the worker is lost. */
bool worker_hear(struct worker *w);

/* For the event loop, whose descriptors are int on Linux. */
void worker_readable(int fd, short what, void *arg);
void worker_writable(int fd, short what, void *arg);

#endif
