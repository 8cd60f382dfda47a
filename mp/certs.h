/*
 * Certificates that an operator names by a path: a file or a directory of
 * files, PEM or DER, read whole and within limits. Knows nothing of what they
 * are trusted for.
 */
#ifndef MP_CERTS_H
#define MP_CERTS_H

#include <openssl/x509.h>

#include "mp/error.h"

#define MP_CERTS_FILE_MAX (4u << 20) /* bytes: a system's bundle is 0.2 MiB */
#define MP_CERTS_MAX 2048            /* certificates below one path */

/*
 * A file: one DER certificate, or PEM with one or more; other PEM blocks are
 * passed over. A directory: every such file in it, except those whose names
 * start with a dot, and sub-directories; a file without a certificate is
 * refused, lest one go missing unseen. The same certificate counts once.
 * `what` names the purpose in sentences ("pinned MP certificates"). The stack
 * is yours: sk_X509_pop_free(*out, X509_free); never empty.
 */
int mp_certs_load(STACK_OF(X509) * *out, const char *path, const char *what,
    struct mp_error *e);

#endif
