#include "agent/supervisor/pinsource.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/harden.h"
#include "agent/link.h"
#include "agent/log.h"
#include "agent/supervisor/child.h"

#define PIPED_MAX 4096 /* bytes of an inherited pipe that are kept */
#define PIPE_MS 10000  /* for all of it to come */

void
pinsource_init(struct pinsource *p)
{
	*p = (struct pinsource){.door = {-1, false}, .fd = -1, .socket = -1};
}

/* All that comes, until the other end is closed; -1 with errno. */
static off_t
drain(int pipe, int fd)
{
	struct pollfd p = {.fd = pipe, .events = POLLIN};
	uint64_t end = child_now() + PIPE_MS, now;
	off_t all = 0;
	ssize_t n = 1;

	while (n != 0 && all < PIPED_MAX) {
		now = child_now();
		errno = ETIMEDOUT;
		if (poll(&p, 1, now < end ? (int)(end - now) : 0) <= 0)
			return -1;
		n = splice(pipe, NULL, fd, &all, (size_t)(PIPED_MAX - all), 0);
		if (n == -1)
			return -1;
	}
	errno = all == 0 ? ENODATA : EMSGSIZE;
	return all == 0 || all == PIPED_MAX ? -1 : all;
}

/*
 * A pipe can be read once, and workers come and go: its contents move into
 * memory that workers may read again, and that is never swapped out. They
 * pass through the kernel only.
 */
static int
keep(struct pinsource *p, int pipe)
{
	int fd = memfd_create("pin", MFD_CLOEXEC), saved;
	off_t all;
	void *map = MAP_FAILED;

	if (fd == -1)
		return -1;
	/* The mapping is there to be locked: while it is, the pages are. */
	if (ftruncate(fd, PIPED_MAX) == 0)
		map = mmap(
		    NULL, PIPED_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED && madvise(map, PIPED_MAX, MADV_DONTDUMP) == 0 &&
	    mlock(map, PIPED_MAX) == 0 && (all = drain(pipe, fd)) != -1 &&
	    ftruncate(fd, all) == 0) {
		p->kept = map;
		return fd;
	}
	saved = errno;
	if (map != MAP_FAILED) {
		explicit_bzero(map, PIPED_MAX);
		(void)munmap(map, PIPED_MAX);
	}
	(void)close(fd);
	errno = saved;
	return -1;
}

/* Wipes what a pipe brought; a file is not ours to change. */
static void
forget(struct pinsource *p)
{
	struct stat st;

	if (p->kept != NULL) {
		/* Behind the end of the file there is no memory to wipe. */
		if (fstat(p->fd, &st) == 0 && st.st_size <= PIPED_MAX)
			explicit_bzero(p->kept, (size_t)st.st_size);
		(void)munmap(p->kept, PIPED_MAX);
	}
	p->kept = NULL;
	if (p->fd != -1)
		(void)close(p->fd);
	p->fd = -1;
}

/* Takes the descriptor that fd:N names. */
static int
take(
    struct pinsource *p, const struct conf_token *t, char *text, size_t textlen)
{
	int fd = (int)strtol(t->pin_from, NULL, 10);
	int flags = fcntl(fd, F_GETFD);
	struct stat st;

	/* All that we opened ourselves would not live through an exec. */
	if (flags == -1 || (flags & FD_CLOEXEC) != 0 || fstat(fd, &st) != 0) {
		(void)snprintf(text, textlen,
		    "token %s: pin = fd:%d, but sealpointd was started without "
		    "that descriptor, or another token has it",
		    t->name, fd);
		return -1;
	}
	p->fd =
	    S_ISREG(st.st_mode) ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : keep(p, fd);
	if (p->fd != -1) {
		/* It was passed to us alone. */
		(void)close(fd);
		return 0;
	}
	(void)snprintf(text, textlen,
	    "token %s: pin = fd:%d cannot be kept (%s); it must be a file, or "
	    "a pipe that is closed when the PIN is written, and memory must "
	    "be lockable",
	    t->name, fd, strerror(errno));
	return -1;
}

