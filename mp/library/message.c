#include "mp/library/message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mp/library/attachment.h"
#include "mp/library/failure.h"
#include "mp/library/file.h"
#include "mp/library/text.h"
#include "mp/message.h"

int
message_new(struct sealpoint_message **out, struct sealpoint_failure *why)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return failure_memory(why);
	(*out)->hash = SEALPOINT_HASH_SHA256;
	return SEALPOINT_OK;
}

int
message_reply(struct sealpoint_message **out, const uint8_t *body, size_t len,
    struct sealpoint_failure *why)
{
	int r = message_new(out, why);

	if (r != SEALPOINT_OK)
		return r;
	r = body_set(&(*out)->body, body, len, why);
	if (r == SEALPOINT_OK)
		return r;
	sealpoint_message_free(*out);
	*out = NULL;
	return r;
}

void
sealpoint_message_free(struct sealpoint_message *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->nproperties; i++) {
		free(m->properties[i].name);
		free(m->properties[i].value);
	}
	for (size_t i = 0; i < m->nattachments; i++)
		attachment_free(m->attachments[i]);
	body_release(&m->body);
	sealpoint_identity_free(m->identity);
	free(m->endpoint);
	free(m->client_id);
	free(m->encrypt_store);
	free(m->verify_store);
	free(m->proxy);
	free(m->proxy_credentials);
	free(m);
}

int
sealpoint_message_set_target_endpoint(struct sealpoint_message *m,
    const char *endpoint, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return text_take(&m->endpoint, endpoint, SEALPOINT_NAME_MAX, false,
	    "the target endpoint", why);
}

const char *
sealpoint_message_get_target_endpoint(const struct sealpoint_message *m)
{
	return m != NULL && m->endpoint != NULL ? m->endpoint : "";
}

/* Index of the property, or how many there are. */
static size_t
property_at(const struct sealpoint_message *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->nproperties; i++)
		if (strcmp(m->properties[i].name, name) == 0)
			break;
	return i;
}

int
sealpoint_message_set_property(struct sealpoint_message *m, const char *name,
    const char *value, struct sealpoint_failure *why)
{
	struct property p = {NULL, NULL};
	size_t i;
	int r;

	if (m == NULL)
		return failure_missing(why, "the message");
	r = text_take(&p.name, name, SEALPOINT_NAME_MAX, false,
	    "the property's name", why);
	if (r == SEALPOINT_OK)
		r = text_take(&p.value, value, SEALPOINT_VALUE_MAX, false,
		    "the property's value", why);
	if (r != SEALPOINT_OK)
		goto out;
	i = property_at(m, name);
	if (i == SEALPOINT_PROPERTIES_MAX) {
		r = failure_set(why, SEALPOINT_ERR_LIMIT,
		    "the message has %d properties already, the most it may "
		    "have",
		    SEALPOINT_PROPERTIES_MAX);
		goto out;
	}
	if (i == m->nproperties) {
		m->properties[m->nproperties++] = p;
		return SEALPOINT_OK;
	}
	free(m->properties[i].value);
	m->properties[i].value = p.value;
	p.value = NULL;
out:
	free(p.name);
	free(p.value);
	return r;
}

const char *
sealpoint_message_get_property_by_name(
    const struct sealpoint_message *m, const char *name)
{
	size_t i;

	if (m == NULL || name == NULL)
		return NULL;
	i = property_at(m, name);
	return i < m->nproperties ? m->properties[i].value : NULL;
}

int
sealpoint_message_set_timeout(struct sealpoint_message *m, uint32_t seconds,
    struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	m->timeout_s = seconds;
	return SEALPOINT_OK;
}

uint32_t
sealpoint_message_get_timeout(const struct sealpoint_message *m)
{
	return m != NULL ? m->timeout_s : 0;
}

int
sealpoint_message_set_body_from_string(struct sealpoint_message *m,
    const char *text, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (text == NULL)
		return failure_missing(why, "the body's text");
	return body_set(&m->body, (const uint8_t *)text, strlen(text), why);
}

int
sealpoint_message_set_body_from_buffer(struct sealpoint_message *m,
    const uint8_t *data, size_t len, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return body_set(&m->body, data, len, why);
}

