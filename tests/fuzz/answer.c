/*
 * Any text as the XML of an answer, read by every reader of answers: policy
 * assignments, registration, and the documents of .sms_aut.
 */
#include <stdlib.h>
#include <string.h>

#include "mp/kinds/assignments.h"
#include "mp/kinds/document.h"
#include "mp/kinds/registration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
assignments(const struct mp_buf *xml)
{
	struct mp_assignments a;

	if (mp_assignments_parse(xml, &a, NULL) != MP_OK)
		return;
	for (size_t i = 0; i < a.count; i++)
		if (mp_assignments_find(&a, a.list[i].id) == NULL)
			abort();
	mp_assignments_release(&a);
}

static void
registration(const struct mp_buf *xml)
{
	struct mp_state_client c;

	if (mp_registration_response(xml, &c, NULL) == MP_OK &&
	    strlen(c.smsid) >= sizeof(c.smsid))
		abort();
}

static void
documents(const struct mp_buf *xml)
{
	struct mp_key_information k;
	struct mp_certificates c;
	struct mp_list l;
	X509 *site = NULL;

	if (mp_list_parse(xml, &l, NULL) == MP_OK)
		mp_list_release(&l);
	if (mp_key_information_parse(xml, &k, NULL) == MP_OK)
		mp_key_information_release(&k);
	if (mp_certificates_parse(xml, &c, NULL) == MP_OK)
		mp_certificates_release(&c);
	if (mp_site_certificate_parse(xml, &site, NULL) == MP_OK)
		X509_free(site);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mp_buf xml;

	mp_buf_init(&xml, 1u << 20);
	mp_buf_add(&xml, data, len);
	if (mp_buf_ok(&xml) && xml.data != NULL) {
		assignments(&xml);
		registration(&xml);
		documents(&xml);
	}
	mp_buf_release(&xml);
	return 0;
}
