#include "pkcs11/registry.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pkcs11/trouble.h"

#define NAME_MAX_LEN 64
#define FILE_LEN 8192

static const char blanks[] = " \t\r";

/* Where administrators and packages put NAME.module, in this order. */
static const char *const folders[] = {
    REGISTRY_SYSTEM,
    REGISTRY_PACKAGES,
};

static bool
named(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && name[0] != '.' &&
	       strspn(name, ok) == len;
}

/* Reads a small text file whole; its length, or -1 with errno. */
static ssize_t
slurp(const char *path, char text[FILE_LEN])
{
	struct stat st;
	ssize_t n = -1;
	int fd, saved;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	errno = EFBIG;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < FILE_LEN)
		n = read(fd, text, FILE_LEN - 1);
	saved = errno;
	(void)close(fd);
	errno = saved;
	if (n >= 0)
		text[n] = '\0';
	return n;
}

/* The value of the line "module: value", its blanks cut off, or NULL. */
static char *
value(char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		size_t len;

		line += strspn(line, blanks);
		if (strncmp(line, "module", 6) != 0)
			continue;
		line += 6 + strspn(line + 6, blanks);
		if (*line != ':')
			continue;
		line++;
		line += strspn(line, blanks);
		len = strlen(line);
		while (len > 0 && strchr(blanks, line[len - 1]) != NULL)
			line[--len] = '\0';
		return len > 0 ? line : NULL;
	}
	return NULL;
}

/* A relative file lies in p11-kit's module folder. */
static int
place(const char *file, char path[REGISTRY_PATH_MAX])
{
	int n;

	if (file[0] == '/')
		n = snprintf(path, REGISTRY_PATH_MAX, "%s", file);
	else
		n = snprintf(
		    path, REGISTRY_PATH_MAX, "%s/%s", REGISTRY_MODULES, file);
	return n > 0 && n < REGISTRY_PATH_MAX ? 0 : -1;
}

int
registry_find(
    const char *name, char path[REGISTRY_PATH_MAX], struct token_trouble *why)
{
	char text[FILE_LEN], file[REGISTRY_PATH_MAX];
	const char *found;

	path[0] = '\0';
	if (name[0] == '/') {
		if (place(name, path) == 0)
			return TOKEN_OK;
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the module's path is longer than %d bytes",
		    REGISTRY_PATH_MAX - 1);
	}
	if (!named(name))
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "the module must be an absolute path, or a name that "
		    "p11-kit knows (letters, digits, '.', '_' and '-')");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(
		    file, sizeof(file), "%s/%s.module", folders[i], name);
		if (slurp(file, text) == -1) {
			if (errno == ENOENT)
				continue;
			return trouble_say(why, TOKEN_ECONFIG, false,
			    "%s: cannot be read: %s; repair it or configure "
			    "the module by its path",
			    file, strerror(errno));
		}
		found = value(text);
		if (found != NULL && place(found, path) == 0)
			return TOKEN_OK;
		return trouble_say(why, TOKEN_ECONFIG, false,
		    "%s: has no usable line \"module: FILE\"; repair it or "
		    "configure the module by its path",
		    file);
	}
	return trouble_say(why, TOKEN_ECONFIG, false,
	    "no module is registered as \"%s\" in %s; install it or configure "
	    "it by its path",
	    name, REGISTRY_PACKAGES);
}
