/*
 * A failure of the messaging layer: a class that programs can act on, and
 * one sentence for people that says what failed, on which MP, key or file,
 * why, and what to do next. Holds nothing secret.
 */
#ifndef MP_ERROR_H
#define MP_ERROR_H

#define MP_TEXT_MAX 1024

enum mp_err {
	MP_OK = 0,
	MP_EARG = -1,       /* the caller's wish makes no sense */
	MP_ESIGNER = -2,    /* the signer failed or refused */
	MP_ENET = -3,       /* the MP cannot be reached in time */
	MP_ETLS = -4,       /* TLS: the MP's certificate, or ours */
	MP_EHTTP = -5,      /* an HTTP status that is no success */
	MP_EREPLY = -6,     /* no reply, or one that cannot be read */
	MP_ETRUST = -7,     /* the reply is not proven to be the MP's */
	MP_EREFUSED = -8,   /* the MP understood, and said no */
	MP_EPENDING = -9,   /* the MP has not decided within the wait */
	MP_ECRYPT = -10,    /* cannot be decrypted with this key */
	MP_ESTATE = -11,    /* the client state cannot be read or written */
	MP_ELIMIT = -12,    /* larger than we are willing to take */
	MP_ENOTFOUND = -13, /* the named thing is not there */
	MP_ENOMEM = -14,
};

struct mp_error {
	enum mp_err code;
	char text[MP_TEXT_MAX];
};

/* Fills e (if not NULL) and returns code, to be returned at once. */
int mp_fail(struct mp_error *e, enum mp_err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts words before a sentence that a lower layer wrote; returns its code. */
int mp_fail_in(struct mp_error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

const char *mp_strerror(enum mp_err code);

#endif
