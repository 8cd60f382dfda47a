#include "agent/front/auditor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/front/auditseal.h"
#include "agent/front/overseer.h"
#include "agent/front/program.h"
#include "agent/hash.h"
#include "agent/log.h"
#include "version.h"

#define BUFFER_MAX (256u << 10) /* bytes of records still to be written */
#define NOTE_S 1                /* between two words on how far it reaches */
#define DENIALS_MAX 100         /* records of refusals in one second */
#define AGAIN_BYTES (1u << 20)  /* of a full file, if no other one came */

struct auditor {
	struct front *front;
	int fd, next; /* next: to go on in when all is written; or -1 */
	struct audit_chain chain, head;
	uint64_t size, ask_at; /* bytes: of the file, and when to ask */
	struct event *turn, *note;
	bool gone;     /* the file before `next` was removed */
	bool turned;   /* the supervisor does not know yet that it has begun */
	int err;       /* errno of a write that failed; 0: all is well */
	uint64_t lost; /* records that found no place */
	uint64_t second, denials, more; /* of refusals */
	size_t len, done;               /* of buf: used, and written */
	char buf[BUFFER_MAX];
};

static uint64_t
clock_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool
auditor_on(const struct front *f)
{
	return f->conf->audit.path[0] != '\0';
}

const struct audit_chain *
auditor_chain(const struct front *f)
{
	const struct auditor *a = f->auditor;

	return a->fd == -1 || a->err != 0 ? NULL : &a->chain;
}

/* One more line into the buffer; false if it found no place. */
static bool
pack(struct auditor *a, struct audit_record *r)
{
	size_t n = 0;

	r->time_us = clock_us();
	if (a->fd != -1)
		n = audit_pack(
		    &a->chain, r, a->buf + a->len, sizeof(a->buf) - a->len);
	if (n == 0)
		a->lost++;
	a->len += n;
	event_active(a->turn, EV_TIMEOUT, 0);
	return n != 0;
}

/* A record that only counts others; the count begins anew. */
static void
pack_count(struct auditor *a, enum audit_event event, uint64_t *count)
{
	struct audit_record r = {.event = event, .count = *count};

	if (*count == 0 || a->fd == -1 ||
	    sizeof(a->buf) - a->len < 2 * AUDIT_LINE_MAX)
		return;
	*count = 0;
	(void)pack(a, &r);
}

static void
open_record(struct auditor *a, enum audit_reason reason)
{
	struct audit_record r = {.event = AUDIT_OPEN, .reason = reason};

	(void)snprintf(r.version, sizeof(r.version), "%s", SEALPOINT_VERSION);
	memcpy(r.prev, a->chain.value, sizeof(r.prev));
	(void)pack(a, &r);
}

static void
failed(struct auditor *a, int err)
{
	const struct conf_audit *c = &a->front->conf->audit;

	if (a->err == 0)
		log_line(LOG_LEVEL_ERROR, "audit: %s cannot be written: %s; %s",
		    c->path, strerror(err),
		    c->carry_on
			? "keys are used all the same (audit-full = go), and "
			  "records will be missing"
			: "no key is used until it can (audit-full = stop)");
	a->err = err;
}

static void
recovered(struct auditor *a)
{
	log_line(LOG_LEVEL_INFO,
	    "audit: %s can be written again; %llu records are missing",
	    a->front->conf->audit.path, (unsigned long long)a->lost);
	a->err = 0;
}

static void switch_file(struct auditor *a);

/* Writes what is in the buffer. */
static void
flush(struct auditor *a)
{
	const struct timeval soon = {NOTE_S, 0};
	bool wrote;
	ssize_t n;

	if (a->fd == -1)
		return;
	wrote = a->len != 0;
	while (a->done < a->len) {
		n = write(a->fd, a->buf + a->done, a->len - a->done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			failed(a, n == 0 ? ENOSPC : errno);
			break;
		}
		a->done += (size_t)n;
		a->size += (size_t)n;
	}
	memmove(a->buf, a->buf + a->done, a->len - a->done);
	a->len -= a->done;
	a->done = 0;
	if (a->len != 0)
		return;
	if (a->err != 0)
		recovered(a);
	if (wrote && !event_pending(a->note, EV_TIMEOUT, NULL))
		(void)event_add(a->note, &soon);
	if (wrote && a->turned) {
		a->turned = false;
		(void)overseer_audit(a->front->overseer, &a->chain, false);
	}
	pack_count(a, AUDIT_LOST, &a->lost);
	/* All in the old one before the first in the new one. */
	if (a->next != -1 && a->len == 0)
		switch_file(a);
}

