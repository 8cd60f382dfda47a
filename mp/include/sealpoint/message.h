/*
 * A message: what ISmsMessage, ISmsMessage2 and ISmsMessage4 are together.
 * Plain data until sealpoint_messaging_invoke() or _post() send it, so that
 * it may be sent again, or changed and sent again. A reply is a message too.
 *
 * One thread at a time per message; different messages do not know of each
 * other. Strings are UTF-8, end with NUL, and are copied. A call that fails
 * leaves the message as it was.
 */
#ifndef SEALPOINT_MESSAGE_H
#define SEALPOINT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <sealpoint/attachment.h>
#include <sealpoint/error.h>
#include <sealpoint/identity.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MPAPI_SECURITY_FLAGS, with the documented values. */
#define SEALPOINT_SECURITY_FLAG_MIXED_MODE 0x00000000u
#define SEALPOINT_SECURITY_FLAG_NATIVE_MODE 0x00000001u
#define SEALPOINT_SECURITY_FLAG_SIGN_MESSAGE 0x00000002u
#define SEALPOINT_SECURITY_FLAG_ENCRYPT_MESSAGE 0x00000004u
#define SEALPOINT_SECURITY_FLAG_ENABLE_CRL_CHECKING 0x00000008u
#define SEALPOINT_SECURITY_FLAG_COMPRESS_MESSAGE 0x80000000u

/* What the library is willing to take. */
#define SEALPOINT_NAME_MAX 256         /* bytes of a name, with NUL */
#define SEALPOINT_VALUE_MAX 4096       /* of a value or path, likewise */
#define SEALPOINT_PROPERTIES_MAX 32    /* in one message */
#define SEALPOINT_ATTACHMENTS_MAX 1024 /* likewise */
#define SEALPOINT_BODY_MAX 67108864    /* bytes */

struct sealpoint_message;

/* NULL-safe. sealpoint_messaging_create_message() makes one. */
SEALPOINT_API void sealpoint_message_free(struct sealpoint_message *m);

/* Where to: "MP_DdrEndpoint". Must be set; of either case. */
SEALPOINT_API int sealpoint_message_set_target_endpoint(
    struct sealpoint_message *m, const char *endpoint,
    struct sealpoint_failure *why);

/* "" if there is none. Lives until it is set again, or the message ends. */
SEALPOINT_API const char *sealpoint_message_get_target_endpoint(
    const struct sealpoint_message *m);

/*
 * A property of the header; the same name again replaces its value. Messages
 * to MP_RelayEndpoint need FileType: SMX (state), IDMIF or SWM (metering).
 */
SEALPOINT_API int sealpoint_message_set_property(struct sealpoint_message *m,
    const char *name, const char *value, struct sealpoint_failure *why);

/* NULL if there is none. Lives until it is set again, or the message ends. */
SEALPOINT_API const char *sealpoint_message_get_property_by_name(
    const struct sealpoint_message *m, const char *name);

/*
 * Seconds that a posted message may wait in the queue before it expires; 0,
 * the default, sets no limit. Means nothing to invoke, nor to post while that
 * delivers at once.
 */
SEALPOINT_API int sealpoint_message_set_timeout(struct sealpoint_message *m,
    uint32_t seconds, struct sealpoint_failure *why);
SEALPOINT_API uint32_t sealpoint_message_get_timeout(
    const struct sealpoint_message *m);

/*
 * The body: XML. From a buffer or a file it may be UTF-8 or UTF-16LE, with
 * or without byte order mark or final NUL, and is kept as it is. A file is
 * read at once. Each call replaces what the one before it set.
 */
