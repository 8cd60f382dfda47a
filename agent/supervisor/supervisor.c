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
#include "agent/snapshot.h"
#include "agent/supervisor/who.h"

#define STOP_MS 3000   /* between asking children to end and ending them */
#define KILL_MS 5000   /* that a child has which was ended */
#define BEATS_MISSED 3 /* in a row: the front hangs */
#define READY "READY=1\nSTATUS=serving"

/* Asks the front whether it is well. */
static void
beat(struct supervisor *s)
{
	uint8_t p[4];

	s->unanswered++;
	(void)link_send(s->crew.ctl, p, link_beat_pack(p, sizeof(p), true),
	    NULL, 0, -1, MSG_DONTWAIT);
}

/*
 * With a watchdog the front is asked several times in each of its periods;
 * without one only until it was ready once, so that an idle agent sleeps.
 */
static void
keep_time(struct supervisor *s)
{
	uint64_t now = child_now();

	if (s->crew.ctl == -1)
		return;
	/* A new one owes no answer of the last, which may have ended mute. */
	if (s->asked != s->crew.front.starts) {
		s->asked = s->crew.front.starts;
		s->unanswered = 0;
		s->next_beat = now;
		s->ready = false;
	}
	if (s->next_beat > now ||
	    (s->notify.watchdog_ms == 0 && s->unanswered > 0))
		return;
	if (s->unanswered >= BEATS_MISSED) {
		log_line(LOG_LEVEL_ERROR,
		    "the front process answers nothing; it is ended and "
		    "started again");
		(void)kill(s->crew.front.pid, SIGKILL);
		s->unanswered = 0;
	}
	beat(s);
	s->next_beat = s->notify.watchdog_ms == 0
			   ? UINT64_MAX
			   : now + s->notify.watchdog_ms / (BEATS_MISSED + 2);
}

/* The front's answer. */
static void
answered(struct supervisor *s, bool well)
{
	s->unanswered = 0;
	if (!s->ready)
		notify_say(&s->notify, READY);
	s->ready = true;
	/* While a worker hangs, and does not end, we are not well either. */
	if (well && s->notify.watchdog_ms != 0)
		notify_say(&s->notify, "WATCHDOG=1");
}

static void
stop(struct supervisor *s, int status)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->status = status;
	notify_say(&s->notify, "STOPPING=1");
	crew_signal(&s->crew, SIGTERM);
}

/* What cannot change while the daemon runs; NULL if all of it is as it was. */
static const char *
fixed(const struct conf *now, const struct conf *next)
{
	if (strcmp(now->socket, next->socket) != 0)
		return "socket";
	if (strcmp(now->control, next->control) != 0)
		return "control";
	if (strcmp(now->state, next->state) != 0)
		return "state";
	if (now->uid != next->uid || now->gid != next->gid)
		return "user";
	return now->clients != next->clients ? "clients" : NULL;
}

/*
 * All of the next configuration that can fail, so that nothing of ours has
 * changed when it does. Its snapshot, or -1 with a sentence.
 */
static int
prepare(struct supervisor *s, struct conf *next, char *text, size_t textlen)
{
	const char *held;
	bool fresh;
	int snapshot = -1;

	if (snapshot_take(s->file, next, text, textlen) != 0)
		return -1;
	held = fixed(s->crew.conf, next);
	if (held != NULL) {
		(void)snprintf(text, textlen,
		    "%s: %s of [agent] changes only when sealpointd is "
		    "restarted",
		    s->file, held);
		return -1;
	}
	conf_align(next, s->crew.conf);
	snapshot = snapshot_seal(next);
	if (snapshot == -1) {
		(void)snprintf(text, textlen,
		    "no memory for the configuration: %s", strerror(errno));
		return -1;
	}
	if (crew_prepare(&s->crew, next, text, textlen) != 0)
		goto fail;
	if (auditfile_follow(&s->crew.audit, next, &fresh, text, textlen) !=
	    0) {
		crew_relent(&s->crew);
		goto fail;
	}
	/* First the file, so that the front has it when it is to write. */
	if (fresh)
		crew_lend_audit(&s->crew);
	return snapshot;
fail:
	(void)close(snapshot);
	return -1;
}

