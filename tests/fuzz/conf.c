/*
 * Any bytes as sealpointd.conf. A file that is refused is refused with a
 * sentence, and leaves nothing behind.
 */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct conf c, empty;
	char text[CONF_TEXT_MAX] = "";
	int fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd == -1 || write(fd, data, len) != (ssize_t)len)
		abort();
	if (conf_read(&c, fd, "conf", text, sizeof(text)) != 0) {
		if (text[0] == '\0' || memcmp(&c, &empty, sizeof(c)) != 0)
			abort();
	} else if (c.ntokens == 0 || c.socket[0] != '/' || c.state[0] != '/') {
		abort();
	}
	(void)close(fd);
	return 0;
}
