/*
 * A failure of libsealpoint: a class that programs can act on, and one
 * sentence for people that says what failed, on which management point, key
 * or file, why, and what to do next. Holds nothing secret.
 */
#ifndef SEALPOINT_ERROR_H
#define SEALPOINT_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include <sealpoint/api.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEALPOINT_TEXT_MAX 1024 /* bytes of a sentence, with NUL */

/* Functions that can fail return one of these as int; numbers never change. */
enum sealpoint_error {
	SEALPOINT_OK = 0,

	/* Those that the COM interfaces know; see sealpoint_error_hresult(). */
	SEALPOINT_ERR_ACCESS_DENIED = -1,      /* the MP does not let us */
	SEALPOINT_ERR_INVALID_SCHEMA = -2,     /* body unfit for endpoint */
	SEALPOINT_ERR_NO_REPLY = -3,           /* none, or unreadable */
	SEALPOINT_ERR_TRANSPORT = -4,          /* network, TLS or HTTP */
	SEALPOINT_ERR_INDEX_OUT_OF_RANGE = -5, /* indices start at 0 */
	SEALPOINT_ERR_DATATYPE_MISMATCH = -6,  /* the body is no text */

	/* Ours. */
	SEALPOINT_ERR_ARGUMENT = -7,   /* the caller's wish makes no sense */
	SEALPOINT_ERR_NOT_FOUND = -8,  /* no such property, registration ... */
	SEALPOINT_ERR_ROOM = -9,       /* the buffer is too small */
	SEALPOINT_ERR_FILE = -10,      /* cannot be read or written */
	SEALPOINT_ERR_LIMIT = -11,     /* larger than we are willing to take */
	SEALPOINT_ERR_SIGNER = -12,    /* the key's holder failed or refused */
	SEALPOINT_ERR_UNTRUSTED = -13, /* the reply is not proven the MP's */
	SEALPOINT_ERR_REFUSED = -14,   /* the MP understood, and said no */
	SEALPOINT_ERR_PENDING = -15,   /* the MP has not decided yet */
	SEALPOINT_ERR_DECRYPT = -16,   /* not meant for this key */
	SEALPOINT_ERR_STATE = -17,     /* of the client, on disk */
	SEALPOINT_ERR_MEMORY = -18,
};

/* Filled by the call that failed; left alone by one that did not. */
struct sealpoint_failure {
	int code; /* enum sealpoint_error: what the call returned */
	char text[SEALPOINT_TEXT_MAX];
};

/* A few words for any code, known or not. Borrowed for ever. */
SEALPOINT_API const char *sealpoint_error_string(int code);

/*
 * The HRESULT that the COM documentation gives for this case, in *hresult;
 * false, and 0, if it prints no number or knows no such case.
 */
SEALPOINT_API bool sealpoint_error_hresult(int code, uint32_t *hresult);

#ifdef __cplusplus
}
#endif

#endif
