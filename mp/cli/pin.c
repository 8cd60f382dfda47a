#include "mp/cli/pin.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define CTRL_C 3
#define CTRL_D 4
#define CTRL_U 21
#define DELETE 127

/* Descriptor of fd:N, or -1. Standard input is 0. */
static int
descriptor(const char *source)
{
	const char *digits;
	size_t len;

	if (strncmp(source, "fd:", 3) != 0)
		return -1;
	digits = source + 3;
	len = strlen(digits);
	if (len == 0 || len > 6 || strspn(digits, "0123456789") != len)
		return -1;
	return (int)strtol(digits, NULL, 10);
}

int
pin_source_ok(const char *source)
{
	return (strncmp(source, "file:", 5) == 0 && source[5] != '\0') ||
	       descriptor(source) >= 0 || strcmp(source, "ask") == 0 ||
	       strcmp(source, "pad") == 0;
}

int
pin_init(struct pin *p, const char *source, const char *what)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page;

	p->source = source;
	p->what = what;
	p->page = NULL;
	p->len = 0;
	page = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -1;
	if (mlock(page, size) != 0 || madvise(page, size, MADV_DONTDUMP) != 0 ||
	    madvise(page, size, MADV_WIPEONFORK) != 0) {
		(void)munmap(page, size);
		return -1;
	}
	p->page = page;
	return 0;
}

void
pin_put(void *ctx)
{
	struct pin *p = ctx;

	if (p->page != NULL)
		OPENSSL_cleanse(p->page, (size_t)sysconf(_SC_PAGESIZE));
	p->len = 0;
}

void
pin_release(struct pin *p)
{
	if (p == NULL || p->page == NULL)
		return;
	pin_put(p);
	(void)munmap(p->page, (size_t)sysconf(_SC_PAGESIZE));
	p->page = NULL;
}

/* Reads to the end, or one byte more than a PIN with its line end may have. */
static int
fill(struct pin *p, int fd)
{
	const size_t room = PIN_MAX + 3;
	ssize_t r;

	p->len = 0;
	do {
		r = read(fd, p->page + p->len, room - p->len);
		if (r > 0)
			p->len += (size_t)r;
	} while ((r > 0 && p->len < room) || (r < 0 && errno == EINTR));
	return r < 0 ? -1 : 0;
}

/* Strips one line end; NULL, or why what is left is no PIN. */
static const char *
judge(struct pin *p)
{
	if (p->len > 0 && p->page[p->len - 1] == '\n')
		p->len--;
	if (p->len > 0 && p->page[p->len - 1] == '\r')
		p->len--;
	if (p->len == 0)
		return "is empty";
	if (p->len > PIN_MAX)
		return "is too long for a PIN";
	if (memchr(p->page, '\0', p->len) != NULL)
		return "holds a NUL byte";
	return NULL;
}

static const char *
unfit(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to somebody else; chown it";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "may be read by others; chmod 600 it";
	return NULL;
}

static int
from_file(struct pin *p, char *text, size_t textlen)
{
	const char *path = p->source + strlen("file:"), *wrong;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(text, textlen, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	wrong = unfit(&st);
	if (wrong == NULL && fill(p, fd) != 0)
		wrong = "cannot be read";
	if (wrong == NULL)
		wrong = judge(p);
	(void)close(fd);
	if (wrong == NULL)
		return 0;
	(void)snprintf(text, textlen, "%s %s", path, wrong);
	return -1;
}

/* The caller's descriptor, which stays open. */
static int
from_descriptor(struct pin *p, char *text, size_t textlen)
{
	int fd = descriptor(p->source);
	const char *wrong;

	if (fill(p, fd) != 0) {
		(void)snprintf(
		    text, textlen, "descriptor %d: %s", fd, strerror(errno));
		return -1;
	}
	wrong = judge(p);
	if (wrong == NULL)
		return 0;
	(void)snprintf(
	    text, textlen, "what descriptor %d brought %s", fd, wrong);
	return -1;
}

/* One key that was pressed: 1 it was the last, 0 more, -1 given up. */
static int
press(struct pin *p, uint8_t c)
{
	switch (c) {
	case '\r':
	case '\n':
		return 1;
	case CTRL_C:
	case CTRL_D:
		return -1;
	case CTRL_U:
		p->len = 0;
		return 0;
	case '\b':
	case DELETE:
		p->len -= p->len > 0;
		return 0;
	default:
		/* What is beyond the limit makes it too long, and no more. */
		if (p->len <= PIN_MAX)
			p->page[p->len++] = c;
		return 0;
	}
}

/*
 * Keys come one by one and unseen. ISIG is off too, so that Ctrl-C comes as
 * a key and the terminal never stays without echo.
 */
static int
type_in(struct pin *p, int tty)
{
	struct termios before, quiet;
	ssize_t n;
	int r = 0;

	p->len = 0;
	if (tcgetattr(tty, &before) != 0)
		return -1;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return -1;
	/* Asked once nothing is echoed any more: some type fast. */
	(void)dprintf(tty, "PIN of %s: ", p->what);
	while (r == 0) {
		uint8_t *c = p->page + PIN_MAX + 16;

		n = read(tty, c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		r = n == 1 ? press(p, *c) : -1;
	}
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	return r == 1 ? 0 : -1;
}

static int
from_terminal(struct pin *p, char *text, size_t textlen)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r;
	const char *wrong = "was not typed";

	if (tty < 0) {
		(void)snprintf(text, textlen,
		    "there is no terminal to ask at; use file:PATH or fd:N");
		return -1;
	}
	r = type_in(p, tty);
	(void)dprintf(tty, "\n");
	(void)close(tty);
	if (r == 0)
		wrong = judge(p);
	if (wrong == NULL)
		return 0;
	(void)snprintf(text, textlen, "what was typed %s",
	    r == 0 ? wrong : "was given up");
	return -1;
}

int
pin_get(void *ctx, const uint8_t **pin, size_t *len, char *text, size_t textlen)
{
	struct pin *p = ctx;
	int r;

	*pin = NULL;
	*len = 0;
	if (strcmp(p->source, "pad") == 0)
		return 0;
	if (strncmp(p->source, "file:", 5) == 0)
		r = from_file(p, text, textlen);
	else if (strcmp(p->source, "ask") == 0)
		r = from_terminal(p, text, textlen);
	else
		r = from_descriptor(p, text, textlen);
	if (r != 0) {
		pin_put(p);
		return -1;
	}
	*pin = p->page;
	*len = p->len;
	return 0;
}

void
pin_advice(const struct pin *p, char *text, size_t textlen)
{
	if (strncmp(p->source, "file:", 5) == 0)
		(void)snprintf(
		    text, textlen, "put the right PIN into %s", p->source + 5);
	else if (strncmp(p->source, "fd:", 3) == 0)
		(void)snprintf(text, textlen,
		    "pass the right PIN on descriptor %s", p->source + 3);
	else if (strcmp(p->source, "pad") == 0)
		(void)snprintf(text, textlen,
		    "this token has no PIN pad; give --pin file:PATH, fd:N or "
		    "ask");
	else
		(void)snprintf(text, textlen, "type the right PIN");
}
