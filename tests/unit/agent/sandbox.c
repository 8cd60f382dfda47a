/*
 * Runs code inside the sandboxes on purpose, as somebody would who took a
 * process over. Each attempt is a child of its own, since most end it.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sandbox.h"
#include "agent/sandbox_parts.h"

#define ENDED -1   /* the kernel ended the process: SIGSYS */
#define FAILED 125 /* the sandbox could not be entered */
#define X32 0x40000000L
#define CODE (PROT_READ | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char dir[] = "/tmp/sandbox.XXXXXX";
static char inside[64], outside[64];

/* A system call by number, and what it must come to. */
struct attempt {
	const char *name;
	long nr;
	long args[4];
	int want; /* ENDED, or errno; 0: it is done */
	bool lax; /* the sanitizers' own needs let it through */
};

static long
address(const char *s)
{
	return (long)(intptr_t)s;
}

/* Enters as the worker of SoftHSM2 does, or as the front. */
static void
enter(enum sandbox_kind kind)
{
	const struct sandbox_path paths[] = {
	    {"/usr", SANDBOX_READ, true},
	    {inside, SANDBOX_WRITE, true},
	};
	char text[256];

	if (sandbox_enter(kind, paths,
		kind == SANDBOX_STRICT ? sizeof(paths) / sizeof(*paths) : 0,
		text, sizeof(text)) != SANDBOX_OK)
		_exit(FAILED);
}

/* 0, errno, or ENDED. */
static int
outcome(pid_t pid)
{
	int status = 0;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return ENDED;
	}
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), FAILED);
	return WEXITSTATUS(status);
}

static int
attempted(enum sandbox_kind kind, const struct attempt *a)
{
	pid_t self = getpid(), pid = fork();
	long r;

	if (pid == 0) {
		enter(kind);
		errno = 0;
		r = syscall(a->nr, a->args[0], a->args[1], a->args[2],
		    a->args[3], -1L, 0L);
		/* What came back is a new process: that is done, too. */
		_exit(r == -1 ? errno : getppid() == self ? 0 : 99);
	}
	return outcome(pid);
}

static void
each_comes_to(enum sandbox_kind kind, const struct attempt *all, size_t n)
{
	int r;

	for (size_t i = 0; i < n; i++) {
		if (SANDBOX_SANITIZED && all[i].lax)
			continue;
		r = attempted(kind, &all[i]);
		if (r != all[i].want)
			fail_msg("%s: %d, not %d", all[i].name, r, all[i].want);
	}
}

