#include "mp/library/body.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <sealpoint/message.h>

#include "mp/library/failure.h"
#include "mp/utf16.h"

static void
forget(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void
body_release(struct body *b)
{
	if (b->data != NULL)
		OPENSSL_cleanse(b->data, b->len);
	free(b->data);
	forget(b->text);
	memset(b, 0, sizeof(*b));
}

int
body_set(struct body *b, const uint8_t *data, size_t len,
    struct sealpoint_failure *why)
{
	uint8_t *copy;

	if (data == NULL && len > 0)
		return failure_missing(why, "the body's buffer");
	if (len > SEALPOINT_BODY_MAX)
		return failure_set(why, SEALPOINT_ERR_LIMIT,
		    "the body has %zu bytes, and may have %d; put what is "
		    "large into an attachment",
		    len, SEALPOINT_BODY_MAX);
	copy = malloc(len + 1);
	if (copy == NULL)
		return failure_memory(why);
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	body_release(b);
	b->data = copy;
	b->len = len;
	return SEALPOINT_OK;
}

int
body_utf8(
    const struct body *b, struct mp_buf *text, struct sealpoint_failure *why)
{
	struct mp_error e;

	/* UTF-16 takes two bytes or more where UTF-8 takes three at most. */
	mp_buf_init(text, 2 * (size_t)SEALPOINT_BODY_MAX);
	if (b->len > 0 && mp_text_to_utf8(b->data, b->len, text, &e) != 0)
		return failure_set(why, SEALPOINT_ERR_DATATYPE_MISMATCH,
		    "the body is no text: %s", e.text);
	if (!mp_buf_ok(text))
		return failure_memory(why);
	return SEALPOINT_OK;
}

int
body_text(struct body *b, const char **text, struct sealpoint_failure *why)
{
	struct mp_buf all;
	int r = SEALPOINT_OK;

	*text = NULL;
	if (b->text == NULL) {
		r = body_utf8(b, &all, why);
		if (r == SEALPOINT_OK) {
			b->text =
			    strdup(all.len > 0 ? (const char *)all.data : "");
			r = b->text != NULL ? r : failure_memory(why);
		}
		mp_buf_release(&all);
	}
	*text = b->text;
	return r;
}
