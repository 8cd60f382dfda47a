#include "agent/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_ROOM 80 /* of the file's name: "locked." and a token's */

/* The state directory, and the name of the mark in it. -1 with errno. */
static int
enter(const char *state, const char *name, char file[FILE_ROOM])
{
	int n = snprintf(file, FILE_ROOM, "locked.%s", name);

	if (n > 0 && n < FILE_ROOM)
		return open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	errno = ENAMETOOLONG;
	return -1;
}

/* The directory's new contents on the disk; r, or -1. */
static int
leave(int dir, int r)
{
	int saved;

	if (r == 0)
		r = fsync(dir);
	saved = errno;
	(void)close(dir);
	errno = saved;
	return r;
}

int
mark_set(const char *state, const char *name)
{
	char file[FILE_ROOM];
	int dir = enter(state, name, file), fd;

	if (dir == -1)
		return -1;
	fd = openat(
	    dir, file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1)
		(void)close(fd);
	return leave(dir, fd == -1 ? -1 : 0);
}

int
mark_clear(const char *state, const char *name)
{
	char file[FILE_ROOM];
	int dir = enter(state, name, file), r;

	if (dir == -1)
		return -1;
	r = unlinkat(dir, file, 0);
	return leave(dir, r == -1 && errno == ENOENT ? 0 : r);
}

bool
mark_is_set(const char *state, const char *name)
{
	char file[FILE_ROOM];
	int dir = enter(state, name, file), r;

	if (dir == -1)
		return true;
	r = faccessat(dir, file, F_OK, AT_SYMLINK_NOFOLLOW);
	if (r == -1 && errno == ENOENT)
		r = 1;
	(void)close(dir);
	return r != 1;
}
