#include "agent/supervisor/crew.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/link.h"
#include "agent/log.h"
#include "agent/mark.h"
#include "version.h"

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

static bool
used(const struct crew *c, unsigned i)
{
	return c->conf->tokens[i].name[0] != '\0';
}

/* Hands the front its end of the socket to a new worker. */
static int
introduce(const struct crew *c, unsigned i, int fd)
{
	const struct link_worker w = {(uint16_t)i, c->workers[i].starts};
	uint8_t p[16];

	return link_send(c->ctl, p,
	    link_worker_pack(p, sizeof(p), LINK_WORKER, &w), NULL, 0, fd,
	    MSG_DONTWAIT);
}

/*
 * A worker that was ended in the middle of a login leaves open whether its
 * PIN was right. What this token accepted before, the next one knows from
 * here: from memory, which ends with the daemon.
 */
static int
memory(struct crew *c, unsigned i)
{
	int fd;

	if (c->memory[i] != 0)
		return c->memory[i];
	fd = memfd_create("logins", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (ftruncate(fd, CREW_MEMORY_LEN) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) !=
		0) {
		(void)close(fd);
		return -1;
	}
	c->memory[i] = fd;
	return fd;
}

/* Starts the program with these descriptors, and what its PIN needs. */
static int
start_with(struct crew *c, unsigned i, char *const *argv, int link)
{
	int fds[4] = {link, c->snapshot, memory(c, i), -1}, r, saved;
	bool wanted, ours;

	if (fds[2] == -1)
		return -1;
	fds[3] =
	    pinsource_lend(&c->pins[i], &c->conf->tokens[i], &wanted, &ours);
	if (wanted && fds[3] == -1)
		return -1;
	r = child_start(&c->workers[i], argv, fds, wanted ? 4 : 3);
	saved = errno;
	if (ours)
		(void)close(fds[3]);
	errno = saved;
	return r;
}

/* In the place of a worker that never was: the front waits for none. */
static void
speak_for(const struct crew *c, unsigned i, int link, int err)
{
	struct link_state s;
	uint8_t p[1024];

	memset(&s, 0, sizeof(s));
	s.since = (uint64_t)time(NULL);
	s.why.retry = true;
	s.err = signer_fail(&s.why, SIGNER_EDEVICE,
	    "token %s: %s cannot be started: %s; it is tried again",
	    c->conf->tokens[i].name, c->workers[i].program, strerror(err));
	log_line(LOG_LEVEL_ERROR, "%s", s.why.text);
	(void)link_send(link, p, link_state_pack(p, sizeof(p), &s), NULL, 0, -1,
	    MSG_DONTWAIT);
}

static void
start_worker(struct crew *c, unsigned i)
{
	struct child *w = &c->workers[i];
	char restarts[16], parent[16];
	char *argv[] = {
	    argument(w->program),
	    argument(c->conf->tokens[i].name),
	    digits(restarts, sizeof(restarts), w->starts),
	    digits(parent, sizeof(parent), (unsigned long)getpid()),
	    argument(SEALPOINT_VERSION),
	    NULL,
	};
	int ends[2];

	if (!pair(ends)) {
		log_line(LOG_LEVEL_ERROR,
		    "%s cannot be started: no socket to it: %s", w->program,
		    strerror(errno));
		child_ended(w);
		return;
	}
	if (start_with(c, i, argv, ends[1]) != 0) {
		speak_for(c, i, ends[1], errno);
		child_ended(w);
	}
	/* If it fails, the front is going; all start again with it. */
	if (introduce(c, i, ends[0]) != 0 && w->pid != 0)
		(void)kill(w->pid, SIGKILL);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
lend(const struct crew *c, int fd, enum link_kind kind)
{
	uint8_t p[64];
	size_t len = link_audit_pack(p, sizeof(p), kind, &c->audit.last);

	if (fd == -1 || c->ctl == -1)
		return;
	/* One that cannot be told would refuse every use for ever. */
	if (link_send(c->ctl, p, len, NULL, 0, fd, MSG_DONTWAIT) != 0)
		(void)kill(c->front.pid, SIGKILL);
}

void
crew_lend_audit(const struct crew *c)
{
	const struct auditfile *a = &c->audit;

	lend(c, a->next != -1 ? a->next : a->fd, LINK_AUDIT);
}

/* To a new front: where the last one ended, and what it was to go on in. */
static void
lend_all(struct crew *c)
{
	char text[2 * CONF_TEXT_MAX];

	if (auditfile_resume(&c->audit, text, sizeof(text)) != 0)
		log_line(LOG_LEVEL_ERROR, "audit: %s", text);
	lend(c, c->audit.fd, LINK_AUDIT);
	lend(c, c->audit.next, LINK_AUDIT);
}

/* Whoever removed it meant what stands in it not to be read. */
static void
renew_audit(struct crew *c)
{
	char text[2 * CONF_TEXT_MAX];

	log_line(LOG_LEVEL_ERROR,
	    "audit: %s was removed while it was written, and what stood in "
	    "it is gone; a new one is begun",
	    c->audit.path);
	if (auditfile_renew(&c->audit, text, sizeof(text)) != 0)
		log_line(LOG_LEVEL_ERROR, "audit: %s", text);
	else
		lend(c, c->audit.next, LINK_AUDIT_GONE);
}

void
crew_audited(struct crew *c, const struct audit_chain *at, bool full)
{
	bool turning = c->audit.next != -1;
	char text[2 * CONF_TEXT_MAX];

	if (auditfile_note(&c->audit, at, text, sizeof(text)) != 0)
		log_line(LOG_LEVEL_ERROR, "audit: %s", text);
	if (auditfile_removed(&c->audit)) {
		renew_audit(c);
		return;
	}
	if (!full || turning)
		return;
	if (auditfile_turn(&c->audit, text, sizeof(text)) != 0)
		log_line(LOG_LEVEL_ERROR,
		    "audit: %s; the log goes on in the file that is full",
		    text);
	else
		crew_lend_audit(c);
}

static void
tell_mark(const struct crew *c, const struct link_mark *m)
{
	uint8_t p[LINK_MARK_MAX];

	(void)link_send(c->ctl, p, link_mark_pack(p, sizeof(p), LINK_MARKED, m),
	    NULL, 0, -1, MSG_DONTWAIT);
}

/* The front takes what it is not told of for locked. */
static void
tell_marks(const struct crew *c, const struct conf *conf)
{
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		const char *name = conf->tokens[i].name;
		struct link_mark m = {.id = 0};

		if (name[0] == '\0')
			continue;
		(void)snprintf(m.token, sizeof(m.token), "%s", name);
		m.on = mark_is_set(conf->state, name);
		tell_mark(c, &m);
	}
}

