/*
 * Why OpenSSL failed, in words, for the end of a sentence of ours. Knows
 * nothing of what was tried.
 */
#ifndef MP_REASON_H
#define MP_REASON_H

/*
 * The reason that OpenSSL recorded last in this thread, or "no reason given";
 * empties its queue. Borrowed: a constant of OpenSSL's.
 */
const char *mp_reason_openssl(void);

#endif
