/*
 * Revocation: are the certificates of a proven chain still good? Fetches the
 * lists that they name over HTTP, keeps them in a directory until their next
 * update, and believes what the issuer signed. Fails closed: without a good
 * list of today there is no yes. Knows nothing of TLS.
 */
#ifndef MP_CRL_H
#define MP_CRL_H

#include <openssl/x509.h>

#include "mp/error.h"
#include "mp/http_fetch.h"
#include "mp/step.h"

#define MP_CRL_MAX (16u << 20)   /* bytes of one list */
#define MP_CRL_TIMEOUT_MS 15000u /* for the lists of one chain */

struct mp_crl_config {
	const char *dir; /* of kept lists; made if need be; NULL: none kept */
	struct mp_http_fetch fetch; /* its timeout_ms: for all; 0: ours */
	struct mp_step step;        /* told which lists are looked at */
};

/*
 * chain: leaf first, each issued by the next; the last is trusted as it is
 * and not looked up. MP_ETLS with a sentence that names the certificate and
 * the list if one was revoked or cannot be shown not to be.
 */
int mp_crl_check(const struct mp_crl_config *cfg, const STACK_OF(X509) * chain,
    struct mp_error *e);

#endif
