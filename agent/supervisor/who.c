#include "agent/supervisor/who.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Can nobody but root and us put another file there? */
static bool
ours(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return false;
	/* In a sticky directory strangers cannot rename what is not theirs. */
	return (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
	       (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0);
}

/* The same of the file and of every directory above it. */
static bool
guarded(const char *path)
{
	char at[CONF_PATH_MAX], *up = at;
	struct stat st;

	(void)snprintf(at, sizeof(at), "%s", path);
	do {
		if (stat(up, &st) != 0 || !ours(&st))
			return false;
		up = dirname(up);
	} while (strcmp(up, "/") != 0);
	return stat(up, &st) == 0 && ours(&st);
}

/* The way to it counts, and where links on it lead. */
bool
who_guards(const char *path)
{
	char real[PATH_MAX];

	return guarded(path) && realpath(path, real) != NULL &&
	       strlen(real) < CONF_PATH_MAX && guarded(real);
}

/* Does the path name this file? */
static bool
named(const char *path, const struct stat *exe)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == exe->st_dev &&
	       st.st_ino == exe->st_ino;
}

/* Notes that one section names this file, if nobody could put it there. */
static void
match(struct link_program *g, size_t section, const char *path,
    const struct stat *exe)
{
	if (!named(path, exe))
		return;
	if (who_guards(path))
		g->sections |= UINT64_C(1) << section;
	else
		(void)snprintf(g->trouble, sizeof(g->trouble),
		    "%.128s may be replaced by others than root; its owner "
		    "and mode, or those of a directory above, allow that",
		    path);
}

/* Reads what the kernel says of the process; 0, or -1 with errno. */
static int
read_exe(const struct conf *c, pid_t pid, struct link_program *g)
{
	char path[32];
	struct stat exe;
	ssize_t n;
	int dir, r = -1, saved;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	/* All through one descriptor, which is of one process. */
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return -1;
	n = readlinkat(dir, "exe", g->path, sizeof(g->path) - 1);
	if (n > 0 && fstatat(dir, "exe", &exe, 0) == 0) {
		g->path[n] = '\0';
		for (size_t i = 0; i < c->nallows; i++)
			for (size_t j = 0; j < c->allows[i].nprograms; j++)
				match(g, i, c->allows[i].programs[j], &exe);
		r = 0;
	}
	saved = errno;
	(void)close(dir);
	errno = saved;
	return r;
}

static bool
gone(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

void
who_look(const struct conf *c, const struct link_who *who,
    struct link_program *g, int *pidfd)
{
	pid_t pid = (pid_t)who->pid;
	int r = -1;

	memset(g, 0, sizeof(*g));
	g->who = *who;
	*pidfd = -1;
	errno = ESRCH;
	if (pid > 0)
		*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*pidfd != -1)
		r = read_exe(c, pid, g);
	/* It lived before and after: what was read between is about it. */
	if (r == 0 && gone(*pidfd)) {
		errno = ESRCH;
		r = -1;
	}
	if (r == 0)
		return;
	(void)snprintf(g->trouble, sizeof(g->trouble),
	    "the executable of process %d cannot be seen: %s%s", (int)pid,
	    strerror(errno),
	    errno == EACCES || errno == EPERM
		? "; sealpointd needs CAP_SYS_PTRACE for programs of others"
		: "");
	g->path[0] = '\0';
	g->sections = 0;
	if (*pidfd != -1)
		(void)close(*pidfd);
	*pidfd = -1;
}
