#include "agent/link.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/proto.h"
#include "version.h"

static void
start(struct wire_writer *w, uint8_t *p, size_t cap, enum link_kind kind)
{
	wire_write(w, p, cap);
	wire_put_u8(w, (uint8_t)kind);
}

size_t
link_beat_pack(uint8_t *p, size_t cap, bool well)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_BEAT);
	wire_put_u8(&w, well ? 1 : 0);
	return wire_len(&w);
}

int
link_beat_parse(struct wire_reader *r, bool *well)
{
	*well = wire_get_u8(r) == 1;
	return proto_finish(r);
}

bool
link_same_build(const char *version)
{
	return strcmp(version, SEALPOINT_VERSION) == 0;
}

uint8_t
link_kind_get(struct wire_reader *r, const uint8_t *p, size_t len)
{
	wire_read(r, p, len);
	return wire_get_u8(r);
}

size_t
link_request_pack(uint8_t *p, size_t cap, const struct link_request *q)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_REQUEST);
	wire_put_u64(&w, q->ticket);
	wire_put_u32(&w, q->client.slot);
	wire_put_u32(&w, q->client.serial);
	return wire_len(&w);
}

int
link_request_parse(struct wire_reader *r, struct link_request *q)
{
	q->ticket = wire_get_u64(r);
	q->client.slot = wire_get_u32(r);
	q->client.serial = wire_get_u32(r);
	return r->bad ? SIGNER_EPROTO : SIGNER_OK;
}

size_t
link_gone_pack(uint8_t *p, size_t cap, struct link_client c)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_GONE);
	wire_put_u32(&w, c.slot);
	wire_put_u32(&w, c.serial);
	return wire_len(&w);
}

int
link_gone_parse(struct wire_reader *r, struct link_client *c)
{
	c->slot = wire_get_u32(r);
	c->serial = wire_get_u32(r);
	return proto_finish(r);
}

size_t
link_word_pack(uint8_t *p, size_t cap, enum link_kind kind)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	return wire_len(&w);
}

static size_t
outcome(uint8_t *p, size_t cap, enum link_kind kind, const struct link_done *d)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	wire_put_u64(&w, d->ticket);
	wire_put_u16(&w, d->status);
	wire_put_u32(&w, d->token_us);
	return wire_len(&w);
}

size_t
link_done_pack(uint8_t *p, size_t cap, const struct link_done *d)
{
	return outcome(p, cap, LINK_DONE, d);
}

int
link_done_parse(struct wire_reader *r, struct link_done *d)
{
	d->ticket = wire_get_u64(r);
	d->status = wire_get_u16(r);
	d->token_us = wire_get_u32(r);
	return proto_finish(r);
}

size_t
link_reply_pack(uint8_t *p, size_t cap, const struct link_done *d)
{
	return outcome(p, cap, LINK_REPLY, d);
}

int
link_reply_parse(struct wire_reader *r, struct link_done *d)
{
	d->ticket = wire_get_u64(r);
	d->status = wire_get_u16(r);
	d->token_us = wire_get_u32(r);
	return r->bad ? SIGNER_EPROTO : SIGNER_OK;
}

size_t
link_state_pack(uint8_t *p, size_t cap, const struct link_state *s)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_STATE);
	wire_put_u16(&w, (uint16_t)-s->err);
	wire_put_u8(&w, s->rescan);
	wire_put_u32(&w, s->why.ckr);
	wire_put_u8(&w, s->why.retry);
	wire_put_u64(&w, s->since);
	wire_put_str(&w, s->label);
	wire_put_str(&w, s->why.text);
	return wire_len(&w);
}

int
link_state_parse(struct wire_reader *r, struct link_state *s)
{
	s->err = -(int)wire_get_u16(r);
	s->rescan = wire_get_u8(r) != 0;
	s->why.ckr = wire_get_u32(r);
	s->why.retry = wire_get_u8(r) != 0;
	s->since = wire_get_u64(r);
	wire_get_str(r, s->label, sizeof(s->label));
	wire_get_str(r, s->why.text, sizeof(s->why.text));
	return proto_finish(r);
}