/*
 * Reads the file again; what is wrong with it changes nothing. Done with it
 * we are when the front says that it follows the new rules, or another front
 * its first word.
 */
static void
reload(struct supervisor *s)
{
	static struct conf next; /* large */
	char text[CONF_TEXT_MAX];
	int snapshot;

	if (s->stopping)
		return;
	notify_reloading(&s->notify);
	snapshot = prepare(s, &next, text, sizeof(text));
	if (snapshot != -1) {
		crew_reload(&s->crew, &next, snapshot);
		log_line(LOG_LEVEL_INFO, "%s was read again", s->file);
		return;
	}
	log_line(
	    LOG_LEVEL_ERROR, "the configuration stays as it was: %s", text);
	if (s->ready)
		notify_say(&s->notify, READY);
}

/* Tells the front which program a client runs. */
static void
tell_program(const struct supervisor *s, const struct link_who *who)
{
	struct link_program g;
	uint8_t p[1024];
	int pidfd;

	who_look(s->crew.conf, who, &g, &pidfd);
	(void)link_send(s->crew.ctl, p, link_program_pack(p, sizeof(p), &g),
	    NULL, 0, pidfd, MSG_DONTWAIT);
	if (pidfd != -1)
		(void)close(pidfd);
}

/*
 * One word of the front: it answers, tells of a worker, or asks who somebody
 * is. False if there is none.
 */
static bool
heard(struct supervisor *s)
{
	struct wire_reader r;
	struct link_worker w;
	struct link_mark m;
	struct link_who who;
	struct audit_chain at;
	uint8_t p[LINK_MARK_MAX], kind;
	bool well;
	int fd;
	long n = link_recv(s->crew.ctl, p, sizeof(p), &fd, MSG_DONTWAIT);

	if (fd != -1)
		(void)close(fd);
	/* Nothing more comes, and poll() would say so without end. */
	if (n == 0)
		(void)kill(s->crew.front.pid, SIGKILL);
	/* Ended with words of ours unread, it first says so. */
	if (n <= 0)
		return n == -1 && errno == ECONNRESET;
	kind = link_kind_get(&r, p, (size_t)n);
	if (kind == LINK_KILL && link_worker_parse(&r, &w) == SIGNER_OK)
		crew_end_worker(&s->crew, w.index, w.generation);
	else if (kind == LINK_MARK && link_mark_parse(&r, &m) == SIGNER_OK)
		crew_mark(&s->crew, &m);
	else if (kind == LINK_CONF && s->cmd == NULL)
		reload(s);
	else if (kind == LINK_READY && link_worker_parse(&r, &w) == SIGNER_OK)
		crew_worker_ready(&s->crew, w.index, w.generation);
	else if ((kind == LINK_AUDIT_HEAD || kind == LINK_AUDIT_NEXT) &&
		 link_audit_parse(&r, &at) == SIGNER_OK)
		crew_audited(&s->crew, &at, kind == LINK_AUDIT_NEXT);
	else if (kind == LINK_BEAT && link_beat_parse(&r, &well) == SIGNER_OK)
		answered(s, well);
	else if (kind == LINK_WHO && link_who_parse(&r, &who) == SIGNER_OK)
		tell_program(s, &who);
	else if (kind == LINK_FOLLOWED && s->ready)
		notify_say(&s->notify, READY);
	return true;
}

/* A child that ended and is not yet reaped, so that its number is its own. */
static pid_t
ended(void)
{
	siginfo_t si = {0};

	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0
		   ? si.si_pid
		   : 0;
}

static void
reap(struct supervisor *s)
{
	int wstatus;
	pid_t pid;

	while ((pid = ended()) > 0) {
		/* What it said last, as how far the audit log reaches. */
		while (
		    pid == s->crew.front.pid && s->crew.ctl != -1 && heard(s))
			;
		if (waitpid(pid, &wstatus, WNOHANG) != pid)
			return;
		if (s->cmd != NULL && pid == s->cmd->pid)
			stop(s, command_status(wstatus));
		else
			crew_reaped(&s->crew, pid, wstatus, s->stopping);
	}
}

