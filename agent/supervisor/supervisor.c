#include "agent/supervisor/supervisor.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/link.h"
#include "agent/log.h"
#include "agent/supervisor/child.h"
#include "version.h"

#define STOP_MS 3000 /* between asking children to end and ending them */

struct supervisor {
	const struct conf *conf;
	const char *file;
	struct command *cmd;
	int snapshot; /* of the configuration */
	int listener;
	int signals; /* signalfd */
	int ctl;     /* to the front; -1 if it does not run */
	struct child front;
	struct child workers[CONF_TOKENS_MAX];
	bool stopping;
	int status; /* to exit with */
};

static bool
pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

/* The numbers that children want as arguments. */
static char *
digits(char *buf, size_t room, unsigned long v)
{
	(void)snprintf(buf, room, "%lu", v);
	return buf;
}

/* execv() does not write to its arguments, but cannot say so. */
static char *
argument(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = {s};

	return u.out;
}

/* Hands the front its end of the socket to a new worker. */
static int
introduce(const struct supervisor *s, unsigned i, int fd)
{
	const struct link_worker w = {(uint16_t)i, s->workers[i].starts};
	uint8_t p[16];

	return link_send(s->ctl, p,
	    link_worker_pack(p, sizeof(p), LINK_WORKER, &w), NULL, 0, fd,
	    MSG_DONTWAIT);
}

static void
start_worker(struct supervisor *s, unsigned i)
{
	struct child *c = &s->workers[i];
	char restarts[16], parent[16];
	char *argv[] = {
	    argument(c->program),
	    argument(s->conf->tokens[i].name),
	    digits(restarts, sizeof(restarts), c->starts),
	    digits(parent, sizeof(parent), (unsigned long)getpid()),
	    argument(SEALPOINT_VERSION),
	    NULL,
	};
	int ends[2], fds[2];

	if (!pair(ends)) {
		child_ended(c);
		return;
	}
	fds[0] = ends[1];
	fds[1] = s->snapshot;
	if (child_start(c, argv, fds, 2) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s cannot be started: %s",
		    c->program, strerror(errno));
		child_ended(c);
	} else if (introduce(s, i, ends[0]) != 0) {
		/* The front is going; all start again with it. */
		(void)kill(c->pid, SIGKILL);
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
start_front(struct supervisor *s)
{
	char parent[16];
	char *argv[] = {
	    argument(s->front.program),
	    digits(parent, sizeof(parent), (unsigned long)getpid()),
	    argument(SEALPOINT_VERSION),
	    NULL,
	};
	int ends[2], fds[3];

	if (!pair(ends)) {
		child_ended(&s->front);
		return;
	}
	fds[0] = s->listener;
	fds[1] = ends[1];
	fds[2] = s->snapshot;
	if (child_start(&s->front, argv, fds, 3) == 0) {
		s->ctl = ends[0];
	} else {
		log_line(LOG_LEVEL_ERROR, "%s cannot be started: %s",
		    s->front.program, strerror(errno));
		child_ended(&s->front);
		(void)close(ends[0]);
	}
	(void)close(ends[1]);
}

/* Starts what is due. */
static void
tend(struct supervisor *s)
{
	uint64_t now = child_now();

	if (s->stopping)
		return;
	if (s->front.pid == 0 && s->front.due <= now)
		start_front(s);
	for (unsigned i = 0; i < s->conf->ntokens && s->ctl != -1; i++)
		if (s->workers[i].pid == 0 && s->workers[i].due <= now)
			start_worker(s, i);
}

static void
signal_all(const struct supervisor *s, int sig)
{
	if (s->front.pid != 0)
		(void)kill(s->front.pid, sig);
	for (unsigned i = 0; i < s->conf->ntokens; i++)
		if (s->workers[i].pid != 0)
			(void)kill(s->workers[i].pid, sig);
}

static void
stop(struct supervisor *s, int status)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->status = status;
	signal_all(s, SIGTERM);
}

/* What only the front knew is lost with it: the workers start afresh too. */
static void
front_ended(struct supervisor *s, int wstatus)
{
	if (!s->stopping)
		log_line(LOG_LEVEL_ERROR,
		    "the front process ended (%s %d); all "
		    "start again",
		    WIFSIGNALED(wstatus) ? "signal" : "status",
		    WIFSIGNALED(wstatus) ? WTERMSIG(wstatus)
					 : WEXITSTATUS(wstatus));
	child_ended(&s->front);
	(void)close(s->ctl);
	s->ctl = -1;
	for (unsigned i = 0; i < s->conf->ntokens; i++)
		if (s->workers[i].pid != 0)
			(void)kill(s->workers[i].pid, SIGKILL);
}

