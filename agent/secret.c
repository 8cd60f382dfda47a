#include "agent/secret.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* One page for the secret, with a page that faults on either side. */
static size_t
page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int
secret_init(struct secret *s)
{
	uint8_t *p;

	s->bytes = NULL;
	s->len = 0;
	p = mmap(
	    NULL, 3 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	if (mprotect(p + page(), page(), PROT_READ | PROT_WRITE) != 0 ||
	    mlock(p + page(), page()) != 0 ||
	    madvise(p + page(), page(), MADV_DONTDUMP) != 0 ||
	    madvise(p + page(), page(), MADV_WIPEONFORK) != 0) {
		(void)munmap(p, 3 * page());
		return -1;
	}
	s->bytes = p + page();
	return 0;
}

void
secret_wipe(struct secret *s)
{
	if (s == NULL || s->bytes == NULL)
		return;
	OPENSSL_cleanse(s->bytes, page());
	s->len = 0;
}

void
secret_release(struct secret *s)
{
	if (s == NULL || s->bytes == NULL)
		return;
	secret_wipe(s);
	(void)munmap(s->bytes - page(), 3 * page());
	s->bytes = NULL;
}

/* Why this file must not hold a secret; NULL if it may. */
static const char *
unfit(const struct stat *st, int lax)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (lax)
		return NULL;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to somebody else; chown it";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "may be read by others; chmod 600 it";
	return NULL;
}

/* Reads all there is, one byte more than may be. */
static ssize_t
fill(int fd, uint8_t *buf, size_t room)
{
	size_t n = 0;
	ssize_t r;

	do {
		r = read(fd, buf + n, room - n);
		if (r > 0)
			n += (size_t)r;
	} while ((r > 0 && n < room) || (r < 0 && errno == EINTR));
	return r < 0 ? -1 : (ssize_t)n;
}

static const char *
judge(const struct secret *s, size_t n)
{
	if (n == 0)
		return "is empty";
	if (n > SECRET_MAX)
		return "is too long for a PIN";
	if (memchr(s->bytes, '\0', n) != NULL)
		return "holds a NUL byte";
	return NULL;
}

const char *
secret_trim(struct secret *s, size_t n)
{
	const char *wrong;

	if (n > 0 && s->bytes[n - 1] == '\n')
		n--;
	if (n > 0 && s->bytes[n - 1] == '\r')
		n--;
	wrong = judge(s, n);
	if (wrong != NULL)
		secret_wipe(s);
	else
		s->len = n;
	return wrong;
}

int
secret_read_file(
    struct secret *s, const char *path, int lax, char *text, size_t textlen)
{
	const char *wrong = NULL;
	struct stat st;
	ssize_t n;
	int fd;

	secret_wipe(s);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) != 0) {
		(void)snprintf(text, textlen, "%s: %s", path, strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	wrong = unfit(&st, lax);
	if (wrong == NULL) {
		n = fill(fd, s->bytes, SECRET_ROOM);
		wrong = n < 0 ? "cannot be read" : secret_trim(s, (size_t)n);
	}
	(void)close(fd);
	if (wrong == NULL)
		return 0;
	secret_wipe(s);
	(void)snprintf(text, textlen, "%s %s", path, wrong);
	return -1;
}
