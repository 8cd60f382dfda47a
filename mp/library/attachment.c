#include "mp/library/attachment.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <sealpoint/message.h>

#include "mp/library/failure.h"
#include "mp/library/file.h"
#include "mp/library/text.h"

/* Copies the bytes, or looks whether there is a file. */
static int
load(struct sealpoint_attachment *a, const char *path, const uint8_t *data,
    size_t len, struct sealpoint_failure *why)
{
	uint8_t start[1];
	size_t size, n = sizeof(start);
	int r;

	if (path != NULL) {
		r = text_take(&a->path, path, SEALPOINT_VALUE_MAX, false,
		    "the attachment's path", why);
		return r == SEALPOINT_OK
			   ? file_look(path, &size, start, &n, why)
			   : r;
	}
	if (data == NULL && len > 0)
		return failure_missing(why, "the attachment's buffer");
	if (len > SEALPOINT_BODY_MAX)
		return failure_set(why, SEALPOINT_ERR_LIMIT,
		    "the attachment has %zu bytes, and a buffer may have %d; "
		    "attach it from a file",
		    len, SEALPOINT_BODY_MAX);
	a->data = malloc(len > 0 ? len : 1);
	if (a->data == NULL)
		return failure_memory(why);
	if (len > 0)
		memcpy(a->data, data, len);
	a->len = len;
	return SEALPOINT_OK;
}

int
attachment_new(struct sealpoint_attachment **out, const char *name,
    const char *path, const uint8_t *data, size_t len,
    struct sealpoint_failure *why)
{
	struct sealpoint_attachment *a;
	int r;

	*out = NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return failure_memory(why);
	r = text_take(&a->name, name, SEALPOINT_NAME_MAX, false,
	    "the attachment's name", why);
	if (r != SEALPOINT_OK)
		goto out;
	r = load(a, path, data, len, why);
	if (r != SEALPOINT_OK)
		goto out;
	*out = a;
	a = NULL;
out:
	attachment_free(a);
	return r;
}

void
attachment_free(struct sealpoint_attachment *a)
{
	if (a == NULL)
		return;
	if (a->data != NULL)
		OPENSSL_cleanse(a->data, a->len);
	free(a->data);
	free(a->path);
	free(a->name);
	free(a);
}

const char *
sealpoint_attachment_get_name(const struct sealpoint_attachment *a)
{
	return a != NULL ? a->name : NULL;
}

int
sealpoint_attachment_get_length(const struct sealpoint_attachment *a,
    size_t *len, struct sealpoint_failure *why)
{
	uint8_t start[1];
	size_t n = sizeof(start);

	if (a == NULL)
		return failure_missing(why, "the attachment");
	if (len == NULL)
		return failure_missing(why, "the place for the length");
	*len = 0;
	if (a->path != NULL)
		return file_look(a->path, len, start, &n, why);
	*len = a->len;
	return SEALPOINT_OK;
}

/* The bytes, wherever they are; all is released by the caller. */
static int
gather(const struct sealpoint_attachment *a, struct mp_buf *out,
    struct sealpoint_failure *why)
{
	if (a->path != NULL)
		return file_read(a->path, out, why);
	mp_buf_add(out, a->data, a->len);
	return mp_buf_ok(out) ? SEALPOINT_OK : failure_memory(why);
}

int
sealpoint_attachment_copy_to_buffer(const struct sealpoint_attachment *a,
    uint8_t *data, size_t *len, struct sealpoint_failure *why)
{
	struct mp_buf all;
	int r;

	if (a == NULL)
		return failure_missing(why, "the attachment");
	mp_buf_init(&all, SEALPOINT_BODY_MAX);
	r = gather(a, &all, why);
	if (r == SEALPOINT_OK)
		r = text_give(
		    all.data, all.len, data, len, "the attachment", why);
	else if (len != NULL)
		*len = 0;
	mp_buf_release(&all);
	return r;
}

int
sealpoint_attachment_copy_to_file(const struct sealpoint_attachment *a,
    const char *path, struct sealpoint_failure *why)
{
	struct mp_buf all;
	int r;

	if (a == NULL)
		return failure_missing(why, "the attachment");
	if (path == NULL)
		return failure_missing(why, "the path");
	mp_buf_init(&all, SEALPOINT_BODY_MAX);
	r = gather(a, &all, why);
	if (r == SEALPOINT_OK)
		r = file_write(path, all.data, all.len, why);
	mp_buf_release(&all);
	return r;
}
