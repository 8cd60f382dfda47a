#include "agent/worker/inherited.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
inherited_read(
    struct secret *s, int fd, const char *number, char *text, size_t textlen)
{
	const char *wrong;
	size_t n = 0;
	ssize_t r;

	secret_wipe(s);
	do {
		r = pread(fd, s->bytes + n, SECRET_ROOM - n, (off_t)n);
		n += r > 0 ? (size_t)r : 0;
	} while ((r > 0 && n < SECRET_ROOM) || (r == -1 && errno == EINTR));
	if (r == -1) {
		(void)snprintf(text, textlen,
		    "what came at descriptor %s cannot be read: %s", number,
		    strerror(errno));
		secret_wipe(s);
		return -1;
	}
	wrong = secret_trim(s, n);
	if (wrong == NULL)
		return 0;
	(void)snprintf(text, textlen,
	    "what came at descriptor %s %s; restart sealpointd with the PIN "
	    "there",
	    number, wrong);
	return -1;
}
