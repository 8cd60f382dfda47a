#include "mp/library/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp/library/failure.h"

#define FILE_CHUNK 65536

static int
failed(struct sealpoint_failure *why, const char *path, const char *what)
{
	return failure_set(why, SEALPOINT_ERR_FILE, "%s cannot be %s: %s", path,
	    what, strerror(errno));
}

/* A descriptor, or a negative code. Never waits for a pipe's other end. */
static int
open_plain(const char *path, struct stat *st, struct sealpoint_failure *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return failed(why, path, "opened");
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	(void)close(fd);
	return failure_set(why, SEALPOINT_ERR_FILE,
	    "%s is no regular file; name a file that has the bytes", path);
}

/* Up to len bytes; fewer at the end of the file. */
static ssize_t
fill(int fd, uint8_t *data, size_t len)
{
	size_t n = 0;
	ssize_t r;

	while (n < len) {
		r = read(fd, data + n, len - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

int
file_look(const char *path, size_t *size, uint8_t *start, size_t *len,
    struct sealpoint_failure *why)
{
	struct stat st;
	ssize_t n;
	int fd;

	fd = open_plain(path, &st, why);
	if (fd < 0)
		return fd;
	n = fill(fd, start, *len);
	(void)close(fd);
	if (n < 0)
		return failed(why, path, "read");
	*len = (size_t)n;
	*size = (size_t)st.st_size;
	return SEALPOINT_OK;
}

int
file_read(const char *path, struct mp_buf *out, struct sealpoint_failure *why)
{
	uint8_t chunk[FILE_CHUNK];
	struct stat st;
	ssize_t n;
	int fd;

	fd = open_plain(path, &st, why);
	if (fd < 0)
		return fd;
	do {
		n = fill(fd, chunk, sizeof(chunk));
		if (n > 0)
			mp_buf_add(out, chunk, (size_t)n);
	} while (n == (ssize_t)sizeof(chunk) && mp_buf_ok(out));
	(void)close(fd);
	if (n < 0)
		return failed(why, path, "read");
	if (!mp_buf_ok(out))
		return failure_set(why, SEALPOINT_ERR_LIMIT,
		    "%s is too large: %zu bytes are the most here", path,
		    out->max);
	return SEALPOINT_OK;
}

static int
put(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

int
file_write(const char *path, const uint8_t *data, size_t len,
    struct sealpoint_failure *why)
{
	char part[PATH_MAX];
	int n, fd, r = SEALPOINT_OK;

	n = snprintf(part, sizeof(part), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(part))
		return failure_set(why, SEALPOINT_ERR_ARGUMENT,
		    "the path %.80s... is too long", path);
	fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return failed(why, path, "written");
	if (put(fd, data, len) != 0)
		r = failed(why, path, "written");
	if (close(fd) != 0 && r == SEALPOINT_OK)
		r = failed(why, path, "written");
	if (r == SEALPOINT_OK && rename(part, path) != 0)
		r = failed(why, path, "put in its place");
	if (r != SEALPOINT_OK)
		(void)unlink(part);
	return r;
}