/* Asks for another file when this one has its size. */
static void
measure(struct auditor *a)
{
	if (a->fd == -1 || a->len != 0 || a->size < a->ask_at)
		return;
	if (overseer_audit(a->front->overseer, &a->chain, true) == 0)
		a->ask_at = a->size + AGAIN_BYTES;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct auditor *a = arg;

	(void)fd;
	(void)what;
	flush(a);
	measure(a);
	auditseal_tend(a->front);
}

/* Who else writes to it, or cuts it off, is seen by its size. */
static void
check_size(struct auditor *a)
{
	off_t end = a->fd == -1 ? -1 : lseek(a->fd, 0, SEEK_END);

	if (end == -1 || (uint64_t)end == a->size)
		return;
	log_line(LOG_LEVEL_ERROR,
	    "audit: %s has %llu bytes, and should have %llu: somebody emptied, "
	    "cut or changed it; see sealpoint audit verify",
	    a->front->conf->audit.path, (unsigned long long)end,
	    (unsigned long long)a->size);
	a->size = (uint64_t)end;
}

/* The refusals of a second that has passed are counted out, too. */
static void
on_note(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {NOTE_S, 0};
	struct auditor *a = arg;

	(void)fd;
	(void)what;
	pack_count(a, AUDIT_MORE, &a->more);
	flush(a);
	check_size(a);
	if (a->fd != -1 && a->len == 0 &&
	    overseer_audit(a->front->overseer, &a->chain, false) != 0)
		(void)event_add(a->note, &soon);
}

/* A new file, which must be empty: the chain goes on in it. */
static void
switch_file(struct auditor *a)
{
	const struct conf_audit *c = &a->front->conf->audit;

	(void)close(a->fd);
	a->fd = a->next;
	a->next = -1;
	a->size = 0;
	a->ask_at = (uint64_t)c->size_mib << 20;
	a->turned = true;
	open_record(a, a->gone ? AUDIT_GONE : AUDIT_ROTATED);
	auditseal_due(a->front);
}

/* The file ends in the middle of a record: that is told, not mended. */
static void
tell_torn(struct auditor *a, const char *piece, size_t len)
{
	struct audit_record r = {.event = AUDIT_TORN, .count = len};

	r.digest.len = AUDIT_CHAIN_LEN;
	(void)audit_digest(piece, len, r.digest.data);
	a->buf[0] = '\n';
	a->len = 1;
	(void)pack(a, &r);
	log_line(LOG_LEVEL_WARNING,
	    "audit: the log ended in the middle of a record; its record %llu "
	    "tells of it",
	    (unsigned long long)r.number);
}

/* Records that were written are not there: their numbers stay free. */
static void
tell_cut(struct auditor *a, uint64_t last)
{
	struct audit_record r = {
	    .event = AUDIT_CUT, .count = a->chain.number + 1};

	if (a->chain.number < last)
		a->chain.number = last;
	(void)pack(a, &r);
	log_line(LOG_LEVEL_ERROR,
	    "audit: records %llu to %llu are gone from the log, or were "
	    "changed; see sealpoint audit verify",
	    (unsigned long long)r.count, (unsigned long long)r.number - 1);
}

/* Where the log ended when it was last written, by its own last bytes. */
static void
pick_up(struct auditor *a, const struct audit_chain *head)
{
	char *tail = a->buf + AUDIT_LINE_MAX * 4;
	struct audit_chain last;
	size_t len, torn;
	ssize_t got;
	off_t end;
	int r;

	/* The sandbox knows no fstat(). */
	end = lseek(a->fd, 0, SEEK_END);
	a->size = end < 0 ? 0 : (uint64_t)end;
	len = a->size < AUDIT_TAIL_MAX ? (size_t)a->size : AUDIT_TAIL_MAX;
	got = pread(a->fd, tail, len, (off_t)(a->size - len));
	len = got < 0 ? 0 : (size_t)got;
	if (a->size == 0) {
		a->chain = *head;
		return;
	}
	r = audit_tail(tail, len, len == a->size, &last, &torn);
	a->chain = last;
	if (torn != 0)
		tell_torn(a, tail + len - torn, torn);
	if (r != 0 || last.number < head->number)
		tell_cut(a, r != 0 && head->number <= a->chain.number
				? a->chain.number + 1
				: head->number);
}