size_t
link_catalogue_pack(uint8_t *p, size_t cap, const struct link_catalogue *c)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_CATALOGUE);
	wire_put_u32(&w, c->from);
	wire_put_u32(&w, c->total);
	wire_put_u16(&w, (uint16_t)c->n);
	for (size_t i = 0; i < c->n; i++)
		proto_identity_put(&w, &c->ids[i]);
	return wire_len(&w);
}

int
link_catalogue_parse(struct wire_reader *r, struct link_catalogue *c)
{
	c->from = wire_get_u32(r);
	c->total = wire_get_u32(r);
	c->n = wire_get_u16(r);
	if (c->n > LINK_PAGE)
		return SIGNER_EPROTO;
	for (size_t i = 0; i < c->n; i++)
		proto_identity_get(r, &c->ids[i]);
	return proto_finish(r);
}

size_t
link_worker_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct link_worker *k)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	wire_put_u16(&w, k->index);
	wire_put_u32(&w, k->generation);
	return wire_len(&w);
}

int
link_worker_parse(struct wire_reader *r, struct link_worker *k)
{
	k->index = wire_get_u16(r);
	k->generation = wire_get_u32(r);
	return proto_finish(r);
}

static void
who_put(struct wire_writer *w, const struct link_who *q)
{
	wire_put_u32(w, q->client.slot);
	wire_put_u32(w, q->client.serial);
	wire_put_u32(w, q->pid);
}

static void
who_get(struct wire_reader *r, struct link_who *q)
{
	q->client.slot = wire_get_u32(r);
	q->client.serial = wire_get_u32(r);
	q->pid = wire_get_u32(r);
}

size_t
link_who_pack(uint8_t *p, size_t cap, const struct link_who *q)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_WHO);
	who_put(&w, q);
	return wire_len(&w);
}

int
link_who_parse(struct wire_reader *r, struct link_who *q)
{
	who_get(r, q);
	return proto_finish(r);
}

size_t
link_program_pack(uint8_t *p, size_t cap, const struct link_program *g)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_PROGRAM);
	who_put(&w, &g->who);
	wire_put_u64(&w, g->sections);
	wire_put_str(&w, g->path);
	wire_put_str(&w, g->trouble);
	return wire_len(&w);
}

int
link_program_parse(struct wire_reader *r, struct link_program *g)
{
	who_get(r, &g->who);
	g->sections = wire_get_u64(r);
	wire_get_str(r, g->path, sizeof(g->path));
	wire_get_str(r, g->trouble, sizeof(g->trouble));
	return proto_finish(r);
}

size_t
link_order_pack(uint8_t *p, size_t cap, enum link_kind kind, uint32_t id)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	wire_put_u32(&w, id);
	return wire_len(&w);
}

int
link_order_parse(struct wire_reader *r, uint32_t *id)
{
	*id = wire_get_u32(r);
	return proto_finish(r);
}

size_t
link_mark_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct link_mark *m)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	wire_put_str(&w, m->token);
	wire_put_u32(&w, m->id);
	wire_put_u8(&w, m->on);
	wire_put_u32(&w, m->err);
	return wire_len(&w);
}

int
link_mark_parse(struct wire_reader *r, struct link_mark *m)
{
	wire_get_str(r, m->token, sizeof(m->token));
	m->id = wire_get_u32(r);
	m->on = wire_get_u8(r) != 0;
	m->err = wire_get_u32(r);
	return proto_finish(r);
}

size_t
link_probed_pack(uint8_t *p, size_t cap, const struct link_probed *b)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_PROBED);
	wire_put_u32(&w, b->id);
	wire_put_u16(&w, (uint16_t)-b->err);
	wire_put_bytes(&w, b->sha1, sizeof(b->sha1));
	wire_put_u32(&w, b->us);
	wire_put_u32(&w, b->why.ckr);
	wire_put_u8(&w, b->why.retry);
	wire_put_str(&w, b->why.text);
	return wire_len(&w);
}