/*
 * Every token forgets its PIN: if the front does not take the word, because
 * all start afresh.
 */
static void
drop(const struct supervisor *s)
{
	uint8_t p[4];

	if (s->crew.ctl != -1 &&
	    link_send(s->crew.ctl, p, link_word_pack(p, sizeof(p), LINK_DROP),
		NULL, 0, -1, MSG_DONTWAIT) != 0)
		(void)kill(s->crew.front.pid, SIGKILL);
}

static void
signalled(struct supervisor *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(s);
		} else if (si.ssi_signo == SIGUSR1) {
			drop(s);
		} else if (s->cmd == NULL) {
			if (si.ssi_signo == SIGHUP)
				reload(s);
			else
				stop(s, 0);
		} else if (si.ssi_signo != SIGINT) {
			/* SIGINT reached it from the terminal by itself. */
			(void)kill(s->cmd->pid, (int)si.ssi_signo);
		}
	}
}

/* Waits for events, timeout_ms at most (-1: for ever). */
static void
watch(struct supervisor *s, int timeout_ms)
{
	struct pollfd p[2 + CONF_TOKENS_MAX] = {
	    {.fd = s->signals, .events = POLLIN},
	    {.fd = s->crew.ctl, .events = POLLIN}, /* -1 is passed over */
	};

	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		p[2 + i].fd = s->crew.pins[i].socket;
		p[2 + i].events = POLLIN;
	}
	if (poll(p, 2 + CONF_TOKENS_MAX, timeout_ms) <= 0)
		return;
	if ((p[1].revents & POLLIN) != 0)
		(void)heard(s);
	else if (p[1].revents != 0)
		(void)kill(s->crew.front.pid, SIGKILL);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (p[2 + i].revents != 0)
			pinsource_serve(
			    &s->crew.pins[i], &s->crew.conf->tokens[i]);
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
	(void)sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Ms to wait: for a child that is due, or for the next beat. */
static int
patience(const struct supervisor *s)
{
	int ms = crew_patience(&s->crew);
	uint64_t now = child_now();

	if (s->crew.ctl == -1 || s->next_beat == UINT64_MAX)
		return ms;
	if (s->next_beat <= now)
		return 0;
	return ms == -1 || s->next_beat - now < (uint64_t)ms
		   ? (int)(s->next_beat - now)
		   : ms;
}

/* Watches until no child is left, or the time is over. */
static void
see_off(struct supervisor *s, unsigned ms)
{
	uint64_t end = child_now() + ms;

	while (crew_alive(&s->crew) && child_now() < end)
		watch(s, 50);
}

/* All children end, if need be by force. Of one that is inside the kernel even
 * that can fail, and whoever waits for us is not to wait for it. */
static void
wind_up(struct supervisor *s)
{
	see_off(s, STOP_MS);
	crew_signal(&s->crew, SIGKILL);
	see_off(s, KILL_MS);
	if (crew_alive(&s->crew)) {
		crew_forsake(&s->crew);
		s->status = s->status == 0 ? 1 : s->status;
	}
	if (s->crew.ctl != -1)
		(void)close(s->crew.ctl);
	(void)close(s->signals);
	(void)close(s->crew.snapshot);
}

int
supervisor_run(struct supervisor *s)
{
	s->crew.ctl = -1;
	s->crew.front.program = "sealpoint-front";
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		s->crew.workers[i].program = "sealpoint-token";
	if (crew_check(&s->crew) != 0)
		return 1;
	s->signals = catch_signals();
	if (s->signals == -1) {
		log_line(LOG_LEVEL_ERROR, "signalfd: %s", strerror(errno));
		return 1;
	}
	crew_tend(&s->crew);
	if (s->cmd != NULL && command_go(s->cmd, s->crew.conf->socket) != 0)
		stop(s, 1);
	while (!s->stopping) {
		keep_time(s);
		watch(s, patience(s));
		if (!s->stopping)
			crew_tend(&s->crew);
	}
	wind_up(s);
	return s->status;
}