SEALPOINT_API int sealpoint_message_set_body_from_string(
    struct sealpoint_message *m, const char *text,
    struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_message_set_body_from_buffer(
    struct sealpoint_message *m, const uint8_t *data, size_t len,
    struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_message_set_body_from_file(
    struct sealpoint_message *m, const char *path,
    struct sealpoint_failure *why);

/* Bytes; a string's NUL is not counted. 0 if there is no body. */
SEALPOINT_API size_t sealpoint_message_get_body_length(
    const struct sealpoint_message *m);

/*
 * In *len: room, then bytes. Too little room is SEALPOINT_ERR_ROOM: nothing
 * is copied, and *len holds the bytes needed.
 */
SEALPOINT_API int sealpoint_message_get_body_to_buffer(
    const struct sealpoint_message *m, uint8_t *data, size_t *len,
    struct sealpoint_failure *why);

/*
 * As UTF-8 in *text, which lives until the body is set again or the message
 * ends. A body that is no text is SEALPOINT_ERR_DATATYPE_MISMATCH, and *text
 * is NULL then.
 */
SEALPOINT_API int sealpoint_message_get_body_to_string(
    struct sealpoint_message *m, const char **text,
    struct sealpoint_failure *why);

/*
 * Attachments have names that are unique in the message, case counting: the
 * same name again replaces the earlier one, in its place. Buffers are copied.
 * A file must be there now, and is read when the message is sent. The report
 * of an inventory or discovery message
 * ("{00000000-0000-0000-0000-00000000000N}") is XML as a body is; all others
 * travel byte for byte.
 */
SEALPOINT_API int sealpoint_message_set_attachment_from_buffer(
    struct sealpoint_message *m, const char *name, const uint8_t *data,
    size_t len, struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_message_set_attachment_from_file(
    struct sealpoint_message *m, const char *name, const char *path,
    struct sealpoint_failure *why);
SEALPOINT_API size_t sealpoint_message_get_attachment_count(
    const struct sealpoint_message *m);

/*
 * *out belongs to the message; NULL after a failure, which is
 * SEALPOINT_ERR_INDEX_OUT_OF_RANGE or SEALPOINT_ERR_NOT_FOUND.
 */
SEALPOINT_API int sealpoint_message_get_attachment_by_index(
    const struct sealpoint_message *m, size_t index,
    const struct sealpoint_attachment **out, struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_message_get_attachment_by_name(
    const struct sealpoint_message *m, const char *name,
    const struct sealpoint_attachment **out, struct sealpoint_failure *why);

/*
 * The client on whose behalf an ISV proxy sends: "GUID:...". NULL, or the
 * sender's own: for itself.
 */
SEALPOINT_API int sealpoint_message_set_client_id(struct sealpoint_message *m,
    const char *smsid, struct sealpoint_failure *why);

/*
 * SEALPOINT_SECURITY_FLAG_... Refused: a bit that has no meaning, ENCRYPT in
 * native mode, ENABLE_CRL_CHECKING in mixed mode. What the endpoint asks for
 * is checked when the message is sent. A message whose flags were never set
 * is mixed mode, with what its endpoint requires.
 */
SEALPOINT_API int sealpoint_message_set_security_flags(
    struct sealpoint_message *m, uint32_t flags, struct sealpoint_failure *why);
SEALPOINT_API uint32_t sealpoint_message_get_security_flags(
    const struct sealpoint_message *m);

/*
 * The certificate that signs, and in native mode speaks TLS: by thumbprint,
 * found in the agent of sealpoint_messaging_set_agent() when the message is
 * sent; or an identity, which the message then keeps alive. The last call
 * counts.
 */
SEALPOINT_API int sealpoint_message_set_client_certificate(
    struct sealpoint_message *m, const char *thumbprint,
    struct sealpoint_failure *why);
SEALPOINT_API int sealpoint_message_set_identity(struct sealpoint_message *m,
    struct sealpoint_identity *id, struct sealpoint_failure *why);

/*
 * Certificates of every management point that may receive the message: a
 * file, or a directory of files, PEM or DER. Mixed mode, with the ENCRYPT
 * flag.
 */
SEALPOINT_API int sealpoint_message_set_encryption_certificates_store(
    struct sealpoint_message *m, const char *path,
    struct sealpoint_failure *why);

/* How an encrypted message is: triple DES is what sites of old read. */
enum sealpoint_cipher {
	SEALPOINT_CIPHER_3DES = 0, /* the default */
	SEALPOINT_CIPHER_AES256 = 1,
};

SEALPOINT_API int sealpoint_message_set_cipher(struct sealpoint_message *m,
    enum sealpoint_cipher cipher, struct sealpoint_failure *why);

/* SEALPOINT_HASH_SHA256 is the default; SHA-1 is for sites of old. */
SEALPOINT_API int sealpoint_message_set_hash_algorithm(
    struct sealpoint_message *m, enum sealpoint_hash hash,
    struct sealpoint_failure *why);

/* 0, the default: the URL's, or else 80 in mixed and 443 in native mode. */
SEALPOINT_API int sealpoint_message_set_port(
    struct sealpoint_message *m, uint32_t port, struct sealpoint_failure *why);

/*
 * An HTTP proxy, "http://HOST:PORT", for native Internet-based clients.
 * credentials: a file with user:password on one line that its owner alone
 * may read, or NULL: no password passes through this interface. proxy NULL:
 * none.
 */
SEALPOINT_API int sealpoint_message_set_proxy(struct sealpoint_message *m,
    const char *proxy, const char *credentials, struct sealpoint_failure *why);

/*
 * The certificates of all management points that may answer: a file, or a
 * directory of files, PEM or DER. Without them no signature is believed, and
 * no reply without one, unless sealpoint_messaging_set_proof() says so.
 */
SEALPOINT_API int sealpoint_message_verify_server_signature(
    struct sealpoint_message *m, const char *path,
    struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