static void
the_front_is_ended_at_what_it_has_no_need_for(void **state)
{
	const struct attempt all[] = {
	    {"open", SYS_open, {address("/etc/passwd"), O_RDONLY}, ENDED, true},
	    {"openat", SYS_openat, {AT_FDCWD, address("/etc/passwd")}, ENDED,
		true},
	    {"openat2", SYS_openat2, {AT_FDCWD, address("/")}, ENDED, false},
	    {"creat", SYS_creat, {address(outside), 0600}, ENDED, false},
	    {"unlink", SYS_unlink, {address(outside)}, ENDED, false},
	    {"rename", SYS_rename, {address(outside), 0}, ENDED, false},
	    {"chmod", SYS_chmod, {address(outside), 0777}, ENDED, false},
	    {"truncate", SYS_truncate, {address(outside), 0}, ENDED, false},
	    {"ftruncate", SYS_ftruncate, {2, 0}, ENDED, false},
	    {"stat", SYS_stat, {address("/"), 0}, ENDED, true},
	    {"readlink", SYS_readlink, {address("/"), 0}, ENDED, true},
	    {"execve", SYS_execve, {address("/bin/true")}, ENDED, false},
	    {"execveat", SYS_execveat, {0, address("")}, ENDED, false},
	    {"fork", SYS_fork, {0}, ENDED, false},
	    {"vfork", SYS_vfork, {0}, ENDED, false},
	    {"clone", SYS_clone, {SIGCHLD}, ENDED, true},
	    {"clone, a thread", SYS_clone, {CLONE_THREAD}, ENDED, true},
	    {"clone3", SYS_clone3, {0}, ENDED, false},
	    {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM}, ENDED, false},
	    {"socket, IP", SYS_socket, {AF_INET, SOCK_STREAM}, ENDED, false},
	    {"socketpair", SYS_socketpair, {AF_UNIX}, ENDED, false},
	    {"connect", SYS_connect, {0}, ENDED, false},
	    {"bind", SYS_bind, {0}, ENDED, false},
	    {"listen", SYS_listen, {0}, ENDED, false},
	    {"ptrace", SYS_ptrace, {16, 1}, ENDED, true},
	    {"process_vm_readv", SYS_process_vm_readv, {1}, ENDED, true},
	    {"process_vm_writev", SYS_process_vm_writev, {1}, ENDED, false},
	    {"pidfd_open", SYS_pidfd_open, {1}, ENDED, false},
	    {"pidfd_getfd", SYS_pidfd_getfd, {0}, ENDED, false},
	    {"kill", SYS_kill, {1, 0}, ENDED, true},
	    {"tkill", SYS_tkill, {1, 0}, ENDED, false},
	    {"tgkill, another", SYS_tgkill, {1, 1, 0}, ENDED, true},
	    {"mmap, code", SYS_mmap, {0, 4096, CODE, ANON}, ENDED, false},
	    {"mprotect, code", SYS_mprotect, {0, 0, CODE}, ENDED, true},
	    {"pkey_mprotect", SYS_pkey_mprotect, {0, 0, CODE}, ENDED, false},
	    {"memfd_create", SYS_memfd_create, {address("x")}, ENDED, false},
	    {"io_uring_setup", SYS_io_uring_setup, {1}, ENDED, false},
	    {"bpf", SYS_bpf, {0}, ENDED, false},
	    {"keyctl", SYS_keyctl, {0}, ENDED, false},
	    {"userfaultfd", SYS_userfaultfd, {0}, ENDED, false},
	    {"perf_event_open", SYS_perf_event_open, {0}, ENDED, false},
	    {"unshare", SYS_unshare, {CLONE_NEWUSER}, ENDED, false},
	    {"setns", SYS_setns, {0}, ENDED, false},
	    {"mount", SYS_mount, {0}, ENDED, false},
	    {"setuid", SYS_setuid, {0}, ENDED, false},
	    {"setrlimit", SYS_setrlimit, {4, 0}, ENDED, false},
	    {"prctl", SYS_prctl, {4, 1}, ENDED, true},
	    {"ioctl", SYS_ioctl, {0, 0x5412}, ENDED, true},
	    {"shmat", SYS_shmat, {0}, ENDED, false},
	    {"a call that there is not", 4000, {0}, ENDED, false},
#ifdef __x86_64__
	    {"getpid, x32", X32 | SYS_getpid, {0}, ENDED, false},
	    {"open, x32", X32 | SYS_open, {address("/")}, ENDED, false},
#endif
	};

	(void)state;
	each_comes_to(SANDBOX_FRONT, all, sizeof(all) / sizeof(*all));
}

