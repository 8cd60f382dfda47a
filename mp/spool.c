#include "mp/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPOOL_FIRST 8192 /* bytes of the first allocation */
#define SPOOL_PATH_MAX 4096

void
mp_spool_init(struct mp_spool *s, uint64_t max)
{
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->max = max;
}

static void
forget(struct mp_spool *s)
{
	if (s->memory != NULL)
		explicit_bzero(s->memory, s->cap);
	free(s->memory);
	s->memory = NULL;
	s->used = s->cap = 0;
}

void
mp_spool_release(struct mp_spool *s)
{
	if (s == NULL)
		return;
	forget(s);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->size = s->at = 0;
}

/* Not every file system knows O_TMPFILE. */
static int
open_named(const char *dir)
{
	char path[SPOOL_PATH_MAX];
	int fd, n;

	n = snprintf(path, sizeof(path), "%s/sealpoint-XXXXXX", dir);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/* /tmp is memory on many machines, /var/tmp on none. */
static int
open_file(struct mp_spool *s, struct mp_error *e)
{
	static const char *const usual[] = {"/var/tmp", "/tmp"};
	const char *const *list = s->dir != NULL ? &s->dir : usual;
	size_t n = s->dir != NULL ? 1 : sizeof(usual) / sizeof(usual[0]);

	for (size_t i = 0; s->fd < 0 && i < n; i++) {
		s->fd = open(list[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (s->fd < 0)
			s->fd = open_named(list[i]);
	}
	if (s->fd < 0)
		return mp_fail(e, MP_ESTATE,
		    "a temporary file for a large message cannot be made in "
		    "%s (%s); make that directory writable for this user",
		    list[n - 1], strerror(errno));
	return MP_OK;
}

static int
fault(const struct mp_spool *s, const char *what, int error, struct mp_error *e)
{
	const char *dir = s->dir != NULL ? s->dir : "/var/tmp or /tmp";

	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return mp_fail(e, MP_ELIMIT,
		    "there is no room in %s for a large message (%s after "
		    "%llu bytes); free some, or send less at once",
		    dir, strerror(error), (unsigned long long)s->size);
	return mp_fail(e, MP_ESTATE,
	    "the temporary file of a large message in %s cannot be %s (%s); "
	    "look at that disk, and try again",
	    dir, what, strerror(error));
}

/* To the end of the file, whose length is `at`. */
static int
append(struct mp_spool *s, const uint8_t *data, size_t len, uint64_t at,
    struct mp_error *e)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(s->fd, data, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault(s, "written", n < 0 ? errno : ENOSPC, e);
		data += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return MP_OK;
}

/* Room for `more` bytes in memory; nothing is left behind unwiped. */
static int
grow(struct mp_spool *s, size_t more, struct mp_error *e)
{
	size_t cap = s->cap > 0 ? s->cap : SPOOL_FIRST;
	uint8_t *memory;

	while (cap < s->used + more)
		cap *= 2;
	if (cap == s->cap)
		return MP_OK;
	memory = malloc(cap);
	if (memory == NULL)
		return mp_fail(e, MP_ENOMEM, "no memory for a message");
	if (s->used > 0)
		memcpy(memory, s->memory, s->used);
	if (s->memory != NULL)
		explicit_bzero(s->memory, s->cap);
	free(s->memory);
	s->memory = memory;
	s->cap = cap;
	return MP_OK;
}

/* What was in memory goes to a file, and what follows too. */
static int
overflow(struct mp_spool *s, struct mp_error *e)
{
	int r;

	r = open_file(s, e);
	if (r == MP_OK)
		r = append(s, s->memory, s->used, 0, e);
	if (r == MP_OK)
		forget(s);
	return r;
}

int
mp_spool_write(
    struct mp_spool *s, const void *data, size_t len, struct mp_error *e)
{
	int r = MP_OK;

	if (len == 0)
		return MP_OK;
	if (len > s->max - s->size)
		return mp_fail(e, MP_ELIMIT,
		    "a message larger than %llu bytes is not sent; send less "
		    "at once, or allow more",
		    (unsigned long long)s->max);
	if (s->fd < 0 && len > MP_SPOOL_MEMORY - s->used)
		r = overflow(s, e);
	if (r == MP_OK && s->fd >= 0)
		r = append(s, data, len, s->size, e);
	else if (r == MP_OK && (r = grow(s, len, e)) == MP_OK) {
		memcpy(s->memory + s->used, data, len);
		s->used += len;
	}
	if (r == MP_OK)
		s->size += len;
	return r;
}

int
mp_spool_read(struct mp_spool *s, void *data, size_t *len, struct mp_error *e)
{
	uint64_t left = s->size - s->at;
	size_t room = *len < left ? *len : (size_t)left;
	ssize_t n = 0;

	*len = 0;
	if (room == 0)
		return MP_OK;
	if (s->fd < 0) {
		memcpy(data, s->memory + s->at, room);
		n = (ssize_t)room;
	} else {
		do
			n = pread(s->fd, data, room, (off_t)s->at);
		while (n < 0 && errno == EINTR);
	}
	if (n <= 0)
		return fault(s, "read", n < 0 ? errno : EIO, e);
	*len = (size_t)n;
	s->at += (uint64_t)n;
	return MP_OK;
}

void
mp_spool_rewind(struct mp_spool *s)
{
	s->at = 0;
}