static void
reap(struct supervisor *s)
{
	int wstatus;
	pid_t pid;

	while ((pid = waitpid(-1, &wstatus, WNOHANG)) > 0) {
		if (pid == s->front.pid)
			front_ended(s, wstatus);
		else if (s->cmd != NULL && pid == s->cmd->pid)
			stop(s, command_status(wstatus));
		for (unsigned i = 0; i < s->conf->ntokens; i++)
			if (pid == s->workers[i].pid)
				child_ended(&s->workers[i]);
	}
}

static void
signalled(struct supervisor *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(s);
		} else if (s->cmd == NULL) {
			stop(s, 0);
		} else if (si.ssi_signo != SIGINT) {
			/* SIGINT reached it from the terminal by itself. */
			(void)kill(s->cmd->pid, (int)si.ssi_signo);
		}
	}
}

/* The front asks for the end of a worker that hangs. */
static void
asked(struct supervisor *s)
{
	struct wire_reader r;
	struct link_worker w;
	uint8_t p[64];
	int fd;
	long n = link_recv(s->ctl, p, sizeof(p), &fd, MSG_DONTWAIT);

	if (fd != -1)
		(void)close(fd);
	if (n <= 0 || link_kind_get(&r, p, (size_t)n) != LINK_KILL ||
	    link_worker_parse(&r, &w) != SIGNER_OK ||
	    w.index >= s->conf->ntokens)
		return;
	if (s->workers[w.index].pid != 0 &&
	    s->workers[w.index].starts == w.generation)
		(void)kill(s->workers[w.index].pid, SIGKILL);
}

/* Ms until the next child is due; -1 if none waits. */
static int
patience(const struct supervisor *s)
{
	uint64_t now = child_now(), next = UINT64_MAX;

	if (s->front.pid == 0)
		next = s->front.due;
	for (unsigned i = 0; i < s->conf->ntokens && s->ctl != -1; i++)
		if (s->workers[i].pid == 0 && s->workers[i].due < next)
			next = s->workers[i].due;
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static bool
alive(const struct supervisor *s)
{
	if (s->front.pid != 0)
		return true;
	for (unsigned i = 0; i < s->conf->ntokens; i++)
		if (s->workers[i].pid != 0)
			return true;
	return false;
}

/* Waits for one event, timeout_ms at most (-1: for ever). */
static void
watch(struct supervisor *s, int timeout_ms)
{
	struct pollfd p[2] = {
	    {.fd = s->signals, .events = POLLIN},
	    {.fd = s->ctl, .events = POLLIN}, /* -1 is passed over */
	};

	if (poll(p, 2, timeout_ms) <= 0)
		return;
	if ((p[1].revents & POLLIN) != 0)
		asked(s);
	else if (p[1].revents != 0)
		(void)kill(s->front.pid, SIGKILL);
	if (p[0].revents != 0)
		signalled(s);
}

static int
catch_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The programs are part of the installation: without them nothing works. */
static int
check_programs(const struct supervisor *s)
{
	const char *missing = NULL;

	if (child_check(s->front.program) != 0)
		missing = s->front.program;
	else if (child_check(s->workers[0].program) != 0)
		missing = s->workers[0].program;
	if (missing == NULL)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "the program %s is neither beside sealpointd "
	    "nor in its libexec directory; install Sealpoint again",
	    missing);
	return -1;
}

int
supervisor_run(const struct conf *conf, const char *file, int snapshot,
    int listener, struct command *cmd)
{
	static struct supervisor s;
	uint64_t end;

	s = (struct supervisor){.conf = conf,
	    .file = file,
	    .cmd = cmd,
	    .snapshot = snapshot,
	    .listener = listener,
	    .ctl = -1};
	s.front.program = "sealpoint-front";
	for (unsigned i = 0; i < conf->ntokens; i++)
		s.workers[i].program = "sealpoint-token";
	if (check_programs(&s) != 0) {
		(void)unlink(conf->socket);
		return 1;
	}
	s.signals = catch_signals();
	if (s.signals == -1) {
		log_line(LOG_LEVEL_ERROR, "signalfd: %s", strerror(errno));
		return 1;
	}
	tend(&s);
	if (cmd != NULL && command_go(cmd, conf->socket) != 0)
		stop(&s, 1);
	while (!s.stopping) {
		watch(&s, patience(&s));
		tend(&s);
	}
	(void)unlink(conf->socket);
	for (end = child_now() + STOP_MS; alive(&s) && child_now() < end;)
		watch(&s, 50);
	signal_all(&s, SIGKILL);
	while (alive(&s))
		watch(&s, 50);
	if (s.ctl != -1)
		(void)close(s.ctl);
	(void)close(s.signals);
	(void)close(listener);
	(void)close(snapshot);
	return s.status;
}