int
sealpoint_message_set_body_from_file(struct sealpoint_message *m,
    const char *path, struct sealpoint_failure *why)
{
	struct mp_buf all;
	int r;

	if (m == NULL)
		return failure_missing(why, "the message");
	if (path == NULL)
		return failure_missing(why, "the body's path");
	mp_buf_init(&all, SEALPOINT_BODY_MAX);
	r = file_read(path, &all, why);
	if (r == SEALPOINT_OK)
		r = body_set(&m->body, all.data, all.len, why);
	mp_buf_release(&all);
	return r;
}

size_t
sealpoint_message_get_body_length(const struct sealpoint_message *m)
{
	return m != NULL ? m->body.len : 0;
}

int
sealpoint_message_get_body_to_buffer(const struct sealpoint_message *m,
    uint8_t *data, size_t *len, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return text_give(m->body.data, m->body.len, data, len, "the body", why);
}

int
sealpoint_message_get_body_to_string(struct sealpoint_message *m,
    const char **text, struct sealpoint_failure *why)
{
	if (text == NULL)
		return failure_missing(why, "the place for the text");
	*text = NULL;
	if (m == NULL)
		return failure_missing(why, "the message");
	return body_text(&m->body, text, why);
}

/* Index of the attachment, or how many there are. */
static size_t
attachment_at(const struct sealpoint_message *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->nattachments; i++)
		if (strcmp(m->attachments[i]->name, name) == 0)
			break;
	return i;
}

static int
attach(struct sealpoint_message *m, const char *name, const char *path,
    const uint8_t *data, size_t len, struct sealpoint_failure *why)
{
	struct sealpoint_attachment *a;
	size_t i;
	int r;

	r = attachment_new(&a, name, path, data, len, why);
	if (r != SEALPOINT_OK)
		return r;
	i = attachment_at(m, name);
	if (i == SEALPOINT_ATTACHMENTS_MAX) {
		attachment_free(a);
		return failure_set(why, SEALPOINT_ERR_LIMIT,
		    "the message has %d attachments already, the most it may "
		    "have",
		    SEALPOINT_ATTACHMENTS_MAX);
	}
	if (i == m->nattachments)
		m->nattachments++;
	else
		attachment_free(m->attachments[i]);
	m->attachments[i] = a;
	return SEALPOINT_OK;
}

int
sealpoint_message_set_attachment_from_buffer(struct sealpoint_message *m,
    const char *name, const uint8_t *data, size_t len,
    struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	return attach(m, name, NULL, data, len, why);
}

int
sealpoint_message_set_attachment_from_file(struct sealpoint_message *m,
    const char *name, const char *path, struct sealpoint_failure *why)
{
	if (m == NULL)
		return failure_missing(why, "the message");
	if (path == NULL)
		return failure_missing(why, "the attachment's path");
	return attach(m, name, path, NULL, 0, why);
}

size_t
sealpoint_message_get_attachment_count(const struct sealpoint_message *m)
{
	return m != NULL ? m->nattachments : 0;
}

int
sealpoint_message_get_attachment_by_index(const struct sealpoint_message *m,
    size_t index, const struct sealpoint_attachment **out,
    struct sealpoint_failure *why)
{
	if (out == NULL)
		return failure_missing(why, "the place for the attachment");
	*out = NULL;
	if (m == NULL)
		return failure_missing(why, "the message");
	if (index >= m->nattachments)
		return failure_set(why, SEALPOINT_ERR_INDEX_OUT_OF_RANGE,
		    "there is no attachment %zu: the message has %zu, and "
		    "they are counted from 0",
		    index, m->nattachments);
	*out = m->attachments[index];
	return SEALPOINT_OK;
}

int
sealpoint_message_get_attachment_by_name(const struct sealpoint_message *m,
    const char *name, const struct sealpoint_attachment **out,
    struct sealpoint_failure *why)
{
	size_t i;

	if (out == NULL)
		return failure_missing(why, "the place for the attachment");
	*out = NULL;
	if (m == NULL)
		return failure_missing(why, "the message");
	if (name == NULL)
		return failure_missing(why, "the attachment's name");
	i = attachment_at(m, name);
	if (i == m->nattachments)
		return failure_set(why, SEALPOINT_ERR_NOT_FOUND,
		    "the message has no attachment \"%.100s\"", name);
	*out = m->attachments[i];
	return SEALPOINT_OK;
}
