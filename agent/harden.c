#include "agent/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <limits.h>
#include <signal.h>
#include <unistd.h>

/* The leak checker of the address sanitizer traces its own process. */
#if defined(__SANITIZE_ADDRESS__)
#define TRACED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACED 1
#endif
#endif
#ifndef TRACED
#define TRACED 0
#endif

int
harden(int from)
{
	const struct rlimit none = {0, 0};

	(void)umask(077);
	if (close_range((unsigned)from, ~0U, 0) != 0)
		return -1;
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return -1;
	if (!TRACED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

unsigned
harden_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return 0;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) != 0)
		return 0;
	return lim.rlim_cur > UINT_MAX ? UINT_MAX : (unsigned)lim.rlim_cur;
}

int
harden_child(int parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -1;
	/* It may have gone before the line above. */
	return getppid() == parent ? 0 : -1;
}
