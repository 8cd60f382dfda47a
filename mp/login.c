#include "mp/login.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define FILE_MAX (2 * MP_LOGIN_MAX) /* bytes, with ':' and line end */

/* One line of text on its way from the file. */
struct line {
	char text[FILE_MAX + 1];
	size_t len;
};

static int
refuse(const char *path, const char *what, const char *why, struct mp_error *e)
{
	return mp_fail(e, MP_EARG, "%s: the file %s %s", what, path, why);
}

static int
safe(int fd, const char *path, const char *what, struct mp_error *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return refuse(path, what, strerror(errno), e);
	if (!S_ISREG(st.st_mode))
		return refuse(path, what, "is not a regular file", e);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return refuse(path, what,
		    "belongs to another user; make it this user's own", e);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return refuse(path, what,
		    "may be read or written by others than its owner; "
		    "chmod 600 it, and change the password if it was seen",
		    e);
	return 0;
}

/* All of it; false if it is longer than any that we take. */
static bool
take(int fd, struct line *line)
{
	ssize_t n;

	line->len = 0;
	do {
		n = read(
		    fd, line->text + line->len, sizeof(line->text) - line->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		line->len += (size_t)n;
	} while (n != 0 && line->len < sizeof(line->text));
	if (line->len == sizeof(line->text))
		return false;
	if (line->len > 0 && line->text[line->len - 1] == '\n')
		line->len--;
	if (line->len > 0 && line->text[line->len - 1] == '\r')
		line->len--;
	line->text[line->len] = '\0';
	return true;
}

/* NAME:PASSWORD, each there and short enough, nothing that ends a line. */
static bool
split(const struct line *line, struct mp_login *l)
{
	const char *colon = memchr(line->text, ':', line->len);
	size_t user, password;

	if (colon == NULL)
		return false;
	for (size_t i = 0; i < line->len; i++)
		if ((unsigned char)line->text[i] < ' ' || line->text[i] == 0x7f)
			return false;
	user = (size_t)(colon - line->text);
	password = line->len - user - 1;
	if (user == 0 || user >= sizeof(l->user) || password == 0 ||
	    password >= sizeof(l->password))
		return false;
	memcpy(l->user, line->text, user);
	memcpy(l->password, colon + 1, password);
	return true;
}

int
mp_login_read(
    struct mp_login *l, const char *path, const char *what, struct mp_error *e)
{
	struct line line;
	int fd, r;

	memset(l, 0, sizeof(*l));
	/* Not blocked by a pipe that somebody put in its place. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return mp_fail(e, MP_EARG, "%s: the file %s: %s", what, path,
		    strerror(errno));
	r = safe(fd, path, what, e);
	if (r == 0 && (!take(fd, &line) || !split(&line, l)))
		r = refuse(path, what,
		    "does not hold NAME:PASSWORD in one line, each of 1 to "
		    "255 bytes",
		    e);
	(void)close(fd);
	OPENSSL_cleanse(&line, sizeof(line));
	if (r != 0)
		mp_login_wipe(l);
	return r;
}

void
mp_login_wipe(struct mp_login *l)
{
	if (l != NULL)
		OPENSSL_cleanse(l, sizeof(*l));
}