static void
a_strict_worker_is_stopped_at_what_its_module_has_no_need_for(void **state)
{
	const struct attempt all[] = {
	    {"openat", SYS_openat, {AT_FDCWD, address(outside), O_RDONLY},
		EACCES, true},
	    {"creat", SYS_openat,
		{AT_FDCWD, address(outside), O_WRONLY | O_CREAT, 0600}, EACCES,
		false},
	    {"write where it may read", SYS_openat,
		{AT_FDCWD, address("/usr/x"), O_WRONLY | O_CREAT, 0600}, EACCES,
		false},
	    {"unlink", SYS_unlink, {address(outside)}, EACCES, false},
	    {"another's memory", SYS_openat,
		{AT_FDCWD, address("/proc/1/mem"), O_RDWR}, EACCES, false},
	    {"symlink", SYS_symlink, {address("/"), address(inside)}, ENDED,
		false},
	    {"mknod", SYS_mknod, {address(inside), S_IFIFO}, ENDED, false},
	    {"chown", SYS_chown, {address(inside), 0, 0}, ENDED, false},
	    {"truncate", SYS_truncate, {address(outside), 0}, ENDED, false},
	    {"execve", SYS_execve, {address("/bin/true")}, ENDED, false},
	    {"fork", SYS_fork, {0}, ENDED, false},
	    {"vfork", SYS_vfork, {0}, ENDED, false},
	    {"clone, no thread", SYS_clone, {SIGCHLD}, ENDED, true},
	    {"clone3", SYS_clone3, {0}, ENOSYS, false},
	    {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM}, EACCES, false},
	    {"socket, IP", SYS_socket, {AF_INET, SOCK_STREAM}, EACCES, false},
	    {"connect", SYS_connect, {0}, ENDED, false},
	    {"bind", SYS_bind, {0}, ENDED, false},
	    {"ptrace", SYS_ptrace, {16, 1}, ENDED, true},
	    {"process_vm_readv", SYS_process_vm_readv, {1}, ENDED, true},
	    {"process_vm_writev", SYS_process_vm_writev, {1}, ENDED, false},
	    {"pidfd_getfd", SYS_pidfd_getfd, {0}, ENDED, false},
	    {"kill", SYS_kill, {1, 0}, ENDED, true},
	    {"tgkill, another", SYS_tgkill, {1, 1, 0}, ENDED, true},
	    {"mmap, code", SYS_mmap, {0, 4096, CODE, ANON}, ENDED, false},
	    {"mmap, written and run", SYS_mmap,
		{0, 4096, CODE | PROT_WRITE, MAP_PRIVATE}, ENDED, false},
	    {"mprotect, code", SYS_mprotect, {0, 0, CODE}, ENDED, true},
	    {"io_uring_setup", SYS_io_uring_setup, {1}, ENDED, false},
	    {"bpf", SYS_bpf, {0}, ENDED, false},
	    {"keyctl", SYS_keyctl, {0}, ENDED, false},
	    {"userfaultfd", SYS_userfaultfd, {0}, ENDED, false},
	    {"unshare", SYS_unshare, {CLONE_NEWUSER}, ENDED, false},
	    {"setuid", SYS_setuid, {0}, ENDED, false},
	    {"prctl", SYS_prctl, {4, 1}, ENDED, true},
#ifdef __x86_64__
	    {"getpid, x32", X32 | SYS_getpid, {0}, ENDED, false},
#endif
	};

	(void)state;
	each_comes_to(SANDBOX_STRICT, all, sizeof(all) / sizeof(*all));
}

static void
a_module_may_reach_readers_and_hsms_but_no_program(void **state)
{
	const struct attempt all[] = {
	    {"openat", SYS_openat, {AT_FDCWD, address("/etc/passwd")}, 0,
		false},
	    {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM}, 0, false},
	    {"socket, IP", SYS_socket, {AF_INET, SOCK_STREAM}, 0, false},
	    {"socket, packet", SYS_socket, {AF_PACKET, SOCK_RAW}, EAFNOSUPPORT,
		false},
	    {"socket, crypto", SYS_socket, {38, SOCK_SEQPACKET}, EAFNOSUPPORT,
		false},
	    {"execve", SYS_execve, {address("/bin/true")}, EPERM, false},
	    {"execveat", SYS_execveat, {0, address("")}, EPERM, false},
	    {"fork", SYS_fork, {0}, EPERM, false},
	    {"vfork", SYS_vfork, {0}, EPERM, false},
	    {"clone, no thread", SYS_clone, {SIGCHLD}, EPERM, true},
	    {"clone3", SYS_clone3, {0}, ENOSYS, false},
	    {"ptrace", SYS_ptrace, {16, 1}, ENDED, true},
	    {"process_vm_readv", SYS_process_vm_readv, {1}, ENDED, true},
	    {"process_vm_writev", SYS_process_vm_writev, {1}, ENDED, false},
	    {"pidfd_getfd", SYS_pidfd_getfd, {0}, ENDED, false},
	    {"io_uring_setup", SYS_io_uring_setup, {1}, ENDED, false},
	    {"bpf", SYS_bpf, {0}, ENDED, false},
	    {"keyctl", SYS_keyctl, {0}, ENDED, false},
	    {"userfaultfd", SYS_userfaultfd, {0}, ENDED, false},
	    {"unshare", SYS_unshare, {CLONE_NEWUSER}, ENDED, false},
	    {"mount", SYS_mount, {0}, ENDED, false},
	    {"setuid", SYS_setuid, {0}, ENDED, false},
#ifdef __x86_64__
	    {"getpid, x32", X32 | SYS_getpid, {0}, ENDED, false},
#endif
	};

	(void)state;
	each_comes_to(SANDBOX_MODULE, all, sizeof(all) / sizeof(*all));
}

