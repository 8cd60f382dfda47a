#include "agent/admin.h"

#include <sys/un.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conn.h"
#include "agent/control.h"
#include "agent/secret.h"

#define DEFAULT_SOCKET "/run/sealpoint/control.sock"
#define METRICS_MAX (64u << 20) /* bytes of text that we take */

static_assert((int)ADMIN_TOKENS_MAX == (int)CONTROL_NAMES_MAX, "tokens");

struct admin {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	unsigned timeout_ms;
	struct conn *conn;
	uint8_t packet[512];
	uint8_t reply[PROTO_PACKET_MAX];
};

static int
unreachable(const char *path, int err, struct signer_trouble *why)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return signer_fail(why, SIGNER_EAGENT,
		    "nothing listens on %s; start sealpointd, set control = "
		    "/PATH in its [agent] section, and name that path with "
		    "--control or SEALPOINT_CONTROL",
		    path);
	case EACCES:
		return signer_fail(why, SIGNER_EDENIED,
		    "only root and the agent's own user may connect to %s",
		    path);
	case ETIMEDOUT:
		return signer_fail(why, SIGNER_ETIMEOUT,
		    "what listens on %s gave no answer in time; see the "
		    "agent's log, and try again",
		    path);
	default:
		return signer_fail(why, SIGNER_EAGENT,
		    "what listens on %s hung up (%s): it takes orders from "
		    "root and the agent's own user only, and few at once; see "
		    "the agent's log",
		    path, strerror(err));
	}
}

/* One request over this connection; leaves r at the body of a good reply. */
static int
call_on(struct admin *op, struct conn *n, const char *path, uint8_t *packet,
    size_t len, struct wire_reader *r, struct signer_trouble *why)
{
	uint8_t type = packet[1];
	size_t replylen = sizeof(op->reply);
	struct signer_trouble theirs = {0};
	struct proto_header h;
	int err;

	err = conn_call(
	    n, packet, len, conn_now() + op->timeout_ms, op->reply, &replylen);
	if (err != 0)
		return unreachable(path, err, why);
	if (proto_header_parse(r, op->reply, replylen, &h) != SIGNER_OK ||
	    !h.reply || h.type != type || h.status > -SIGNER_ENOMEM)
		goto strange;
	if (h.status == 0)
		return SIGNER_OK;
	if (proto_failure_parse(r, &theirs) != SIGNER_OK)
		goto strange;
	*why = theirs;
	return -(int)h.status;
strange:
	return signer_fail(why, SIGNER_EPROTO,
	    "what listens on %s does not speak the agent's protocol", path);
}

static int
call(struct admin *op, size_t len, struct wire_reader *r,
    struct signer_trouble *why)
{
	return call_on(op, op->conn, op->path, op->packet, len, r, why);
}

static int
dial(struct admin *op, const char *path, struct conn **n,
    struct signer_trouble *why)
{
	*n = conn_open(path, op->timeout_ms, conn_now() + op->timeout_ms);
	return *n == NULL ? unreachable(path, errno, why) : SIGNER_OK;
}

int
admin_open(struct admin **opp, const char *path, unsigned timeout_ms,
    struct signer_trouble *why)
{
	struct admin *op;
	int r, n;

	*opp = NULL;
	if (path == NULL)
		path = getenv("SEALPOINT_CONTROL");
	if (path == NULL || *path == '\0')
		path = DEFAULT_SOCKET;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return signer_fail(
		    why, SIGNER_ENOMEM, "no memory left; try again");
	op->timeout_ms = timeout_ms == 0 ? ADMIN_TIMEOUT_MS : timeout_ms;
	n = snprintf(op->path, sizeof(op->path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(op->path))
		r = signer_fail(why, SIGNER_EARG,
		    "%s is too long for the path of a socket", path);
	else
		r = dial(op, op->path, &op->conn, why);
	if (r == SIGNER_OK)
		*opp = op;
	else
		admin_close(op);
	return r;
}

void
admin_close(struct admin *op)
{
	if (op == NULL)
		return;
	if (op->conn != NULL)
		conn_unref(op->conn);
	free(op);
}

static int
turn(struct admin *op, enum control_type type, const char *name,
    struct admin_token *tokens, size_t *n, struct signer_trouble *why)
{
	struct control_names names;
	struct wire_reader r;
	int err;

