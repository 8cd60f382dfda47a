#include "tests/fake/countmod.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct countmod *
countmod_make(const char *file, const char *module)
{
	struct countmod *c = MAP_FAILED;
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd != -1 && ftruncate(fd, sizeof(*c)) == 0)
		c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	if (c == MAP_FAILED || setenv("COUNTMOD_FILE", file, 1) != 0 ||
	    setenv("COUNTMOD_MODULE", module, 1) != 0)
		abort();
	(void)close(fd);
	return c;
}
