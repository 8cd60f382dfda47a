#include "mp/cli/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define READ_STEP 65536
#define NAME_TRIES 8

static int
fail(char text[FILE_TEXT_MAX], const char *path, const char *what,
    const char *why)
{
	snprintf(text, FILE_TEXT_MAX, "%.512s: %s: %s", path, what, why);
	return -1;
}

static const char *
shown(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

int
file_open(const char *path, char text[FILE_TEXT_MAX])
{
	int fd;

	if (strcmp(path, "-") == 0)
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(
		    text, path, "cannot be opened to read", strerror(errno));
	return fd;
}

void
file_close(int fd)
{
	if (fd > STDIN_FILENO)
		close(fd);
}

long
file_next(int fd, const char *path, uint8_t *buf, size_t room,
    char text[FILE_TEXT_MAX])
{
	ssize_t n;

	do {
		n = read(fd, buf, room);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(
		    text, shown(path), "cannot be read", strerror(errno));
	return n;
}

/* Makes room for one more step; the old copy is wiped. */
static int
grow(uint8_t **data, size_t *room, size_t max)
{
	size_t want = *room == 0 ? READ_STEP : 2 * *room;
	uint8_t *bigger;

	if (want > max + 2)
		want = max + 2; /* one byte too many shows, and a NUL */
	bigger = OPENSSL_clear_realloc(*data, *room, want);
	if (bigger == NULL)
		return -1;
	*data = bigger;
	*room = want;
	return 0;
}

int
file_read(const char *path, size_t max, uint8_t **data, size_t *len,
    char text[FILE_TEXT_MAX])
{
	size_t room = 0, have = 0;
	uint8_t *all = NULL;
	long n = 1;
	int r = -1, fd;

	*data = NULL;
	*len = 0;
	fd = file_open(path, text);
	if (fd < 0)
		return -1;
	while (n > 0) {
		if (have + 1 >= room && grow(&all, &room, max) != 0) {
			(void)fail(text, shown(path), "cannot be read",
			    "out of memory");
			goto out;
		}
		n = file_next(fd, path, all + have, room - 1 - have, text);
		if (n < 0)
			goto out;
		have += (size_t)n;
		if (have > max) {
			snprintf(text, FILE_TEXT_MAX,
			    "%.512s: is larger than %zu bytes, the most that "
			    "this command takes",
			    shown(path), max);
			goto out;
		}
	}
	all[have] = '\0';
	*data = all;
	*len = have;
	all = NULL;
	r = 0;
out:
	OPENSSL_clear_free(all, room);
	file_close(fd);
	return r;
}

/* 0 or an errno value. */
static int
put(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n) {
		do {
			n = write(fd, data, len);
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			return errno;
	}
	return 0;
}

/* A new file beside the one to be; its name in name[]. */
static int
make(int dir, const char *base, unsigned mode, char name[NAME_MAX + 1])
{
	uint32_t random;
	int fd = -1;

	for (int i = 0; i < NAME_TRIES && fd < 0; i++) {
		if (RAND_bytes((uint8_t *)&random, sizeof(random)) != 1) {
			errno = EIO;
			return -1;
		}
		snprintf(name, NAME_MAX + 1, ".%.200s.%08x", base, random);
		fd = openat(dir, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    (mode_t)mode);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

/* Writes the new file and renames it. 0 or an errno value. */
static int
replace(
    int dir, const char *base, unsigned mode, const uint8_t *data, size_t len)
{
	char name[NAME_MAX + 1];
	int r, fd = make(dir, base, mode, name);

	if (fd < 0)
		return errno;
	r = put(fd, data, len);
	if (r == 0 && fsync(fd) != 0)
		r = errno;
	if (close(fd) != 0 && r == 0)
		r = errno;
	if (r == 0 && renameat(dir, name, dir, base) != 0)
		r = errno;
	if (r != 0)
		(void)unlinkat(dir, name, 0);
	else
		(void)fsync(dir);
	return r;
}

/* A signal between creation and renaming would leave the new file behind. */
static int
replace_undisturbed(
    int dir, const char *base, unsigned mode, const uint8_t *data, size_t len)
{
	sigset_t ending, before;
	int r;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ending, &before);
	r = replace(dir, base, mode, data, len);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* What has a name but cannot be renamed over: a pipe, a terminal. */
static int
pour(int dir, const char *base, const uint8_t *data, size_t len)
{
	int r, fd;

	fd = openat(dir, base, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return errno;
	r = put(fd, data, len);
	if (close(fd) != 0 && r == 0)
		r = errno;
	return r;
}

/* Opens the directory of path; *base points at the name within. */
static int
open_parent(const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd;

	*base = slash == NULL ? path : slash + 1;
	if (slash == NULL)
		return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (dir == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return fd;
}

int
file_write(const char *path, unsigned mode, const uint8_t *data, size_t len,
    char text[FILE_TEXT_MAX])
{
	const char *base;
	struct stat st;
	int dir, r;

	dir = open_parent(path, &base);
	if (dir < 0)
		return fail(text, path, "its directory cannot be opened",
		    strerror(errno));
	if (*base == '\0')
		r = EISDIR;
	else if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
		r = errno == ENOENT
			? replace_undisturbed(dir, base, mode, data, len)
			: errno;
	else if (S_ISREG(st.st_mode))
		r = replace_undisturbed(dir, base, mode, data, len);
	else if (S_ISLNK(st.st_mode))
		r = ELOOP;
	else
		r = pour(dir, base, data, len);
	close(dir);
	if (r == ELOOP)
		return fail(text, path, "is a symbolic link",
		    "name the file "
		    "itself, or use - for standard output");
	return r == 0 ? 0 : fail(text, path, "cannot be written", strerror(r));
}