static void
begin(struct auditor *a, int fd, const struct audit_chain *head)
{
	bool gone;

	a->fd = fd;
	a->len = a->done = 0;
	a->err = 0;
	pick_up(a, head);
	gone = a->size == 0 && head->number != 0;
	if (gone)
		log_line(LOG_LEVEL_ERROR,
		    "audit: %s holds no record, though %llu were written: it "
		    "was emptied, removed or moved away; the log goes on with "
		    "record %llu, and sealpoint audit verify tells of it",
		    a->front->conf->audit.path,
		    (unsigned long long)head->number,
		    (unsigned long long)head->number + 1);
	a->ask_at = (uint64_t)a->front->conf->audit.size_mib << 20;
	if (a->size != 0 && head->number == 0)
		log_line(LOG_LEVEL_WARNING,
		    "audit: audit-head in the state directory told nothing, "
		    "though %s has records: if its end was cut off before this "
		    "start, nobody can tell",
		    a->front->conf->audit.path);
	open_record(a, gone ? AUDIT_GONE : AUDIT_START);
	flush(a);
	auditseal_due(a->front);
}

void
auditor_take(struct front *f, int fd, const struct audit_chain *head, bool gone)
{
	struct auditor *a = f->auditor;

	if (a->fd == -1) {
		begin(a, fd, head);
		return;
	}
	if (a->next != -1)
		(void)close(a->next);
	a->next = fd;
	a->gone = gone;
	flush(a);
}