	*n = 0;
	err = call(op,
	    control_name_pack(op->packet, sizeof(op->packet), 0, type,
		name == NULL ? "" : name),
	    &r, why);
	if (err != SIGNER_OK)
		return err;
	if (control_names_reply_parse(&r, &names) != SIGNER_OK)
		return signer_fail(why, SIGNER_EPROTO,
		    "the answer on %s cannot be read", op->path);
	for (; *n < names.n; (*n)++) {
		memcpy(tokens[*n].name, names.all[*n].name,
		    sizeof(tokens[0].name));
		tokens[*n].wants = names.all[*n].wants;
	}
	return SIGNER_OK;
}

int
admin_lock(struct admin *op, const char *name, struct admin_token *tokens,
    size_t *n, struct signer_trouble *why)
{
	return turn(op, CONTROL_LOCK, name, tokens, n, why);
}

int
admin_unlock(struct admin *op, const char *name, struct admin_token *tokens,
    size_t *n, struct signer_trouble *why)
{
	return turn(op, CONTROL_UNLOCK, name, tokens, n, why);
}

/* Packs the PIN where secrets may be, and sends it through the door. */
static int
hand_in(struct admin *op, struct conn *door, const char *path,
    const uint8_t *pin, size_t len, struct signer_trouble *why)
{
	struct wire_reader r;
	struct secret box;
	int err;

	if (secret_init(&box) != 0)
		return signer_fail(why, SIGNER_ENOMEM,
		    "no memory can be locked for the PIN; raise the limit "
		    "memlock");
	box.len =
	    control_pin_pack(box.bytes, CONTROL_PIN_PACKET_MAX, 0, pin, len);
	err = call_on(op, door, path, box.bytes, box.len, &r, why);
	secret_release(&box);
	if (err == SIGNER_OK && control_done_reply_parse(&r) != SIGNER_OK)
		return signer_fail(why, SIGNER_EPROTO,
		    "the answer on %s cannot be read", path);
	return err;
}

int
admin_bring(struct admin *op, const char *name, const uint8_t *pin, size_t len,
    struct signer_trouble *why)
{
	char path[sizeof(op->path) + SIGNER_TOKEN_MAX];
	struct conn *door = NULL;
	int err;

	(void)snprintf(path, sizeof(path), "%s.%s", op->path, name);
	if (strlen(path) >= sizeof(op->path))
		return signer_fail(why, SIGNER_EARG,
		    "%s is too long for the path of a socket", path);
	if (len == 0 || len > CONTROL_PIN_MAX)
		return signer_fail(why, SIGNER_EARG, "a PIN has 1 to %d bytes",
		    CONTROL_PIN_MAX);
	err = dial(op, path, &door, why);
	if (err != SIGNER_OK)
		return err;
	err = hand_in(op, door, path, pin, len, why);
	conn_unref(door);
	return err;
}

/* The next page; grows *text. */
static int
page(struct admin *op, char **text, size_t *len, size_t *total,
    struct signer_trouble *why)
{
	struct control_page p;
	struct wire_reader r;
	char *grown;
	int err;

	err = call(op,
	    control_metrics_pack(
		op->packet, sizeof(op->packet), 0, (uint32_t)*len),
	    &r, why);
	if (err != SIGNER_OK)
		return err;
	if (control_metrics_reply_parse(&r, &p) != SIGNER_OK ||
	    p.total > METRICS_MAX || p.len > p.total - *len ||
	    (p.len == 0 && *len != p.total) || (*len != 0 && p.total != *total))
		return signer_fail(why, SIGNER_EPROTO,
		    "the answer on %s cannot be read", op->path);
	*total = p.total;
	grown = realloc(*text, *len + p.len + 1);
	if (grown == NULL)
		return signer_fail(
		    why, SIGNER_ENOMEM, "no memory left; try again");
	if (p.len != 0)
		memcpy(grown + *len, p.text, p.len);
	*len += p.len;
	grown[*len] = '\0';
	*text = grown;
	return SIGNER_OK;
}

int
admin_metrics(
    struct admin *op, char **text, size_t *len, struct signer_trouble *why)
{
	size_t total = 0;
	int err;

	*text = NULL;
	*len = 0;
	do
		err = page(op, text, len, &total, why);
	while (err == SIGNER_OK && *len < total);
	if (err != SIGNER_OK) {
		free(*text);
		*text = NULL;
		*len = 0;
	}
	return err;
}

int
admin_probe(struct admin *op, unsigned index, struct admin_probe *probe,
    struct signer_trouble *why)
{
	struct control_probe b;
	struct wire_reader r;
	int err;

	memset(probe, 0, sizeof(*probe));
	err = call(op,
	    control_probe_pack(
		op->packet, sizeof(op->packet), 0, (uint16_t)index),
	    &r, why);
	if (err != SIGNER_OK)
		return err;
	if (control_probe_reply_parse(&r, &b) != SIGNER_OK)
		return signer_fail(why, SIGNER_EPROTO,
		    "the answer on %s cannot be read", op->path);
	memcpy(probe->name, b.name, sizeof(probe->name));
	memcpy(probe->sha1, b.sha1, sizeof(probe->sha1));
	probe->err = b.err;
	probe->us = b.us;
	probe->why.err = b.err;
	probe->why.ckr = b.ckr;
	memcpy(probe->why.text, b.trouble, sizeof(probe->why.text));
	return SIGNER_OK;
}

int
admin_reload(struct admin *op, struct signer_trouble *why)
{
	struct wire_reader r;
	int err;

	err = call(op, control_reload_pack(op->packet, sizeof(op->packet), 0),
	    &r, why);
	if (err == SIGNER_OK && control_done_reply_parse(&r) != SIGNER_OK)
		return signer_fail(why, SIGNER_EPROTO,
		    "the answer on %s cannot be read", op->path);
	return err;
}
