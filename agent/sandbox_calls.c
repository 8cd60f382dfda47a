#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "agent/sandbox_parts.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* What every process of ours does: descriptors it has, memory, time, end. */
static const int common[] = {
    SCMP_SYS(accept4),
    SCMP_SYS(brk),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fstat),
    SCMP_SYS(fsync),
    SCMP_SYS(futex),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/* What a module that keeps keys in files does besides; landlock says where. */
static const int files[] = {
    SCMP_SYS(access),
    SCMP_SYS(chmod), /* modes of its own files: landlock does not see them */
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fallocate),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(flock),
    SCMP_SYS(fstatfs),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(lstat),
    SCMP_SYS(membarrier),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(msync),
    SCMP_SYS(munlock),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(rmdir),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(umask),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(utimensat),
};

/*
 * The address sanitizer's leak check is a process that traces its own; its
 * reports ask the terminal, and the program's own file for names.
 */
static const int sanitizers[] = {
    SCMP_SYS(arch_prctl),
    SCMP_SYS(clone),
    SCMP_SYS(dup2),
    SCMP_SYS(getdents),
    SCMP_SYS(getdents64),
    SCMP_SYS(getrlimit),
    SCMP_SYS(ioctl),
    SCMP_SYS(kill),
    SCMP_SYS(mprotect),
    SCMP_SYS(newfstatat),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(ptrace),
    SCMP_SYS(readlink),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(stat),
    SCMP_SYS(tgkill),
    SCMP_SYS(wait4),
};

/*
 * What no PKCS#11 module has business with: to look into other processes, to
 * load code into the kernel, to change who and where it is, and the corners
 * of the kernel that faults are found in.
 */
static const int dangerous[] = {
    SCMP_SYS(_sysctl),
    SCMP_SYS(acct),
    SCMP_SYS(add_key),
    SCMP_SYS(adjtimex),
    SCMP_SYS(afs_syscall),
    SCMP_SYS(bpf),
    SCMP_SYS(chroot),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(clock_settime),
    SCMP_SYS(create_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(finit_module),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fspick),
    SCMP_SYS(init_module),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(ioperm),
    SCMP_SYS(iopl),
    SCMP_SYS(kcmp),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(kexec_load),
    SCMP_SYS(keyctl),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(migrate_pages),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(mount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(move_mount),
    SCMP_SYS(move_pages),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(nfsservctl),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(open_tree),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(personality),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pivot_root),
    SCMP_SYS(process_madvise),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(ptrace),
    SCMP_SYS(query_module),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(reboot),
    SCMP_SYS(request_key),
    SCMP_SYS(setdomainname),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(sethostname),
    SCMP_SYS(setns),
    SCMP_SYS(setregid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setreuid),
    SCMP_SYS(settimeofday),
    SCMP_SYS(setuid),
    SCMP_SYS(swapoff),
    SCMP_SYS(swapon),
    SCMP_SYS(syslog),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(uselib),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(vhangup),
    SCMP_SYS(vm86),
    SCMP_SYS(vm86old),
};

/*
 * Other programs. A module that tries one is refused, not ended: some look
 * for helpers and live without.
 */
static const int programs[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
};

/* The filter being made; the first failure stays. */
struct filter {
	scmp_filter_ctx ctx;
	int err; /* negative errno */
};

static bool
spared(int call)
{
	for (size_t i = 0; SANDBOX_SANITIZED && i < COUNT(sanitizers); i++)
		if (sanitizers[i] == call)
			return true;
	return false;
}

static void
each(struct filter *f, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n && f->err == 0; i++) {
		if (action != SCMP_ACT_ALLOW && spared(calls[i]))
			continue;
		f->err = seccomp_rule_add(f->ctx, action, calls[i], 0);
		/* In two lists, or the same as the default. */
		if (f->err == -EEXIST || f->err == -EACCES)
			f->err = 0;
	}
}

/* One call, if its arguments fit. */
static void
some(struct filter *f, uint32_t action, int call, unsigned n,
    const struct scmp_arg_cmp *args)
{
	if (f->err == 0)
		f->err = seccomp_rule_add_array(f->ctx, action, call, n, args);
}

/* Memory, but no code: neither written and run, nor made to be run. */
static void
memory(struct filter *f, bool loads)
{
	const struct scmp_arg_cmp plain =
	    SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	/* A library's code, out of a file, for who loads libraries. */
	const struct scmp_arg_cmp code[] = {
	    SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0),
	};

	some(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &plain);
	some(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &plain);
	if (loads || SANDBOX_SANITIZED)
		some(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, code);
}

