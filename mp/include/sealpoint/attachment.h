/*
 * An attachment of a message: what ISmsMessageAttachment is. Belongs to its
 * message, and lives until that is freed or another attachment of the same
 * name replaces it. Knows nothing of what it carries.
 *
 * One thread at a time per message and its attachments.
 */
#ifndef SEALPOINT_ATTACHMENT_H
#define SEALPOINT_ATTACHMENT_H

#include <stddef.h>
#include <stdint.h>

#include <sealpoint/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sealpoint_attachment;

/* Lives as long as the attachment. */
SEALPOINT_API const char *sealpoint_attachment_get_name(
    const struct sealpoint_attachment *a);

/* Bytes; of an attachment from a file, the file's size as it is now. */
SEALPOINT_API int sealpoint_attachment_get_length(
    const struct sealpoint_attachment *a, size_t *len,
    struct sealpoint_failure *why);

/*
 * In *len: room, then bytes. Too little room is SEALPOINT_ERR_ROOM: nothing
 * is copied, and *len holds the bytes needed.
 */
SEALPOINT_API int sealpoint_attachment_copy_to_buffer(
    const struct sealpoint_attachment *a, uint8_t *data, size_t *len,
    struct sealpoint_failure *why);

/*
 * Writes a file that its owner alone may read; one of that name is replaced,
 * or stays as it was if anything fails.
 */
SEALPOINT_API int sealpoint_attachment_copy_to_file(
    const struct sealpoint_attachment *a, const char *path,
    struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