static void
shut(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

void
auditor_reload(struct front *f)
{
	struct auditor *a = f->auditor;

	auditseal_reload(f);
	a->ask_at = (uint64_t)f->conf->audit.size_mib << 20;
	if (auditor_on(f))
		return;
	flush(a);
	shut(&a->fd);
	shut(&a->next);
	a->len = a->done = 0;
}

/* Who asks for what; what is signed stands there as its hash. */
static void
describe(struct audit_record *r, const struct ask *a,
    const struct signer_identity *key, const struct policy_request *what)
{
	const struct program *g = &a->p->program;

	r->uid = a->p->who.uid;
	r->gid = a->p->who.gid;
	r->pid = (uint64_t)a->sender;
	if (g->known && g->pid == a->sender)
		(void)snprintf(r->exe, sizeof(r->exe), "%s", g->path);
	if (key != NULL) {
		memcpy(r->sha1, key->sha1, sizeof(r->sha1));
		memcpy(r->key, key->sha256, sizeof(r->key));
	}
	if (what == NULL || what->use == 0)
		return;
	r->op = what->use == SIGNER_USE_TLS       ? AUDIT_TLS
		: what->use == SIGNER_USE_DECRYPT ? AUDIT_DECRYPT
						  : AUDIT_SIGN;
	r->scheme = (uint64_t)what->scheme;
	r->hash = (uint64_t)what->hash;
}

/* The hash that goes to the token; of a ciphertext, and of what is signed
 * unhashed, SHA-256. */
static void
digest(struct audit_bytes *out, const struct policy_request *what,
    const uint8_t *data, size_t len)
{
	enum signer_hash h = what->hash;

	if (what->digest && len <= SIGNER_HASH_MAX) {
		memcpy(out->data, data, len);
		out->len = len;
		return;
	}
	if (what->use == SIGNER_USE_DECRYPT || h == SIGNER_HASH_NONE)
		h = SIGNER_SHA256;
	out->len = hash_make(h, data, len, out->data);
}

/* Nothing can be written, and must be: the request ends here. */
static bool
refuse(struct ask *ask)
{
	const struct auditor *a = ask->f->auditor;
	const char *path = ask->f->conf->audit.path;

	if (a->fd == -1)
		ask_refuse(ask, SIGNER_EBUSY, true,
		    "no key is used before the audit log %s is open; try again",
		    path);
	else
		ask_refuse(ask, SIGNER_EDEVICE, true,
		    "no key is used while the audit log %s cannot be written: "
		    "%s; make room, or set audit-full = go in sealpointd.conf",
		    path, a->err != 0 ? strerror(a->err) : "no memory");
	return false;
}

bool
auditor_allow(struct ask *ask, const struct signer_identity *key,
    const struct policy_request *what, const uint8_t *data, size_t len)
{
	struct auditor *a = ask->f->auditor;
	bool go = ask->f->conf->audit.carry_on;
	struct audit_record r = {.event = AUDIT_USE};

	if (!auditor_on(ask->f) || (ask->k != NULL && ask->k->record != 0))
		return true;
	if (a->err != 0)
		flush(a);
	if (a->fd == -1 || a->err != 0) {
		a->lost++;
		return go || refuse(ask);
	}
	describe(&r, ask, key, what);
	digest(&r.digest, what, data, len);
	if (!pack(a, &r))
		return go || refuse(ask);
	flush(a);
	ask->record = r.number;
	if (ask->k != NULL)
		ask->k->record = r.number;
	return a->err == 0 || go || refuse(ask);
}

/* The end of the use with that number. */
static void
end(struct front *f, uint64_t of, uint64_t us, const char *token,
    uint64_t result, uint32_t ckr, uint32_t token_us)
{
	struct audit_record r = {.event = AUDIT_END,
	    .of = of,
	    .us = us,
	    .result = result,
	    .ckr = ckr,
	    .token_us = token_us};

	(void)snprintf(r.token, sizeof(r.token), "%s", token);
	(void)pack(f->auditor, &r);
}

static void
end_ticket(struct front *f, struct ticket *k, uint64_t result, uint32_t ckr,
    uint32_t token_us)
{
	uint64_t of = k->record;

	k->record = 0;
	if (of != 0)
		end(f, of, front_now_us() - k->arrived_us,
		    k->sent != 0 ? f->conf->tokens[k->worker].name : "", result,
		    ckr, token_us);
}

void
auditor_end(
    struct front *f, struct ticket *k, int err, uint32_t ckr, uint32_t token_us)
{
	end_ticket(f, k, (uint64_t)-err, ckr, token_us);
}

void
auditor_lose(struct front *f, struct ticket *k)
{
	end_ticket(f, k, AUDIT_RESULT_LOST, 0, 0);
}

void
auditor_drop(const struct ask *a, int err)
{
	if (a->record != 0)
		end(a->f, a->record, 0, "", (uint64_t)-err, 0, 0);
}

void
auditor_deny(const struct ask *ask, const struct signer_identity *key,
    const struct policy_request *what, int err, const char *why)
{
	struct audit_record r = {.event = AUDIT_DENY, .result = (uint64_t)-err};
	struct auditor *a = ask->f->auditor;
	uint64_t second = clock_us() / 1000000;

	if (!auditor_on(ask->f))
		return;
	if (second != a->second) {
		a->second = second;
		a->denials = 0;
		pack_count(a, AUDIT_MORE, &a->more);
	}
	/* Strangers must not be able to fill the disk. */
	if (++a->denials > DENIALS_MAX) {
		a->more++;
		return;
	}
	describe(&r, ask, key, what);
	(void)snprintf(r.why, sizeof(r.why), "%s", why);
	(void)pack(a, &r);
}

void
auditor_add(struct front *f, struct audit_record *r)
{
	(void)pack(f->auditor, r);
}

/*
 * The first hash reads OpenSSL's settings, the first date the time zone: now,
 * as later there is no file to be had.
 */
static void
warm_up(struct auditor *a)
{
	struct audit_record r = {.event = AUDIT_OPEN};
	struct audit_chain none = {0};

	(void)audit_pack(&none, &r, a->buf, sizeof(a->buf));
}

struct auditor *
auditor_open(struct front *f)
{
	struct auditor *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->front = f;
	a->fd = a->next = -1;
	warm_up(a);
	/* A limit on the file's size is to be told by write(). */
	(void)signal(SIGXFSZ, SIG_IGN);
	a->turn = event_new(f->base, -1, 0, on_turn, a);
	a->note = event_new(f->base, -1, 0, on_note, a);
	if (a->turn != NULL && a->note != NULL)
		return a;
	if (a->turn != NULL)
		event_free(a->turn);
	free(a);
	return NULL;
}

void
auditor_close(struct auditor *a)
{
	if (a == NULL)
		return;
	for (struct ticket *k = tickets_first(a->front->tickets); k != NULL;
	     k = k->next)
		auditor_lose(a->front, k);
	pack_count(a, AUDIT_MORE, &a->more);
	flush(a);
	if (a->fd != -1 && a->len == 0)
		(void)overseer_audit(a->front->overseer, &a->chain, false);
	event_free(a->turn);
	event_free(a->note);
	shut(&a->fd);
	shut(&a->next);
	free(a);
}
