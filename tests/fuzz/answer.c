/*
 * Any text as the XML of an answer, read by every reader of answers: policy
 * assignments, registration, locations, and the documents of .sms_aut.
 */
#include <stdlib.h>
#include <string.h>

#include "mp/kinds/assignments.h"
#include "mp/kinds/document.h"
#include "mp/kinds/locate.h"
#include "mp/kinds/policyhash.h"
#include "mp/kinds/registration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
assignments(const struct mp_buf *xml)
{
	struct mp_assignments a;

	if (mp_assignments_parse(xml, &a, NULL) != MP_OK)
		return;
	for (size_t i = 0; i < a.count; i++) {
		struct mp_policyhashes hashes;

		if (mp_assignments_find(&a, a.list[i].id) == NULL)
			abort();
		mp_policyhash_check(&a.list[i], xml, NULL, xml, &hashes);
		if (hashes.proven && hashes.hash != MP_POLICYHASH_MATCHES &&
		    hashes.hash_ex != MP_POLICYHASH_MATCHES &&
		    hashes.url != MP_POLICYHASH_MATCHES)
			abort();
	}
	mp_assignments_release(&a);
}

/* What is the answer to a question is one that can be read at all. */
static void
answered(const struct mp_buf *xml)
{
	const struct mp_assignments_request asked = {
	    .smsid = "GUID:00000000-0000-0000-0000-000000000001",
	    .fqdn = "pc1.example.com",
	    .netbios = "PC1",
	    .site = "PRI"};
	struct mp_assignments a;

	if (mp_assignments_answer(&asked, xml, &a, NULL) != MP_OK)
		return;
	mp_assignments_release(&a);
	if (mp_assignments_parse(xml, &a, NULL) != MP_OK)
		abort();
	mp_assignments_release(&a);
}

static void
places(const struct mp_buf *xml)
{
	static const enum mp_kind kinds[] = {MP_KIND_CONTENT_LOCATION,
	    MP_KIND_WSUS_LOCATION, MP_KIND_LOCAL_MP_LOCATION,
	    MP_KIND_ASSIGNED_SITE, MP_KIND_SITE_INFORMATION};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct mp_located l;

		if (mp_located_parse(xml, kinds[i], &l, NULL) != MP_OK)
			continue;
		if (l.xml == NULL || l.nsites > MP_LOCATED_MAX)
			abort();
		mp_located_release(&l);
	}
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
		answered(&xml);
		places(&xml);
		registration(&xml);
		documents(&xml);
	}
	mp_buf_release(&xml);
	return 0;
}
