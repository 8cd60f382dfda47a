#include "tests/faultmod/faultmod.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A copy under another name is another library, with a page of its own. */
static void
copy(const char *to)
{
	struct stat st;
	off_t at = 0;
	ssize_t n = 1;
	int in = open(FAULTMOD_FILE, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	if (in == -1 || out == -1 || fstat(in, &st) != 0)
		abort();
	while (at < st.st_size && n > 0)
		n = sendfile(out, in, &at, (size_t)(st.st_size - at));
	if (n <= 0 || close(out) != 0 || close(in) != 0)
		abort();
}

struct faultmod *
faultmod_make(const char *dir, const char *name, const char *real, char *path)
{
	struct faultmod *f = MAP_FAILED;
	char file[FAULTMOD_PATH + 8];
	int fd, n;

	n = snprintf(path, FAULTMOD_PATH, "%s/%s", dir, name);
	if (n < 0 || n >= FAULTMOD_PATH || strlen(real) >= FAULTMOD_PATH)
		abort();
	copy(path);
	(void)snprintf(file, sizeof(file), "%s.page", path);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd != -1 && ftruncate(fd, sizeof(*f)) == 0)
		f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	if (f == MAP_FAILED)
		abort();
	(void)close(fd);
	memcpy(f->module, real, strlen(real) + 1);
	f->size = sizeof(*f);
	f->magic = FAULTMOD_MAGIC;
	return f;
}

void
faultmod_clear(struct faultmod *f)
{
	uint64_t drop = f->drop, renumber = f->renumber, events = f->events;
	uint64_t sessions = f->sessions;
	char module[FAULTMOD_PATH];

	memcpy(module, f->module, sizeof(module));
	memset(f, 0, sizeof(*f));
	memcpy(f->module, module, sizeof(module));
	f->drop = drop;
	f->renumber = renumber;
	f->events = events;
	f->sessions = sessions;
	f->size = sizeof(*f);
	f->magic = FAULTMOD_MAGIC;
}

/* Another one each time, so that a hanging call sees a rule end. */
static uint64_t
number(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct faultmod_rule *
faultmod_arm(struct faultmod *f, const char *function,
    enum faultmod_action action, uint64_t value, uint64_t skip, uint64_t times)
{
	struct faultmod_rule *r = f->rules;
	unsigned which =
	    function == NULL ? FAULTMOD_ANY : faultmod_function(function);

	while (r < f->rules + FAULTMOD_RULES && r->armed != 0)
		r++;
	if (r == f->rules + FAULTMOD_RULES || which == FAULTMOD_CALLS)
		abort();
	r->function = which;
	r->action = action;
	r->value = value;
	r->delay_us = 0;
	r->skip = skip;
	r->times = times;
	r->seen = 0;
	r->done = 0;
	r->armed = number();
	return r;
}

void
faultmod_disarm(struct faultmod *f)
{
	for (unsigned i = 0; i < FAULTMOD_RULES; i++)
		f->rules[i].armed = 0;
}

static unsigned
known(const char *function)
{
	unsigned which = faultmod_function(function);

	if (which == FAULTMOD_CALLS)
		abort();
	return which;
}

uint64_t
faultmod_calls(const struct faultmod *f, const char *function)
{
	return f->calls[known(function)];
}

uint64_t
faultmod_obeyed(const struct faultmod *f, const char *function)
{
	return f->obeyed[known(function)];
}
