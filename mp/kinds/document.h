/*
 * The documents that an MP gives to anyone who asks: .sms_aut (wire-facts
 * 1.1, 6.1). Reads XML; sends nothing. None of their Signature attributes
 * can be checked (format unknown), so nothing here is trusted for more than
 * showing; pinned certificates come from the operator.
 */
#ifndef MP_KINDS_DOCUMENT_H
#define MP_KINDS_DOCUMENT_H

#include <openssl/x509.h>

#include "mp/buf.h"
#include "mp/error.h"

#define MP_PATH_MPLIST "/SMS_MP/.sms_aut?MPLIST"
#define MP_PATH_KEYINFO "/SMS_MP/.sms_aut?MPKEYINFORMATION"
#define MP_PATH_MPCERT2 "/SMS_MP/.sms_aut?MPCERT2"
#define MP_PATH_SITESIGNCERT "/SMS_MP/.sms_aut?SITESIGNCERT"

struct mp_list_entry {
	char *name;
	char *fqdn;
	char *site;
	char *version;
	unsigned ssl_state;
};

struct mp_list {
	struct mp_list_entry *list;
	size_t count;
};

struct mp_key_information {
	char *assignment_site;
	char *machine;
	char *fqdn;
	char *site;
	X509 *cert;     /* MPCERTIFICATE; NULL if none */
	char *root_key; /* TRUSTEDROOTKEY, hex as sent; "" if none */
};

struct mp_certificates {
	X509 *signing;    /* Certificate1; any may be NULL */
	X509 *encryption; /* Certificate2 */
	X509 *site;       /* SITESIGNCERT */
};

int mp_list_parse(
    const struct mp_buf *xml, struct mp_list *out, struct mp_error *e);
void mp_list_release(struct mp_list *l);
int mp_key_information_parse(const struct mp_buf *xml,
    struct mp_key_information *out, struct mp_error *e);
void mp_key_information_release(struct mp_key_information *k);
int mp_certificates_parse(
    const struct mp_buf *xml, struct mp_certificates *out, struct mp_error *e);
int mp_site_certificate_parse(
    const struct mp_buf *xml, X509 **site, struct mp_error *e);
void mp_certificates_release(struct mp_certificates *c);

#endif
