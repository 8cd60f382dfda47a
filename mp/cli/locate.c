/* locate: where content, update servers, management points and sites are. */
#include <stdlib.h>
#include <string.h>

#include "mp/cli/command.h"
#include "mp/client_send.h"
#include "mp/discover.h"
#include "mp/kinds/locate.h"
#include "mp/reply.h"

#define REQUEST_MAX (1u << 20)
#define ALLOWED                                               \
	(MP_LOCATE_CACHING | MP_LOCATE_HTTP | MP_LOCATE_SMB | \
	    MP_LOCATE_PROTECTED)

static const struct output_column place_columns[] = {
    {"SITE", "site"},
    {"LOCALITY", "locality"},
    {"SERVER", "server"},
    {"VERSION", "version"},
    {"URLS", "urls"},
    {NULL, NULL},
};

static const struct output_column site_columns[] = {
    {"site", "site"},
    {"assignment site", "assignment_site"},
    {"locality", "locality"},
    {"proof", "proof"},
    {NULL, NULL},
};

static const struct output_column near_columns[] = {
    {"SITE", "site"},
    {"ASSIGNMENT SITE", "assignment_site"},
    {"LOCALITY", "locality"},
    {NULL, NULL},
};

/* What is asked: the question, and the strings that it borrows. */
struct question {
	enum mp_kind kind;
	struct mp_locate about;
	struct mp_locate_item item;
	struct mp_discovered here;
	struct mp_locate_address addresses[MP_DISCOVER_ADDRESSES_MAX];
};

/* Where this machine is, which decides what is near. */
static int
fill(struct session *s, struct question *q)
{
	struct mp_error e = {0};

	if (mp_discover(&q->here, &e) != MP_OK)
		return session_mp_failed(s, &e);
	for (size_t i = 0; i < q->here.count; i++) {
		q->addresses[i].address = q->here.list[i].address;
		q->addresses[i].subnet = q->here.list[i].subnet;
	}
	q->about.addresses = q->addresses;
	q->about.naddresses = q->here.count;
	if (q->about.site == NULL)
		q->about.site = session_value(s, OPTION_SITE);
	if (s->nwords == 2) {
		q->item.id = s->words[0];
		q->item.version = s->words[1];
		q->about.items = &q->item;
		q->about.nitems = 1;
		q->about.allow = ALLOWED;
	}
	return COMMAND_DONE;
}

static int
ask(struct session *s, struct question *q, struct mp_located *answer)
{
	struct mp_send what = {.kind = mp_kind_rule(q->kind)};
	struct mp_buf body, reply;
	struct mp_error e = {0};
	int r;

	mp_buf_init(&body, REQUEST_MAX);
	mp_buf_init(&reply, MP_CONTENT_MAX);
	r = mp_locate_request(q->kind, &q->about, &body, &e);
	what.body = (char *)body.data;
	if (r == MP_OK)
		r = mp_client_send(s->mp, &what, &reply, &e);
	if (r == MP_OK)
		r = mp_located_parse(&reply, q->kind, answer, &e);
	mp_buf_release(&body);
	mp_buf_release(&reply);
	return r == MP_OK ? COMMAND_DONE : session_mp_failed(s, &e);
}

static void
add_place(struct record *rows, const struct mp_located_site *site,
    const struct mp_place *p)
{
	struct record *row = record_new();

	record_set(row, "site", site->site);
	record_set(row, "assignment_site", site->master);
	record_set(row, "site_locality", site->locality);
	record_set(row, "locality", p->locality);
	record_set(row, "server", p->server);
	record_set(row, "version", p->version);
	record_set(row, "metric", p->metric);
	record_set(row, "ad_site", p->ad_site);
	record_set(row, "smb", p->smb);
	record_set_words(row, "urls");
	for (size_t i = 0; i < p->nurls; i++)
		record_add_word(row, "urls", p->urls[i]);
	record_set_words(row, "subnets");
	for (size_t i = 0; i < p->nsubnets; i++)
		record_add_word(row, "subnets", p->subnets[i]);
	record_append(rows, row);
}

static int
print_places(struct session *s, const struct mp_located *l)
{
	struct record *rows = record_list_new();
	size_t n = 0;
	int r;

	for (size_t i = 0; i < l->nsites; i++)
		for (size_t k = 0; k < l->sites[i].nplaces; k++, n++)
			add_place(rows, &l->sites[i], &l->sites[i].places[k]);
	r = session_list(s, rows, place_columns);
	if (r == COMMAND_DONE && n == 0)
		output_note(s->out, "The management point names no place.");
	return r;
}

