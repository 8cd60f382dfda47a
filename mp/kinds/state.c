#include "mp/kinds/state.h"

#include <stdio.h>
#include <string.h>

/* Children in the order in which they were seen sent (sdk/24 [S]). */
static int
put_message(
    struct mp_writer *w, const struct mp_state_message *m, struct mp_error *e)
{
	char now[MP_WBEM_MAX];

	if (mp_value_wbem_now(now) != 0)
		return mp_fail(e, MP_EARG, "the clock is out of range; set it");
	if (m->nparams > MP_STATE_PARAMS_MAX)
		return mp_fail(e, MP_EARG,
		    "a state message has %zu parameters; %d is the most",
		    m->nparams, MP_STATE_PARAMS_MAX);
	mp_writer_start(w, "StateMessage");
	mp_writer_set(w, "MessageTime", mp_value_or(m->time, now));
	mp_value_set(w, "SerialNumber", m->serial);
	mp_writer_start(w, "State");
	mp_value_set(w, "Criticality", m->criticality);
	mp_value_set(w, "ID", m->state);
	mp_writer_end(w, "State");
	if (m->details != NULL) {
		mp_writer_start(w, "StateDetails");
		mp_writer_set(w, "Type", mp_value_or(m->details_type, ""));
		mp_writer_put(w, m->details);
		mp_writer_end(w, "StateDetails");
	}
	mp_writer_start(w, "Topic");
	mp_writer_set(w, "ID", mp_value_or(m->topic, ""));
	mp_value_set(w, "IDType", m->id_type);
	mp_value_set(w, "Type", m->topic_type);
	if (m->user != NULL)
		mp_writer_set(w, "User", m->user);
	if (m->user_sid != NULL)
		mp_writer_set(w, "UserSID", m->user_sid);
	mp_writer_end(w, "Topic");
	mp_writer_start(w, "UserParameters");
	mp_value_set(w, "Count", m->nparams);
	mp_value_set(w, "Flags", m->param_flags);
	for (size_t i = 0; i < m->nparams; i++)
		mp_writer_leaf(w, "Param", mp_value_or(m->params[i], ""));
	mp_writer_end(w, "UserParameters");
	mp_writer_end(w, "StateMessage");
	return MP_OK;
}

int
mp_state_report_make(enum mp_kind kind, const struct mp_report *r,
    const struct mp_state_message *list, size_t count, struct mp_buf *xml,
    struct mp_error *e)
{
	struct mp_writer w;
	int x;

	if (kind != MP_KIND_STATE && kind != MP_KIND_FALLBACK_STATUS)
		return mp_fail(e, MP_EARG,
		    "only state and fallback status are made of state "
		    "messages");
	mp_writer_init(&w, xml);
	x = mp_report_begin(&w, kind, r, e);
	for (size_t i = 0; x == MP_OK && i < count; i++)
		x = put_message(&w, &list[i], e);
	if (x == MP_OK)
		return mp_report_end(&w, mp_kind_rule(kind), e);
	mp_buf_clear(xml);
	return x;
}

/* UserParameters is optional; if there, its Count must be true. */
static int
check_params(const struct mp_xml_node *m, size_t n, struct mp_error *e)
{
	const struct mp_xml_node *u = mp_xml_child(m, "UserParameters");
	const struct mp_xml_node *p;
	const char *said;
	char count[24];
	size_t params = 0;

	if (u == NULL)
		return MP_OK;
	for (p = mp_xml_child(u, "Param"); p != NULL;
	     p = mp_xml_next(p, "Param"))
		params++;
	if (params > MP_STATE_PARAMS_MAX)
		return mp_fail(e, MP_EARG,
		    "state message %zu has %zu parameters; %d is the most", n,
		    params, MP_STATE_PARAMS_MAX);
	(void)snprintf(count, sizeof(count), "%zu", params);
	said = mp_xml_attr(u, "Count");
	if (said == NULL || strcmp(said, count) != 0)
		return mp_fail(e, MP_EARG,
		    "state message %zu has UserParameters Count \"%.20s\", "
		    "but %zu parameters",
		    n, mp_value_or(said, ""), params);
	if (!mp_value_number(mp_xml_attr(u, "Flags"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "state message %zu has UserParameters Flags \"%.20s\", "
		    "which is no number",
		    n, mp_value_or(mp_xml_attr(u, "Flags"), ""));
	return MP_OK;
}

static int
check_topic(const struct mp_xml_node *m, size_t n, struct mp_error *e)
{
	const struct mp_xml_node *t = mp_xml_child(m, "Topic");
	const struct mp_xml_node *s = mp_xml_child(m, "State");

	if (t == NULL || s == NULL)
		return mp_fail(e, MP_EARG, "state message %zu has no %s", n,
		    t == NULL ? "Topic" : "State");
	if (*mp_value_or(mp_xml_attr(t, "ID"), "") == '\0')
		return mp_fail(
		    e, MP_EARG, "state message %zu has a Topic without ID", n);
	if (!mp_value_number(mp_xml_attr(t, "Type"), UINT32_MAX) ||
	    !mp_value_number(mp_xml_attr(t, "IDType"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "state message %zu has a Topic whose Type or IDType is no "
		    "number",
		    n);
	if (!mp_value_number(mp_xml_attr(s, "ID"), UINT64_MAX) ||
	    !mp_value_number(mp_xml_attr(s, "Criticality"), UINT32_MAX))
		return mp_fail(e, MP_EARG,
		    "state message %zu has State ID \"%.20s\" and Criticality "
		    "\"%.20s\"; both must be numbers",
		    n, mp_value_or(mp_xml_attr(s, "ID"), ""),
		    mp_value_or(mp_xml_attr(s, "Criticality"), ""));
	return MP_OK;
}

static int
check_message(const struct mp_xml_node *m, size_t n, struct mp_error *e)
{
	const char *when = mp_value_or(mp_xml_attr(m, "MessageTime"), "");
	int r;

	if (!mp_value_wbem(when))
		return mp_fail(e, MP_EARG,
		    "state message %zu has MessageTime \"%.40s\", which is no "
		    "WBEM date; one is written yyyymmddHHMMSS.mmmmmm+UUU",
		    n, when);
	if (!mp_value_number(mp_xml_attr(m, "SerialNumber"), UINT64_MAX))
		return mp_fail(e, MP_EARG,
		    "state message %zu has SerialNumber \"%.40s\", which is "
		    "no number",
		    n, mp_value_or(mp_xml_attr(m, "SerialNumber"), ""));
	r = check_topic(m, n, e);
	return r == MP_OK ? check_params(m, n, e) : r;
}

int
mp_state_report_check(
    const struct mp_xml_node *root, enum mp_kind kind, struct mp_error *e)
{
	const struct mp_xml_node *m;
	size_t n = 0;
	int r = mp_report_check_header(root, kind, e);

	m = mp_xml_child(mp_xml_child(root, "ReportBody"), "StateMessage");
	for (; r == MP_OK && m != NULL; m = mp_xml_next(m, "StateMessage"))
		r = check_message(m, ++n, e);
	if (r == MP_OK && n == 0)
		return mp_fail(e, MP_EARG,
		    "the report's body has no StateMessage; it would tell the "
		    "site nothing");
	return r;
}
