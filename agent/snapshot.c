#include "agent/snapshot.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Whoever may write this file may use every key. NULL if it will do. */
static const char *
unfit(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if ((st->st_uid != 0 && st->st_uid != geteuid()) ||
	    (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "may be written by others than root and its owner, so "
		       "it is not believed; chmod go-w it and give it to root";
	if (st->st_size > SNAPSHOT_MAX)
		return "is larger than a configuration can be";
	return NULL;
}

/* All of it; a reason why not, or NULL. */
static const char *
copy(int from, int to)
{
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		all += (size_t)n;
		if (all > SNAPSHOT_MAX)
			return "is larger than a configuration can be";
		if (write(to, buf, (size_t)n) != n)
			return "cannot be copied: out of memory";
	}
	return n == 0 ? NULL : "cannot be read";
}

int
snapshot_take(const char *path, struct conf *c, char *text, size_t textlen)
{
	const char *wrong;
	struct stat st;
	int from, mine = -1, r = -1;

	from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (from == -1 || fstat(from, &st) != 0) {
		(void)snprintf(text, textlen, "%s: %s", path, strerror(errno));
		goto out;
	}
	wrong = unfit(&st);
	if (wrong == NULL) {
		/* Parsed is what nobody can change any more. */
		mine = memfd_create("sealpointd.conf", MFD_CLOEXEC);
		wrong = mine == -1 ? "cannot be copied" : copy(from, mine);
	}
	if (wrong != NULL)
		(void)snprintf(text, textlen, "%s %s", path, wrong);
	else
		r = conf_read(c, mine, path, text, textlen);
out:
	if (from != -1)
		(void)close(from);
	if (mine != -1)
		(void)close(mine);
	return r;
}

int
snapshot_seal(const struct conf *c)
{
	int fd = memfd_create("sealpointd", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (write(fd, c, sizeof(*c)) == (ssize_t)sizeof(*c) &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int
snapshot_read(int fd, struct conf *c)
{
	int seals = fcntl(fd, F_GET_SEALS);

	/* Some kernels add a seal of their own (vm.memfd_noexec). No fstat():
	 * to libc it is a question about a path, and the front's sandbox has
	 * no paths. */
	if (seals != -1 && (seals & SEALS) == SEALS &&
	    lseek(fd, 0, SEEK_END) == (off_t)sizeof(*c) &&
	    pread(fd, c, sizeof(*c), 0) == (ssize_t)sizeof(*c))
		return 0;
	memset(c, 0, sizeof(*c));
	return -1;
}