static void
without_a_sandbox_the_same_attempts_get_through(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(
		    open("/etc/passwd", O_RDONLY) != -1 &&
			    socket(AF_UNIX, SOCK_STREAM, 0) != -1 &&
			    mmap(NULL, 4096, CODE, ANON, -1, 0) != MAP_FAILED &&
			    kill(getppid(), 0) == 0
			? 0
			: 1);
	assert_int_equal(outcome(pid), 0);
}

/* What the front does all day, with descriptors that it has. */
static int
front_works(int fd)
{
	struct timespec ts;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c = 0;
	void *m;

	m = malloc(1 << 20);
	if (m == NULL || send(fd, "x", 1, 0) != 1 || poll(&p, 1, 1000) != 1 ||
	    recv(fd, &c, 1, 0) != 1 || fcntl(fd, F_GETFL) == -1 ||
	    clock_gettime(CLOCK_MONOTONIC, &ts) != 0 || time(NULL) == 0)
		return 1;
	free(m);
	return write(STDERR_FILENO, "", 0) == 0 ? 0 : 1;
}

static void
the_front_does_its_work(void **state)
{
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(send(ends[1], "y", 1, 0), 1);
	pid = fork();
	if (pid == 0) {
		enter(SANDBOX_FRONT);
		_exit(front_works(ends[0]));
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(outcome(pid), 0);
}

static void *
thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int
worker_works(void)
{
	char one[96], two[96];
	struct stat st;
	pthread_t t;
	int fd, ran = 0;

	(void)snprintf(one, sizeof(one), "%s/one", inside);
	(void)snprintf(two, sizeof(two), "%s/two", inside);
	fd = open(one, O_RDWR | O_CREAT, 0600);
	if (fd == -1 || write(fd, "x", 1) != 1 || fsync(fd) != 0 ||
	    ftruncate(fd, 0) != 0 || lockf(fd, F_LOCK, 0) != 0 ||
	    close(fd) != 0 || rename(one, two) != 0 || stat(two, &st) != 0 ||
	    unlink(two) != 0)
		return 1;
	fd = open("/usr", O_RDONLY | O_DIRECTORY);
	if (fd == -1 || close(fd) != 0)
		return 2;
	if (pthread_create(&t, NULL, thread, &ran) != 0 ||
	    pthread_join(t, NULL) != 0)
		return 3;
	return ran == 1 ? 0 : 4;
}

static void
a_strict_worker_does_its_work(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		enter(SANDBOX_STRICT);
		_exit(worker_works());
	}
	assert_int_equal(outcome(pid), 0);
}

static void
a_thread_is_inside_as_well(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		enter(SANDBOX_STRICT);
		if (worker_works() == 0)
			(void)syscall(SYS_bpf, 0);
		_exit(0);
	}
	assert_int_equal(outcome(pid), ENDED);
}

static void
a_path_that_must_be_there_and_is_not_is_named(void **state)
{
	const struct sandbox_path gone = {"/no/such/path", SANDBOX_READ, true};
	char text[256] = "";
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(sandbox_enter(SANDBOX_STRICT, &gone, 1, text,
			  sizeof(text)) == SANDBOX_EFAILED &&
			      strstr(text, "/no/such/path") != NULL
			  ? 0
			  : 1);
	assert_int_equal(outcome(pid), 0);
}

/* A directory to be at home in, and a file that is beyond it. */
static int
set_up(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(inside, sizeof(inside), "%s/inside", dir);
	(void)snprintf(outside, sizeof(outside), "%s/outside", dir);
	fd = open(outside, O_WRONLY | O_CREAT, 0600);
	return fd != -1 && close(fd) == 0 ? mkdir(inside, 0700) : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(outside) == 0 && rmdir(inside) == 0 ? rmdir(dir) : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_front_is_ended_at_what_it_has_no_need_for),
	    cmocka_unit_test(
		a_strict_worker_is_stopped_at_what_its_module_has_no_need_for),
	    cmocka_unit_test(
		a_module_may_reach_readers_and_hsms_but_no_program),
	    cmocka_unit_test(without_a_sandbox_the_same_attempts_get_through),
	    cmocka_unit_test(the_front_does_its_work),
	    cmocka_unit_test(a_strict_worker_does_its_work),
	    cmocka_unit_test(a_thread_is_inside_as_well),
	    cmocka_unit_test(a_path_that_must_be_there_and_is_not_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
