#include "agent/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
/* An execve() gives root nothing, and none of this can be taken back. */
#define NOROOT                                                           \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |    \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)
/*
 * What the supervisor may need again: children of another user, their
 * sockets and files, and to see which program a client runs.
 */
#define SUPERVISOR                                                  \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | \
	    BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) |    \
	    BIT(CAP_SETUID) | BIT(CAP_SYS_PTRACE))

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

/* Nothing but these of what it has: now, and for programs it may start. */
static int
confine(uint64_t keep)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	/* Who has not the power to give these up has none that would matter:
	 * no new privileges come by way of a program either. */
	for (unsigned long cap = 0; cap < 64; cap++)
		if ((keep & BIT(cap)) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 &&
		    errno != EPERM && errno != EINVAL)
			return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -1;
	if (syscall(SYS_capget, &head, data) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		uint32_t some = (uint32_t)(keep >> (32 * i));

		data[i].permitted &= some;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

/* Is it that user now, with no way back? */
static bool
settled(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid &&
	       getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid &&
	       sg == gid && setuid(0) != 0;
}

int
harden_user(uid_t uid, gid_t gid)
{
	bool change = uid != 0 && geteuid() != uid;

	if (change &&
	    (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0))
		return -1;
	/* While it still has the power; without it there is none to give up. */
	if (prctl(PR_SET_SECUREBITS, NOROOT, 0, 0, 0) != 0 && errno != EPERM)
		return -1;
	if (change && setresuid(uid, uid, uid) != 0)
		return -1;
	if (confine(0) != 0)
		return -1;
	errno = EPERM;
	return change && !settled(uid, gid) ? -1 : 0;
}

int
harden_supervisor(void)
{
	return confine(SUPERVISOR);
}

int
harden_childless(void)
{
	const struct rlimit none = {0, 0};

	return TRACED ? 0 : setrlimit(RLIMIT_NPROC, &none);
}