int
link_probed_parse(struct wire_reader *r, struct link_probed *b)
{
	b->id = wire_get_u32(r);
	b->err = -(int)wire_get_u16(r);
	wire_get_bytes(r, b->sha1, sizeof(b->sha1));
	b->us = wire_get_u32(r);
	b->why.ckr = wire_get_u32(r);
	b->why.retry = wire_get_u8(r) != 0;
	wire_get_str(r, b->why.text, sizeof(b->why.text));
	return proto_finish(r);
}

size_t
link_counted_pack(uint8_t *p, size_t cap, const struct link_counted *c)
{
	struct wire_writer w;

	start(&w, p, cap, LINK_COUNTED);
	wire_put_u32(&w, c->id);
	wire_put_u64(&w, c->identities);
	wire_put_u64(&w, c->sessions);
	wire_put_u64(&w, c->signatures);
	wire_put_u64(&w, c->decryptions);
	wire_put_u64(&w, c->logins);
	wire_put_u64(&w, c->searches);
	wire_put_u64(&w, c->recoveries);
	wire_put_u64(&w, c->retries);
	return wire_len(&w);
}

int
link_counted_parse(struct wire_reader *r, struct link_counted *c)
{
	c->id = wire_get_u32(r);
	c->identities = wire_get_u64(r);
	c->sessions = wire_get_u64(r);
	c->signatures = wire_get_u64(r);
	c->decryptions = wire_get_u64(r);
	c->logins = wire_get_u64(r);
	c->searches = wire_get_u64(r);
	c->recoveries = wire_get_u64(r);
	c->retries = wire_get_u64(r);
	return proto_finish(r);
}

size_t
link_audit_pack(
    uint8_t *p, size_t cap, enum link_kind kind, const struct audit_chain *c)
{
	struct wire_writer w;

	start(&w, p, cap, kind);
	wire_put_u64(&w, c->number);
	wire_put_bytes(&w, c->value, sizeof(c->value));
	return wire_len(&w);
}

int
link_audit_parse(struct wire_reader *r, struct audit_chain *c)
{
	c->number = wire_get_u64(r);
	wire_get_bytes(r, c->value, sizeof(c->value));
	return proto_finish(r);
}

/* Room for the one descriptor that a packet may carry. */
union ride {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int
link_send(int sock, const void *head, size_t headlen, const void *body,
    size_t bodylen, int fd, int flags)
{
	/* sendmsg() reads only; struct iovec cannot say so. */
	union {
		const void *in;
		void *out;
	} h = {head}, b = {body};
	struct iovec iov[2] = {{h.out, headlen}, {b.out, bodylen}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = bodylen ? 2 : 1};
	union ride ride;
	struct cmsghdr *c;
	ssize_t sent;

	if (fd != -1) {
		memset(&ride, 0, sizeof(ride));
		m.msg_control = ride.space;
		m.msg_controllen = sizeof(ride.space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		sent = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -1 : 0;
}

/* The descriptor that rode along. There is room for two: then it is none. */
static int
only(const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[sizeof(union ride) / sizeof(int)];

	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	if (n == 1)
		return fds[0];
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
	return -1;
}

long
link_recv(int sock, void *buf, size_t room, int *fd, int flags)
{
	struct iovec iov = {buf, room};
	union ride ride;
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = ride.space,
	    .msg_controllen = sizeof(ride.space),
	};
	ssize_t got;

	*fd = -1;
	do
		got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	while (got == -1 && errno == EINTR);
	if (got < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL;
	     c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			*fd = only(c);
	if ((m.msg_flags & MSG_TRUNC) == 0)
		return got;
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
	errno = EMSGSIZE;
	return -1;
}
