#include "mp/attachment.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "mp/text.h"
#include "mp/xml.h"

#define PIECE 65536 /* bytes of a file that are read at once */

/* The attachment that is under way. */
struct passage {
	const struct mp_attachment *a;
	const struct mp_sink *out;
	struct mp_text text;
	uint64_t written;
};

/*
 * Bytes before the text proper: a BOM of UTF-8, and a declaration that names
 * an encoding, as it would not be true any more.
 */
static size_t
preamble(const uint8_t *data, size_t len)
{
	size_t skip = len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	const uint8_t *start = data + skip, *end;

	len -= skip;
	if (len < 6 || memcmp(start, "<?xml ", 6) != 0)
		return skip;
	end = memmem(start, len, "?>", 2);
	if (end == NULL ||
	    memmem(start, (size_t)(end - start), "encoding", 8) == NULL)
		return skip;
	return (size_t)(end + 2 - data);
}

static bool
wide(const uint8_t *data, size_t len)
{
	return len >= 2 && (memcmp(data, "\xFF\xFE", 2) == 0 ||
			       memcmp(data, "\xFE\xFF", 2) == 0);
}

/* Some bytes, the first of all or later ones. *used as in mp_text_put(). */
static int
pass(struct passage *p, const uint8_t *data, size_t len, bool last,
    size_t *used, struct mp_error *e)
{
	size_t skip = 0;
	int r;

	*used = len;
	if (!p->a->xml) {
		p->written += len;
		return p->out->put(p->out->ctx, data, len, e);
	}
	if (p->written == 0 && wide(data, len))
		return mp_fail(e, MP_EARG,
		    "it is UTF-16 already; convert it to UTF-8, from which "
		    "it is made UTF-16 again");
	if (p->written == 0) {
		skip = preamble(data, len);
		p->text.taken = skip; /* to name bytes rightly */
		p->written = 2;
		r = p->out->put(p->out->ctx, "\xFF\xFE", 2, e);
		if (r != MP_OK)
			return r;
	}
	r = mp_text_put(&p->text, data + skip, len - skip, last, used, e);
	*used += skip;
	return r;
}

static int
open_regular(const char *path, int *fd, struct mp_error *e)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return mp_fail(
		    e, MP_EARG, "it cannot be opened (%s)", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return mp_fail(
		    e, MP_EARG, "it is no regular file; name one that is");
	return MP_OK;
}

/* As many bytes as there are, up to `room`. */
static int
read_piece(int fd, uint8_t *data, size_t room, size_t *len, struct mp_error *e)
{
	ssize_t n = 1;

	*len = 0;
	while (n != 0 && *len < room) {
		n = read(fd, data + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mp_fail(e, MP_EARG, "it cannot be read (%s)",
			    strerror(errno));
		*len += (size_t)n;
	}
	return MP_OK;
}

static int
pass_file(struct passage *p, int fd, uint8_t *piece, struct mp_error *e)
{
	size_t have = 0, n = 0, used;
	bool last = false;
	int r;

	while (!last) {
		r = read_piece(fd, piece + have, PIECE - have, &n, e);
		if (r != MP_OK)
			return r;
		last = n < PIECE - have;
		have += n;
		if (have == 0)
			break;
		r = pass(p, piece, have, last, &used, e);
		if (r != MP_OK)
			return r;
		have -= used;
		memmove(piece, piece + used, have);
	}
	return MP_OK;
}

/* The same bytes again, for a second look. */
struct source {
	const uint8_t *data; /* in memory, or NULL */
	size_t len;
	int fd;
};

static int
reread(void *ctx, char *data, int room)
{
	struct source *s = ctx;
	size_t n = (size_t)room;
	ssize_t got;

	if (s->data == NULL) {
		do
			got = read(s->fd, data, n);
		while (got < 0 && errno == EINTR);
		return (int)got;
	}
	n = s->len < n ? s->len : n;
	memcpy(data, s->data, n);
	s->data += n;
	s->len -= n;
	return (int)n;
}

/*
 * Is what went out XML as a whole? Too long a report is not read at once by
 * those who made it an attachment, and comes here with nothing checked but
 * its beginning. A sink keeps nothing of what is refused.
 */
static int
check(const struct passage *p, struct source *s, struct mp_error *e)
{
	int r;

	if (!p->a->xml || p->a->checked || p->text.written == 0)
		return MP_OK;
	if (s->data == NULL && lseek(s->fd, 0, SEEK_SET) != 0)
		return mp_fail(e, MP_EARG, "it cannot be read twice (%s)",
		    strerror(errno));
	r = mp_xml_check(reread, s, "it", e);
	if (r == MP_EREPLY && e != NULL)
		e->code = MP_EARG;
	return r == MP_EREPLY ? MP_EARG : r;
}

static int
put_file(struct passage *p, struct mp_error *e)
{
	uint8_t *piece = NULL;
	int fd = -1, r;

	r = open_regular(p->a->path, &fd, e);
	if (r != MP_OK)
		goto out;
	piece = malloc(PIECE);
	if (piece == NULL)
		r = mp_fail(e, MP_ENOMEM, "no memory to read it");
	else
		r = pass_file(p, fd, piece, e);
	if (r == MP_OK)
		r = check(p, &(struct source){.fd = fd}, e);
out:
	if (piece != NULL)
		OPENSSL_cleanse(piece, PIECE);
	free(piece);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int
mp_attachment_put(const struct mp_attachment *a, const struct mp_sink *out,
    uint64_t *len, struct mp_error *e)
{
	struct passage p = {.a = a, .out = out};
	struct source whole = {.data = a->data, .len = a->len};
	size_t used;
	int r = MP_OK;

	*len = 0;
	mp_text_init(&p.text, out);
	if (a->path != NULL)
		r = put_file(&p, e);
	else if (a->data != NULL && a->len > 0 &&
		 (r = pass(&p, a->data, a->len, true, &used, e)) == MP_OK)
		r = check(&p, &whole, e);
	if (r == MP_OK && p.written + p.text.written <= (a->xml ? 2u : 0u))
		r = mp_fail(e, MP_EARG,
		    "it is empty; attach what there is to say, or nothing");
	*len = p.written + p.text.written;
	mp_text_release(&p.text);
	if (r != MP_OK) {
		*len = 0;
		return mp_fail_in(e, "attachment %.80s%s%.400s", a->name,
		    a->path != NULL ? " from " : "",
		    a->path != NULL ? a->path : "");
	}
	return MP_OK;
}