int
pinsource_open(struct pinsource *p, const struct conf *conf,
    const struct conf_token *t, bool inherit, char *text, size_t textlen)
{
	int n;

	p->uid = conf->uid;
	p->gid = conf->gid;
	if (t->pin == CONF_PIN_ASK && p->door.fd == -1) {
		n = snprintf(
		    p->path, sizeof(p->path), "%s.%s", conf->control, t->name);
		if (n < 0 || (size_t)n >= sizeof(p->path)) {
			(void)snprintf(text, textlen,
			    "%s.%s is too long for the path of a socket; "
			    "choose a shorter control or name",
			    conf->control, t->name);
			return -1;
		}
		if (listener_open(&p->door, p->path, 0600, text, textlen) != 0)
			return -1;
		return listener_give(
		    &p->door, p->path, p->uid, p->gid, text, textlen);
	}
	if (t->pin == CONF_PIN_FD && p->fd == -1) {
		if (inherit)
			return take(p, t, text, textlen);
		(void)snprintf(text, textlen,
		    "token %s: pin = fd:%s is taken when sealpointd starts; "
		    "restart it",
		    t->name, t->pin_from);
		return -1;
	}
	return 0;
}

void
pinsource_abandon(struct pinsource *p)
{
	if (p->socket != -1)
		(void)close(p->socket);
	p->socket = -1;
	if (p->asking != 0)
		(void)kill(p->asking, SIGKILL);
}

void
pinsource_close(struct pinsource *p)
{
	pinsource_abandon(p);
	listener_close(&p->door, p->path);
	forget(p);
}

bool
pinsource_fits(const struct conf_token *a, const struct conf_token *b)
{
	return strcmp(a->name, b->name) == 0 && a->pin == b->pin &&
	       strcmp(a->pin_from, b->pin_from) == 0;
}

int
pinsource_lend(
    struct pinsource *p, const struct conf_token *t, bool *wanted, bool *ours)
{
	int ends[2];

	*ours = t->pin == CONF_PIN_ASKPASS;
	*wanted = *ours || t->pin == CONF_PIN_ASK || t->pin == CONF_PIN_FD;
	if (!*ours)
		return t->pin == CONF_PIN_ASK ? p->door.fd : p->fd;
	pinsource_abandon(p);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	p->socket = ends[0];
	return ends[1];
}

/* In the child: the program's standard output is the pipe. */
static void
become(const struct pinsource *p, const char *program, char *words, int out)
{
	/* execv() does not write to its arguments, but cannot say so. */
	union {
		const char *in;
		char *out;
	} name = {program};
	char *argv[] = {name.out, words, NULL};
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || close_range(3, ~0U, 0) != 0 ||
	    (p->uid != 0 && harden_user(p->uid, p->gid) != 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv(program, argv);
}

/* Starts the program; the end of the pipe to read from, or -1. */
static int
ask(struct pinsource *p, const struct conf_token *t, char *words)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid = access(t->pin_from, X_OK) == 0 ? fork() : -1;
	if (pid == 0) {
		become(p, t->pin_from, words, ends[1]);
		_exit(127);
	}
	(void)close(ends[1]);
	if (pid != -1) {
		p->asking = pid;
		return ends[0];
	}
	log_line(LOG_LEVEL_ERROR, "token %s: %s cannot be started: %s", t->name,
	    t->pin_from, strerror(errno));
	(void)close(ends[0]);
	return -1;
}

void
pinsource_serve(struct pinsource *p, const struct conf_token *t)
{
	char words[PINSOURCE_PROMPT_MAX + 1];
	int came, pipe;
	long n = link_recv(
	    p->socket, words, PINSOURCE_PROMPT_MAX, &came, MSG_DONTWAIT);

	if (came != -1)
		(void)close(came);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		pinsource_abandon(p);
		return;
	}
	words[n] = '\0';
	/* One question at a time: who asks again gave up the last one. */
	if (p->asking != 0)
		(void)kill(p->asking, SIGKILL);
	pipe = ask(p, t, words);
	(void)link_send(p->socket, "", 1, NULL, 0, pipe, MSG_DONTWAIT);
	if (pipe != -1)
		(void)close(pipe);
}

bool
pinsource_reaped(struct pinsource *p, pid_t pid)
{
	if (pid != p->asking)
		return false;
	p->asking = 0;
	return true;
}
