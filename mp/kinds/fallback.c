#include "mp/kinds/fallback.h"

int
mp_fallback_make(const struct mp_report *r,
    const struct mp_state_message *state, struct mp_buf *xml,
    struct mp_error *e)
{
	struct mp_state_message m = *state;

	if (m.topic_type == 0)
		m.topic_type = MP_FALLBACK_TOPIC;
	return mp_state_report_make(MP_KIND_FALLBACK_STATUS, r, &m, 1, xml, e);
}

int
mp_fallback_check(const struct mp_xml_node *root, struct mp_error *e)
{
	const struct mp_xml_node *id;
	int r = mp_state_report_check(root, MP_KIND_FALLBACK_STATUS, e);

	if (r != MP_OK)
		return r;
	id = mp_xml_child(root, "ReportHeader");
	id = mp_xml_child(
	    mp_xml_child(mp_xml_child(id, "Identification"), "Machine"),
	    "ClientID");
	if (!mp_value_number(mp_xml_attr(id, "IDFlag"), UINT32_MAX) ||
	    !mp_value_number(mp_xml_attr(id, "IDType"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "the report's ClientID has no IDFlag and IDType; to a "
		    "fallback status point it is sent with IDFlag=\"0\" "
		    "IDType=\"1\"");
	return MP_OK;
}
