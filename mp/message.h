/*
 * A message to a management point as plain data: what the sender means,
 * before any byte is made of it. Knows nothing of XML, signatures or HTTP.
 * All strings are UTF-8 and borrowed; they must outlive the message.
 */
#ifndef MP_MESSAGE_H
#define MP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_SMSID_MAX 48 /* "GUID:" and 36 characters, with NUL to spare */
#define MP_GUID_MAX 40  /* "{...}" with NUL */
#define MP_TIME_MAX 24  /* YYYY-MM-DDThh:mm:ssZ with NUL */

/* MPAPI_SECURITY_FLAGS, as documented (sdk-facts 2.1). */
#define MP_FLAG_NATIVE 0x00000001u
#define MP_FLAG_SIGN 0x00000002u
#define MP_FLAG_ENCRYPT 0x00000004u
#define MP_FLAG_CRL 0x00000008u
#define MP_FLAG_COMPRESS 0x80000000u

enum mp_reply_mode { MP_REPLY_SYNC = 1, MP_REPLY_ASYNC = 2 };
enum mp_hash { MP_SHA256 = 0, MP_SHA1 = 1 };
/* 3DES for sites of old, AES from 2107 on (wire-facts 7 [S], [D]). */
enum mp_cipher { MP_CIPHER_3DES = 0, MP_CIPHER_AES256 = 1 };

/* <Property Name= Value=>, as FileType for relayed messages. */
struct mp_property {
	const char *name;
	const char *value;
};

/*
 * What travels with a body (wire-facts 8.1). XML is sent as UTF-16 with a
 * BOM, anything else as it is. Either data or path; a file is read when the
 * message is sealed. Names are unique in a message.
 */
struct mp_attachment {
	const char *name;
	const char *path; /* NULL: data and len count */
	const uint8_t *data;
	size_t len;
	bool xml;     /* UTF-8 XML text, without declaration */
	bool checked; /* ... that was read as a whole, and is good */
};

struct mp_message {
	const char *endpoint;    /* "MP_ClientRegistration" ... */
	const char *body;        /* XML text, no declaration, NUL-terminated */
	const char *source_id;   /* SMSID that signs; NULL: none */
	const char *source_host; /* NetBIOS name of the sender */
	const char *target_host; /* MP's host name, without port */
	uint32_t flags;          /* MP_FLAG... */
	const struct mp_property *properties;
	size_t nproperties;
	const struct mp_attachment *attachments;
	size_t nattachments;
	enum mp_reply_mode reply_mode;
	char id[MP_GUID_MAX];   /* {UPPER-CASE GUID} */
	char sent[MP_TIME_MAX]; /* UTC */
	unsigned timeout_ms;    /* <Timeout>; 60000 as a rule */
};

/* Empties m and gives it an id and the time of now. */
int mp_message_init(struct mp_message *m);

/* A random GUID (RFC 4122, version 4), "{...}" in upper case. */
int mp_guid_make(char guid[MP_GUID_MAX]);

/* "GUID:" and a GUID without braces, hexadecimal of either case? */
bool mp_smsid_valid(const char *smsid);

/* The wire's form of a UNIX time; -1 if its year has not four digits. */
int mp_time_text(int64_t when, char text[MP_TIME_MAX]);

#endif