void
crew_mark(struct crew *c, const struct link_mark *asked)
{
	struct link_mark m = *asked;
	int r;

	/* A token that is gone has no lock; and no name may be any file's. */
	if (c->ctl == -1 || conf_token_index(c->conf, m.token) == -1)
		return;
	r = m.on ? mark_set(c->conf->state, m.token)
		 : mark_clear(c->conf->state, m.token);
	m.err = r == 0 ? 0 : (uint32_t)errno;
	tell_mark(c, &m);
}

static void
start_front(struct crew *c)
{
	char parent[16];
	char *argv[] = {
	    argument(c->front.program),
	    digits(parent, sizeof(parent), (unsigned long)getpid()),
	    argument(SEALPOINT_VERSION),
	    NULL,
	};
	int ends[2], fds[4];

	if (!pair(ends)) {
		log_line(LOG_LEVEL_ERROR,
		    "%s cannot be started: no socket to it: %s",
		    c->front.program, strerror(errno));
		child_ended(&c->front);
		return;
	}
	fds[0] = c->listener;
	fds[1] = ends[1];
	fds[2] = c->snapshot;
	fds[3] = c->control;
	if (child_start(&c->front, argv, fds, c->control == -1 ? 3 : 4) == 0) {
		c->ctl = ends[0];
		tell_marks(c, c->conf);
		lend_all(c);
	} else {
		log_line(LOG_LEVEL_ERROR, "%s cannot be started: %s",
		    c->front.program, strerror(errno));
		child_ended(&c->front);
		(void)close(ends[0]);
	}
	(void)close(ends[1]);
}

/* Waits this worker only for its time to start? */
static bool
waits(const struct crew *c, unsigned i)
{
	return c->ctl != -1 && used(c, i) && c->workers[i].pid == 0;
}

void
crew_tend(struct crew *c)
{
	uint64_t now = child_now();

	if (c->front.pid == 0 && c->front.due <= now)
		start_front(c);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (waits(c, i) && c->workers[i].due <= now)
			start_worker(c, i);
}

