#include "agent/supervisor/child.h"

#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/log.h"
#include "version.h"

#define FIRST_FD 3
#define FDS_MAX 4 /* descriptors that a child is given, at most */
#define DELAY_FIRST_MS 100u
#define DELAY_MOST_MS 30000u
#define LIVED_MS 30000 /* who lived so long starts again without delay */

uint64_t
child_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * The program's path: beside our own file, as in a build tree, or where the
 * package puts it. What lies beside us is as trustworthy as we are.
 */
static int
locate(const char *program, char *path, size_t room)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		if (snprintf(path, room, "%s/%s", dirname(self), program) <
			(int)room &&
		    access(path, X_OK) == 0)
			return 0;
	}
	if (snprintf(path, room, "%s/%s", SEALPOINT_LIBEXECDIR, program) <
		(int)room &&
	    access(path, X_OK) == 0)
		return 0;
	errno = ENOENT;
	return -1;
}

int
child_check(const char *program)
{
	char path[PATH_MAX];

	return locate(program, path, sizeof(path));
}

/* In the child, up to the exec. Returns only on failure. */
static void
become(const char *path, char *const *argv, const int *fds, int nfds)
{
	int high[FDS_MAX], null;
	sigset_t none;

	/* Out of the way first: a source may have a target's number. */
	for (int i = 0; i < nfds; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, FIRST_FD + FDS_MAX);
		if (high[i] == -1)
			return;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		return;
	for (int i = 0; i < nfds; i++)
		if (dup2(high[i], FIRST_FD + i) == -1)
			return;
	if (close_range((unsigned)(FIRST_FD + nfds), ~0U, 0) != 0)
		return;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv(path, argv);
}

int
child_start(struct child *c, char *const *argv, const int *fds, int nfds)
{
	char path[PATH_MAX];
	pid_t pid;

	if (nfds > FDS_MAX || locate(c->program, path, sizeof(path)) != 0)
		return -1;
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid == 0) {
		become(path, argv, fds, nfds);
		log_line(LOG_LEVEL_ERROR, "%s cannot be started: %s", path,
		    strerror(errno));
		_exit(127);
	}
	c->pid = pid;
	c->started = child_now();
	c->starts++;
	return 0;
}

void
child_ready(struct child *c)
{
	if (c->delay_ms > DELAY_FIRST_MS)
		c->delay_ms = DELAY_FIRST_MS;
}

void
child_ended(struct child *c)
{
	uint64_t now = child_now();
	uint8_t dice = 0;

	c->pid = 0;
	if (c->started != 0 && now - c->started >= LIVED_MS)
		c->delay_ms = 0;
	/* Whoever cannot be started again did not live for long. */
	c->started = 0;
	/* A quarter of chance, so that many do not come back in step. */
	(void)!getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
	c->due = now + c->delay_ms + c->delay_ms * dice / 1024;
	c->delay_ms = c->delay_ms == 0 ? DELAY_FIRST_MS : 2 * c->delay_ms;
	if (c->delay_ms > DELAY_MOST_MS)
		c->delay_ms = DELAY_MOST_MS;
}
