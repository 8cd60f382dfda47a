#include "agent/worker/seed.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 1024

/* Exactly SEED_LEN bytes of a file that is ours alone; -1 with errno. */
static int
take(const char *path, uint8_t seed[SEED_LEN])
{
	uint8_t more[SEED_LEN + 1];
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		n = read(fd, more, sizeof(more));
	(void)close(fd);
	if (n == SEED_LEN)
		memcpy(seed, more, SEED_LEN);
	explicit_bzero(more, sizeof(more));
	errno = EBADMSG;
	return n == SEED_LEN ? 0 : -1;
}

/* A new seed under a name of its own, whole on the disk; -1 with errno. */
static int
draft(const char *path)
{
	uint8_t seed[SEED_LEN];
	int fd, r = -1;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (getrandom(seed, sizeof(seed), 0) == SEED_LEN &&
	    write(fd, seed, sizeof(seed)) == SEED_LEN && fsync(fd) == 0)
		r = 0;
	(void)close(fd);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

int
seed_load(const char *dir, uint8_t seed[SEED_LEN], char *text, size_t textlen)
{
	char path[PATH_ROOM], mine[PATH_ROOM];
	int saved, r;

	(void)snprintf(path, sizeof(path), "%s/rejection-seed", dir);
	(void)snprintf(
	    mine, sizeof(mine), "%s/rejection-seed.%ld", dir, (long)getpid());
	r = take(path, seed);
	if (r != 0 && errno == ENOENT) {
		/* link() does not overwrite: of several workers one wins. */
		r = draft(mine);
		if (r == 0 && link(mine, path) != 0 && errno != EEXIST)
			r = -1;
		saved = errno;
		(void)unlink(mine);
		errno = saved;
		if (r == 0)
			r = take(path, seed);
	}
	if (r != 0)
		(void)snprintf(text, textlen,
		    "%s: %s; the state directory must be "
		    "writable, and this file 32 bytes that only its owner may "
		    "read",
		    path, strerror(errno));
	return r;
}
