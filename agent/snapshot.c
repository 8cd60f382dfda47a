#include "agent/snapshot.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
snapshot_take(const char *path, char *text, size_t textlen)
{
	const int seals =
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	const char *wrong;
	struct stat st;
	int from, to = -1;

	from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (from == -1 || fstat(from, &st) != 0) {
		(void)snprintf(text, textlen, "%s: %s", path, strerror(errno));
		goto out;
	}
	wrong = unfit(&st);
	if (wrong == NULL) {
		to = memfd_create(
		    "sealpointd.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		wrong = to == -1 ? "cannot be copied" : copy(from, to);
	}
	if (wrong == NULL && fcntl(to, F_ADD_SEALS, seals) != 0)
		wrong = "cannot be copied: the copy cannot be sealed";
	if (wrong != NULL) {
		(void)snprintf(text, textlen, "%s %s", path, wrong);
		if (to != -1)
			(void)close(to);
		to = -1;
	}
out:
	if (from != -1)
		(void)close(from);
	return to;
}
