#include "tests/unit/mp/actor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *
actor_field(struct actor *a, const char *before, const char *after, char *out)
{
	return vector_between(&a->v.header, before, after, out, ACTOR_FIELD);
}

void
actor_enter(struct actor *a, const char *name, const char *cert)
{
	static const uint8_t any[SIGNER_SHA1_LEN];
	struct signer_trouble why;
	struct mp_error e;
	char text[ACTOR_FIELD];

	memset(a, 0, sizeof(*a));
	vector_load(&a->v, name);
	a->recorded.cert = vector_cert(cert);
	a->recorded.hex[0] = vector_between(
	    &a->v.xml, "<SignatureValue>", "<", a->sig[0], ACTOR_FIELD);
	a->recorded.hex[1] =
	    actor_field(a, "\"ClientIDSignature\">", "<", a->sig[1]);
	a->recorded.hex[2] =
	    actor_field(a, "\"PayloadSignature\">", "<", a->sig[2]);
	vector_signer(&a->recorded, &a->signer);
	assert_int_equal(evp_open(&a->evp, &why), 0);
	assert_int_equal(
	    mp_identity_open(&a->me, a->evp, &a->signer, any, sizeof(any), &e),
	    MP_OK);

	assert_int_equal(mp_message_init(&a->m), 0);
	a->m.flags = MP_FLAG_COMPRESS;
	a->m.endpoint = actor_field(a, "<TargetEndpoint>", "<", a->endpoint);
	a->m.source_host = actor_field(a, "<SourceHost>", "<", a->host);
	a->m.target_host = actor_field(a, "<TargetHost>", "<", a->target);
	if (actor_field(a, "<SourceID>", "<", a->source)[0] != '\0')
		a->m.source_id = a->source;
	(void)snprintf(
	    a->m.id, sizeof(a->m.id), "%s", actor_field(a, "<ID>", "<", text));
	(void)snprintf(a->m.sent, sizeof(a->m.sent), "%s",
	    actor_field(a, "<SentTime>", "<", text));
}

void
actor_leave(struct actor *a)
{
	mp_identity_close(&a->me);
	evp_close(a->evp);
	X509_free(a->recorded.cert);
	vector_release(&a->v);
}

/* Without what a sender of ours does not say twice. */
static void
announce_once(struct mp_buf *header)
{
	static const char theirs[] = "<Attachment Type=\"ByteRange\" ";
	char *text = (char *)header->data, *at, *end;

	while ((at = strstr(text, theirs)) != NULL) {
		end = strchr(at, '>') + 1;
		memmove(at, end, strlen(end) + 1);
	}
	header->len = strlen(text);
}

/* The recorded header, with our ReplyTo. */
static void
expected_header(struct actor *a, struct mp_buf *out)
{
	static const char theirs[] = "<ReplyTo>direct:vm:";
	const char *text = (const char *)a->v.header.data;
	const char *at = strstr(text, theirs);

	mp_buf_init(out, 1 << 20);
	assert_non_null(at);
	mp_buf_add(out, text, (size_t)(at - text));
	mp_buf_printf(out, "<ReplyTo>direct:%s:", a->host);
	mp_buf_str(out, at + sizeof(theirs) - 1);
	announce_once(out);
}

void
actor_same(const struct mp_buf *ours, const struct mp_buf *theirs)
{
	assert_true(mp_buf_ok(ours));
	assert_int_equal(ours->len, theirs->len);
	assert_memory_equal(ours->data, theirs->data, theirs->len);
}

static int
put_in_buf(void *ctx, const void *data, size_t len, struct mp_error *e)
{
	(void)e;
	mp_buf_add(ctx, data, len);
	return 0;
}

/* Header, payload and frame of a->m must be the recorded ones. */
void
actor_compare(struct actor *a, const struct mp_clientauth *auth)
{
	struct mp_buf clear, header, theirs, frame;
	const struct mp_sink to = {put_in_buf, &clear};
	struct mp_layout layout;
	struct mp_error e;

	mp_buf_init(&clear, 1 << 20);
	mp_buf_init(&header, 1 << 20);
	mp_buf_init(&frame, 1 << 20);
	expected_header(a, &theirs);
	assert_int_equal(mp_encode_payload(&a->m, &to, &layout, &e), 0);
	actor_same(&clear, &a->v.clear);
	assert_int_equal(
	    mp_encode_header(&a->m, auth, &layout, &header, &e), 0);
	assert_string_equal((char *)header.data, (char *)theirs.data);
	assert_int_equal(mp_encode_head(&a->v.header, &frame, &e), 0);
	mp_buf_add(&frame, a->v.payload.data, a->v.payload.len);
	mp_encode_tail(&frame);
	actor_same(&frame, &a->v.body);
	mp_layout_release(&layout);
	mp_buf_release(&clear);
	mp_buf_release(&header);
	mp_buf_release(&theirs);
	mp_buf_release(&frame);
}