/* A local management point is named by its site alone. */
static int
print_near(struct session *s, const struct mp_located *l)
{
	struct record *rows = record_list_new();
	int r;

	for (size_t i = 0; i < l->nsites; i++) {
		struct record *row = record_new();

		record_set(row, "site", l->sites[i].site);
		record_set(row, "assignment_site", l->sites[i].master);
		record_set(row, "locality", l->sites[i].locality);
		record_append(rows, row);
	}
	r = session_list(s, rows, near_columns);
	if (r == COMMAND_DONE && l->nsites == 0)
		output_note(s->out, "The management point names no site.");
	return r;
}

static int
print_site(struct session *s, const struct mp_located *l)
{
	struct record *about;

	if (l->nsites == 0) {
		output_error(s->out,
		    "the management point names no site: this client is in "
		    "the boundaries of none, or the site is not known there");
		return COMMAND_FAILED;
	}
	about = record_new();
	record_set(about, "site", l->sites[0].site);
	record_set(about, "assignment_site", l->sites[0].master);
	record_set(about, "locality", l->sites[0].locality);
	record_set(about, "proof", mp_client_proof(s->mp));
	record_set(about, "xml", l->xml);
	return session_card(s, about, site_columns);
}

static int
print(struct session *s, const struct mp_located *l)
{
	if (l->kind == MP_KIND_LOCAL_MP_LOCATION)
		return print_near(s, l);
	if (l->kind == MP_KIND_ASSIGNED_SITE ||
	    l->kind == MP_KIND_SITE_INFORMATION)
		return print_site(s, l);
	return print_places(s, l);
}

static int
locate(struct session *s, enum mp_kind kind, const char *site)
{
	struct question *q = calloc(1, sizeof(*q));
	struct mp_located answer = {0};
	int r;

	if (q == NULL) {
		output_error(s->out, "out of memory");
		return COMMAND_FAILED;
	}
	q->kind = kind;
	q->about.site = site;
	r = fill(s, q);
	if (r == COMMAND_DONE)
		r = session_mp(s, true);
	if (r == COMMAND_DONE)
		r = ask(s, q, &answer);
	if (r == COMMAND_DONE)
		r = print(s, &answer);
	if (r == COMMAND_DONE)
		session_tell_proof(s);
	mp_located_release(&answer);
	free(q);
	return r;
}

static int
content(struct session *s, const char *operand)
{
	(void)operand;
	return locate(s, MP_KIND_CONTENT_LOCATION, NULL);
}

static int
wsus(struct session *s, const char *operand)
{
	(void)operand;
	return locate(s, MP_KIND_WSUS_LOCATION, NULL);
}

static int
local_mp(struct session *s, const char *operand)
{
	(void)operand;
	return locate(s, MP_KIND_LOCAL_MP_LOCATION, NULL);
}

static int
assigned(struct session *s, const char *operand)
{
	(void)operand;
	return locate(s, MP_KIND_ASSIGNED_SITE, NULL);
}

static int
information(struct session *s, const char *operand)
{
	return locate(s, MP_KIND_SITE_INFORMATION, operand);
}

const struct command command_locate_content = {
    .name = "locate content",
    .operand = "ID VERSION",
    .summary = "find the distribution points of a package",
    .about = "Asks where the package with this id and source version can be "
	     "had, for a client with this machine's addresses.",
    .options = command_no_options,
    .mp = true,
    .run = content,
};

const struct command command_locate_wsus = {
    .name = "locate wsus",
    .operand = "ID VERSION",
    .summary = "find the software update points of an update source",
    .about = "Asks where the update source with this GUID and content version "
	     "is, for a client with this machine's addresses.",
    .options = command_no_options,
    .mp = true,
    .run = wsus,
};

const struct command command_locate_mp = {
    .name = "locate mp",
    .summary = "find the management point nearby",
    .about = "Asks which sites' management points serve the place where this "
	     "machine is.",
    .options = command_no_options,
    .mp = true,
    .run = local_mp,
};

const struct command command_locate_site = {
    .name = "locate site",
    .summary = "find the site that this machine belongs to",
    .about = "Asks to which site a client with this machine's addresses is "
	     "assigned.",
    .options = command_no_options,
    .mp = true,
    .run = assigned,
};

const struct command command_locate_site_info = {
    .name = "locate site-info",
    .operand = "CODE",
    .summary = "show what is known of a site",
    .about = "Asks the management point about the site of this code. With "
	     "--json the answer's own XML is there as well.",
    .options = command_no_options,
    .mp = true,
    .run = information,
};