/* Descriptors' flags and locks; abort() of the process itself. */
static void
itself(struct filter *f, bool locks)
{
	static const int plain[] = {
	    F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GET_SEALS};
	static const int lock[] = {
	    F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
	struct scmp_arg_cmp one;

	for (size_t i = 0; i < COUNT(plain); i++) {
		one = SCMP_A1_32(SCMP_CMP_EQ, (unsigned)plain[i], 0);
		some(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, &one);
	}
	for (size_t i = 0; locks && i < COUNT(lock); i++) {
		one = SCMP_A1_32(SCMP_CMP_EQ, (unsigned)lock[i], 0);
		some(f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, &one);
	}
	/* How much waits in a socket or a pipe; no device is asked anything. */
	one = SCMP_A1_32(SCMP_CMP_EQ, FIONREAD, 0);
	some(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &one);
	if (SANDBOX_SANITIZED)
		return;
	one = SCMP_A0_32(SCMP_CMP_EQ, (unsigned)getpid(), 0);
	some(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &one);
}

/*
 * The worker's own: who brings a PIN has little time. What libc does on a
 * module's behalf: looks at its limits; syslog(), which SoftHSM2 calls for its
 * errors, and which gives up without a socket.
 */
static void
library(struct filter *f)
{
	const struct scmp_arg_cmp look[] = {
	    SCMP_A0_32(SCMP_CMP_EQ, 0, 0),
	    SCMP_A2_64(SCMP_CMP_EQ, 0, 0),
	};

	const struct scmp_arg_cmp sockets =
	    SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET, 0);

	some(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 1, &sockets);
	some(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, look);
	some(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0, NULL);
}

/*
 * Threads, but no processes. The flags of clone3() stand in memory, which a
 * filter cannot see: libc takes clone() where there is no clone3().
 */
static void
threads(struct filter *f, uint32_t allow, uint32_t refuse)
{
	const struct scmp_arg_cmp thread =
	    SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp process =
	    SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);

	some(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	if (SANDBOX_SANITIZED)
		return;
	if (allow != 0)
		some(f, allow, SCMP_SYS(clone), 1, &thread);
	if (refuse != 0)
		some(f, refuse, SCMP_SYS(clone), 1, &process);
}

/* Readers are behind pcscd, udev and USB, HSMs behind TCP; nothing else. */
static void
families(struct filter *f)
{
	const int fine[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	const struct scmp_arg_cmp rest =
	    SCMP_A0_32(SCMP_CMP_GE, AF_NETLINK + 1, 0);
	unsigned next = 0;

	for (unsigned af = 0; af <= AF_NETLINK; af++) {
		const struct scmp_arg_cmp one = SCMP_A0_32(SCMP_CMP_EQ, af, 0);

		if (next < COUNT(fine) && (int)af == fine[next])
			next++;
		else
			some(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
			    1, &one);
	}
	some(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &rest);
}

/* Who sends what, asked of each connection; no other option is set. */
static void
senders(struct filter *f)
{
	const struct scmp_arg_cmp passcred[] = {
	    SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET, 0),
	    SCMP_A2_32(SCMP_CMP_EQ, SO_PASSCRED, 0),
	};

	some(f, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2, passcred);
}

static void
list(struct filter *f, enum sandbox_kind kind)
{
	switch (kind) {
	case SANDBOX_FRONT:
		each(f, SCMP_ACT_ALLOW, common, COUNT(common));
		memory(f, false);
		itself(f, false);
		senders(f);
		break;
	case SANDBOX_STRICT:
		each(f, SCMP_ACT_ALLOW, common, COUNT(common));
		each(f, SCMP_ACT_ALLOW, files, COUNT(files));
		memory(f, true);
		itself(f, true);
		library(f);
		threads(f, SCMP_ACT_ALLOW, 0);
		break;
	case SANDBOX_MODULE:
		each(f, SCMP_ACT_KILL_PROCESS, dangerous, COUNT(dangerous));
		each(f, SCMP_ACT_ERRNO(EPERM), programs, COUNT(programs));
		threads(f, 0, SCMP_ACT_ERRNO(EPERM));
		families(f);
		break;
	}
	if (SANDBOX_SANITIZED && kind != SANDBOX_MODULE)
		each(f, SCMP_ACT_ALLOW, sanitizers, COUNT(sanitizers));
}

int
sandbox_calls(enum sandbox_kind kind, char *text, size_t textlen)
{
	const uint32_t kill = SCMP_ACT_KILL_PROCESS;
	struct filter f = {NULL, 0};

	f.ctx = seccomp_init(kind == SANDBOX_MODULE ? SCMP_ACT_ALLOW : kill);
	if (f.ctx == NULL)
		f.err = -ENOMEM;
	/* A tree instead of a line: the list is long, every call walks it. */
	if (f.err == 0)
		f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Calls of another architecture have other numbers. */
	if (f.err == 0)
		f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, kill);
	if (f.err == 0)
		f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	list(&f, kind);
	if (f.err == 0)
		f.err = seccomp_load(f.ctx);
	if (f.ctx != NULL)
		seccomp_release(f.ctx);
	if (f.err == 0)
		return 0;
	(void)snprintf(text, textlen,
	    "seccomp: %s, so the sandbox cannot be entered; the kernel must "
	    "have seccomp filters",
	    strerror(-f.err));
	return -1;
}
