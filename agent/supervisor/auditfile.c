#include "agent/supervisor/auditfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAME_SECOND_MAX 100 /* files that were closed within one second */

static int complain(char *text, size_t textlen, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
complain(char *text, size_t textlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, textlen, fmt, ap);
	va_end(ap);
	return -1;
}

void
auditfile_init(struct auditfile *a)
{
	memset(a, 0, sizeof(*a));
	a->fd = a->next = a->head = -1;
}

static void
shut(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
auditfile_close(struct auditfile *a)
{
	shut(&a->fd);
	shut(&a->next);
	shut(&a->head);
	a->aside = false;
	a->path[0] = '\0';
}

/* A file of ours alone to write, made if need be. -1 with a sentence. */
static int
open_own(const char *path, int flags, char *text, size_t textlen)
{
	struct stat st;
	int fd = open(path,
	    flags | O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
		O_NOCTTY,
	    0600);

	if (fd == -1)
		return complain(text, textlen,
		    "%s: %s; its directory must exist and be ours to write",
		    path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    (st.st_uid == geteuid() || st.st_uid == 0) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	(void)close(fd);
	return complain(text, textlen,
	    "%s must be a regular file of this user or root, with one name, "
	    "that nobody else may write; move it away, or chmod 600 it",
	    path);
}

/* Opens the head's file, and reads what it tells. */
static int
open_head(struct auditfile *a, const char *state, char *text, size_t textlen)
{
	char path[CONF_PATH_MAX + 16], said[AUDIT_HEAD_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/audit-head", state);
	a->head = open_own(path, 0, text, textlen);
	if (a->head == -1)
		return -1;
	n = pread(a->head, said, sizeof(said), 0);
	if (n == 0 ||
	    (n > 0 && audit_head_parse(said, (size_t)n, &a->last) == 0))
		return 0;
	shut(&a->head);
	return complain(text, textlen,
	    "%s is damaged: it says how far the audit log reaches; look at "
	    "the log with 'sealpoint audit verify', then move this file away",
	    path);
}

/* A new name in a directory outlasts a loss of power only like this. */
static void
keep_name(const char *path)
{
	char copy[CONF_PATH_MAX];
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

/* Gives the file the name that those have that are full. */
static int
put_aside(const char *path, char *text, size_t textlen)
{
	char name[CONF_PATH_MAX + 64], stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	int r = -1;

	if (gmtime_r(&now, &tm) == NULL)
		return complain(text, textlen, "the clock makes no sense");
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	(void)snprintf(name, sizeof(name), "%s.%s", path, stamp);
	for (unsigned i = 1; i <= SAME_SECOND_MAX && r != 0; i++) {
		r = renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE);
		if (r != 0 && errno != EEXIST)
			break;
		if (r != 0)
			(void)snprintf(
			    name, sizeof(name), "%s.%s-%02u", path, stamp, i);
	}
	if (r == 0)
		return 0;
	return complain(text, textlen, "%s cannot be renamed to %s: %s", path,
	    name, strerror(errno));
}

static bool
same_file(int fd, const char *path)
{
	struct stat open, named;

	return fd != -1 && fstat(fd, &open) == 0 && lstat(path, &named) == 0 &&
	       open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static bool
empty(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == 0;
}

/* The log at that path; another one than the present must be empty. */
static int
open_log(
    const struct auditfile *a, const char *path, char *text, size_t textlen)
{
	int fd = open_own(path, O_APPEND, text, textlen);

	if (fd != -1 && a->fd != -1 && !empty(fd)) {
		shut(&fd);
		if (put_aside(path, text, textlen) != 0)
			return -1;
		fd = open_own(path, O_APPEND, text, textlen);
	}
	if (fd != -1)
		keep_name(path);
	return fd;
}

/* Has a first record been written to it? What cannot be read, has. */
static bool
begun(int fd)
{
	char line[AUDIT_LINE_MAX];
	ssize_t n = pread(fd, line, sizeof(line), 0);

	return n < 0 || n == (ssize_t)sizeof(line) ||
	       memmem(line, (size_t)n, "\"}\n", 3) != NULL;
}

/* Is it empty, or just a piece of a first record? Of a stranger's file, which
 * a wrong path names, nothing is to be lost. */
static bool
piece(int fd)
{
	static const char start[] = {'{', '"', 'n', '"', ':'};
	char line[sizeof(start)];
	ssize_t n = pread(fd, line, sizeof(line), 0);

	return n >= 0 && memcmp(line, start, (size_t)n) == 0 && !begun(fd);
}

/* Where a new file stands while the one before is still at its place. */
static const char *
new_name(char name[CONF_PATH_MAX + 16], const char *path)
{
	(void)snprintf(name, CONF_PATH_MAX + 16, "%s.new", path);
	return name;
}

/* PATH.new becomes PATH, and what was there gets out of the way. It can be
 * done again after any of its steps. */
static int
put_in_place(const char *path, char *text, size_t textlen)
{
	char name[CONF_PATH_MAX + 16];
	struct stat st;

	if (lstat(path, &st) == 0 && put_aside(path, text, textlen) != 0)
		return -1;
	if (renameat2(AT_FDCWD, new_name(name, path), AT_FDCWD, path,
		RENAME_NOREPLACE) != 0)
		return complain(text, textlen, "%s cannot be renamed to %s: %s",
		    name, path, strerror(errno));
	keep_name(path);
	return 0;
}

/* What was begun in PATH.new when all of us ended is the newest file. */
static int
finish_turn(const char *path, char *text, size_t textlen)
{
	char name[CONF_PATH_MAX + 16];
	struct stat st;
	bool whole, useless;
	int fd;

	if (lstat(new_name(name, path), &st) != 0)
		return 0;
	fd = open_own(name, 0, text, textlen);
	if (fd == -1)
		return -1;
	useless = piece(fd);
	whole = begun(fd);
	(void)fdatasync(fd);
	(void)close(fd);
	if (whole)
		return put_in_place(path, text, textlen);
	if (!useless || unlink(name) == 0)
		return 0;
	return complain(text, textlen,
	    "%s, which is empty, cannot be removed: %s", name, strerror(errno));
}

/* If the next file is begun, it is the log. Both are on the disk before a name
 * changes, so that a loss of power leaves no gap between them. */
static int
settle(struct auditfile *a, char *text, size_t textlen)
{
	if (a->next != -1 && begun(a->next)) {
		(void)fdatasync(a->fd);
		shut(&a->fd);
		a->fd = a->next;
		a->next = -1;
	}
	if (a->next != -1 || !a->aside)
		return 0;
	(void)fdatasync(a->fd);
	if (put_in_place(a->path, text, textlen) != 0)
		return -1;
	a->aside = false;
	return 0;
}

/* Is that path, as it is now, what we write? What is on its way there, too. */
static bool
follows(const struct auditfile *a, const char *path)
{
	if (strcmp(a->path, path) == 0 && (a->next != -1 || a->aside))
		return true;
	return same_file(a->fd, path);
}

int
auditfile_follow(struct auditfile *a, const struct conf *c, bool *fresh,
    char *text, size_t textlen)
{
	const char *path = c->audit.path;
	int fd;

	*fresh = false;
	/* A name that cannot be changed now can be later. */
	(void)settle(a, text, textlen);
	if (path[0] == '\0') {
		auditfile_close(a);
		return 0;
	}
	if (a->head == -1 && open_head(a, c->state, text, textlen) != 0)
		return -1;
	if (follows(a, path))
		return 0;
	if (a->next != -1)
		return complain(text, textlen,
		    "the audit log is just going on in a new file; have the "
		    "configuration read again in a moment");
	if (a->fd == -1 && finish_turn(path, text, textlen) != 0)
		return -1;
	fd = open_log(a, path, text, textlen);
	if (fd == -1)
		return -1;
	if (a->fd == -1)
		a->fd = fd;
	else
		a->next = fd;
	(void)snprintf(a->path, sizeof(a->path), "%s", path);
	*fresh = true;
	return 0;
}

/* A piece of the first record, which nothing can follow. */
static int
drop_piece(int fd, char *text, size_t textlen)
{
	if (fd == -1 || empty(fd) || !piece(fd) || ftruncate(fd, 0) == 0)
		return 0;
	return complain(text, textlen,
	    "the piece of a record at its beginning cannot be removed: %s",
	    strerror(errno));
}

int
auditfile_resume(struct auditfile *a, char *text, size_t textlen)
{
	int r = settle(a, text, textlen);

	if (drop_piece(a->fd, text, textlen) != 0 ||
	    drop_piece(a->next, text, textlen) != 0)
		return -1;
	return r;
}

int
auditfile_note(struct auditfile *a, const struct audit_chain *c, char *text,
    size_t textlen)
{
	char said[AUDIT_HEAD_MAX];
	size_t len = audit_head_pack(said, c);
	int r;

	if (a->fd == -1 || c->number <= a->last.number)
		return 0;
	r = settle(a, text, textlen);
	if (fdatasync(a->fd) != 0)
		return complain(text, textlen,
		    "%s cannot be brought to the disk: %s; see what ails the "
		    "disk",
		    a->path, strerror(errno));
	if (pwrite(a->head, said, len, 0) != (ssize_t)len ||
	    fdatasync(a->head) != 0)
		return complain(text, textlen,
		    "audit-head in the state directory cannot be written: %s; "
		    "see what ails the disk",
		    strerror(errno));
	a->last = *c;
	return r;
}

int
auditfile_turn(struct auditfile *a, char *text, size_t textlen)
{
	char name[CONF_PATH_MAX + 16];

	if (a->fd == -1)
		return complain(text, textlen, "no audit log is written");
	if (settle(a, text, textlen) != 0)
		return -1;
	if (a->next != -1)
		return 0;
	a->next = open_log(a, new_name(name, a->path), text, textlen);
	a->aside = a->next != -1;
	return a->aside ? 0 : -1;
}

bool
auditfile_removed(const struct auditfile *a)
{
	struct stat st;

	return a->fd != -1 && a->next == -1 && fstat(a->fd, &st) == 0 &&
	       st.st_nlink == 0;
}

int
auditfile_renew(struct auditfile *a, char *text, size_t textlen)
{
	a->next = open_log(a, a->path, text, textlen);
	return a->next == -1 ? -1 : 0;
}