int
crew_patience(const struct crew *c)
{
	uint64_t now = child_now(), next = UINT64_MAX;

	if (c->front.pid == 0)
		next = c->front.due;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (waits(c, i) && c->workers[i].due < next)
			next = c->workers[i].due;
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

void
crew_signal(const struct crew *c, int sig)
{
	if (c->front.pid != 0)
		(void)kill(c->front.pid, sig);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (c->workers[i].pid != 0)
			(void)kill(c->workers[i].pid, sig);
}

bool
crew_alive(const struct crew *c)
{
	if (c->front.pid != 0)
		return true;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (c->workers[i].pid != 0)
			return true;
	return false;
}

static void
forsake(const struct child *child, const char *what, const char *name)
{
	if (child->pid != 0)
		log_line(LOG_LEVEL_ERROR,
		    "%s%s (pid %d) does not end, though it was killed: it is "
		    "stuck in the kernel, perhaps in the driver of its device; "
		    "sealpointd ends without it",
		    what, name, (int)child->pid);
}

void
crew_forsake(const struct crew *c)
{
	forsake(&c->front, "the front process", "");
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		forsake(&c->workers[i], "the process of token ",
		    c->conf->tokens[i].name);
}

/* Did its sandbox end it? Says so: it is an attack, or a fault of ours. */
static bool
walled(const char *what, const char *name, int wstatus, const char *advice)
{
	if (!WIFSIGNALED(wstatus) || WTERMSIG(wstatus) != SIGSYS)
		return false;
	log_line(LOG_LEVEL_ERROR,
	    "%s%s tried a system call that its sandbox forbids, and was "
	    "ended; the kernel's log (type 1326) says which call%s",
	    what, name, advice);
	return true;
}

/* What only the front knew is lost with it: the workers start afresh too. */
static void
front_ended(struct crew *c, int wstatus, bool quiet)
{
	if (!walled("the front process", "", wstatus, "") && !quiet)
		log_line(LOG_LEVEL_ERROR,
		    "the front process ended (%s %d); all start again",
		    WIFSIGNALED(wstatus) ? "signal" : "status",
		    WIFSIGNALED(wstatus) ? WTERMSIG(wstatus)
					 : WEXITSTATUS(wstatus));
	child_ended(&c->front);
	(void)close(c->ctl);
	c->ctl = -1;
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (c->workers[i].pid != 0)
			(void)kill(c->workers[i].pid, SIGKILL);
}

void
crew_reaped(struct crew *c, pid_t pid, int wstatus, bool quiet)
{
	if (pid == c->front.pid) {
		front_ended(c, wstatus, quiet);
		return;
	}
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		if (pid == c->workers[i].pid) {
			(void)walled("the process of token ",
			    c->conf->tokens[i].name, wstatus,
			    "; if its module needs that, see sandbox in "
			    "sealpointd.conf(5)");
			child_ended(&c->workers[i]);
			pinsource_abandon(&c->pins[i]);
		}
		(void)pinsource_reaped(&c->pins[i], pid);
	}
}

void
crew_end_worker(struct crew *c, unsigned index, uint32_t generation)
{
	if (index < CONF_TOKENS_MAX && c->workers[index].pid != 0 &&
	    c->workers[index].starts == generation)
		(void)kill(c->workers[index].pid, SIGKILL);
}

void
crew_worker_ready(struct crew *c, unsigned index, uint32_t generation)
{
	if (index < CONF_TOKENS_MAX && c->workers[index].starts == generation)
		child_ready(&c->workers[index]);
}

int
crew_prepare(
    struct crew *c, const struct conf *next, char *text, size_t textlen)
{
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		pinsource_init(&c->next[i]);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
		const struct conf_token *t = &next->tokens[i];

		if (t->name[0] == '\0' ||
		    pinsource_fits(&c->conf->tokens[i], t) ||
		    pinsource_open(
			&c->next[i], next, t, false, text, textlen) == 0)
			continue;
		crew_relent(c);
		return -1;
	}
	return 0;
}

void
crew_relent(struct crew *c)
{
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		pinsource_close(&c->next[i]);
}

/*
 * Ends the worker of a token that is gone, or described anew. What came over
 * a pipe for its PIN does not come again, so that is kept.
 */
static void
renew(struct crew *c, unsigned i, const struct conf *next)
{
	if (!pinsource_fits(&c->conf->tokens[i], &next->tokens[i])) {
		pinsource_close(&c->pins[i]);
		c->pins[i] = c->next[i];
	}
	if (strcmp(c->conf->tokens[i].name, next->tokens[i].name) != 0 &&
	    c->memory[i] != 0) {
		(void)close(c->memory[i]);
		c->memory[i] = 0;
	}
	if (c->workers[i].pid != 0)
		(void)kill(c->workers[i].pid, SIGKILL);
	/* What it suffered under the old description counts no more. */
	c->workers[i].delay_ms = 0;
	c->workers[i].due = 0;
}

void
crew_reload(struct crew *c, const struct conf *next, int snapshot)
{
	uint8_t p[4];

	(void)close(c->snapshot);
	c->snapshot = snapshot;
	if (c->ctl != -1 &&
	    link_send(c->ctl, p, link_word_pack(p, sizeof(p), LINK_CONF), NULL,
		0, snapshot, MSG_DONTWAIT) != 0)
		(void)kill(c->front.pid, SIGKILL);
	if (c->ctl != -1)
		tell_marks(c, next);
	for (unsigned i = 0; i < CONF_TOKENS_MAX; i++)
		if (!conf_token_same(&c->conf->tokens[i], &next->tokens[i]))
			renew(c, i, next);
	*c->conf = *next;
}

int
crew_check(const struct crew *c)
{
	const char *missing = NULL;

	if (child_check(c->front.program) != 0)
		missing = c->front.program;
	else if (child_check(c->workers[0].program) != 0)
		missing = c->workers[0].program;
	if (missing == NULL)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "the program %s is neither beside sealpointd nor in its libexec "
	    "directory; install Sealpoint again",
	    missing);
	return -1;
}
