/* The answers of the location manager (sdk-facts 4.5). */
#include <stdlib.h>
#include <string.h>

#include "mp/kinds/locate.h"

#define TEXT_LEN_MAX 4096 /* bytes of a URL, a name, a number */

struct reader {
	struct mp_located *out;
	size_t places; /* of all sites */
	struct mp_error *e;
};

static int
copy(struct reader *r, char **to, const char *text, const char *what)
{
	return mp_value_copy(
	    to, text, TEXT_LEN_MAX, "the location reply", what, r->e);
}

static size_t
count(const struct mp_xml_node *parent, const char *name)
{
	const struct mp_xml_node *n;
	size_t c = 0;

	for (n = mp_xml_child(parent, name); n != NULL;
	     n = mp_xml_next(n, name))
		c++;
	return c;
}

static int
no_memory(struct reader *r)
{
	return mp_fail(r->e, MP_ENOMEM, "no memory for the location reply");
}

/* An attribute of a child, for each child of that name. */
static int
take_list(struct reader *r, const struct mp_xml_node *parent, const char *name,
    const char *attribute, char ***list, size_t *n)
{
	const struct mp_xml_node *c = mp_xml_child(parent, name);
	int x = MP_OK;

	*list = calloc(count(parent, name) + 1, sizeof(**list));
	if (*list == NULL)
		return no_memory(r);
	for (; x == MP_OK && c != NULL; c = mp_xml_next(c, name))
		x = copy(r, &(*list)[(*n)++], mp_xml_attr(c, attribute), name);
	return x;
}

static const char *
attr(const struct mp_xml_node *n, const char *name)
{
	return n == NULL ? NULL : mp_xml_attr(n, name);
}

/* A record's own attribute, or its child's text. */
static const char *
either(const struct mp_xml_node *n, const char *name, const char *child)
{
	const char *a = attr(n, name);

	return a != NULL ? a : mp_xml_child_text(n, child);
}

/* A WSUS record is one URL in an attribute; content has elements. */
static int
take_urls(struct reader *r, const struct mp_xml_node *n, struct mp_place *p)
{
	if (attr(n, "WSUSURL") == NULL)
		return take_list(r, n, "URL", "Name", &p->urls, &p->nurls);
	p->urls = calloc(1, sizeof(*p->urls));
	if (p->urls == NULL)
		return no_memory(r);
	p->nurls = 1;
	return copy(r, &p->urls[0], attr(n, "WSUSURL"), "WSUSURL");
}

static int
take_place(struct reader *r, const struct mp_xml_node *n, struct mp_place *p)
{
	const struct mp_xml_node *smb = mp_xml_child(n, "SMBPath");
	const char *path = attr(smb, "Name");
	int x;

	if ((x = take_urls(r, n, p)) != MP_OK ||
	    (x = copy(r, &p->smb, path != NULL ? path : mp_xml_text(smb),
		 "SMBPath")) != MP_OK ||
	    (x = copy(r, &p->ad_site, attr(mp_xml_child(n, "ADSite"), "Name"),
		 "ADSite")) != MP_OK ||
	    (x = take_list(r, mp_xml_child(n, "IPSubnets"), "IPSubnet",
		 "Address", &p->subnets, &p->nsubnets)) != MP_OK ||
	    (x = copy(r, &p->metric, attr(mp_xml_child(n, "Metric"), "Value"),
		 "Metric")) != MP_OK ||
	    (x = copy(r, &p->locality, mp_xml_child_text(n, "Locality"),
		 "Locality")) != MP_OK ||
	    (x = copy(r, &p->server,
		 either(n, "ServerName", "ServerRemoteName"), "server")) !=
		MP_OK)
		return x;
	return copy(r, &p->version, either(n, "Version", "Version"), "Version");
}

/* The site's own attributes, or those of its MPSite. */
static int
take_site(
    struct reader *r, const struct mp_xml_node *n, struct mp_located_site *s)
{
	const struct mp_xml_node *of = mp_xml_child(n, "MPSite");
	const struct mp_xml_node *records = mp_xml_child(n, "LocationRecords");
	const struct mp_xml_node *p = mp_xml_child(records, "LocationRecord");
	size_t places = count(records, "LocationRecord");
	const char *locality;
	int x;

	if (of == NULL)
		of = n;
	locality = attr(of, "SiteLocality");
	if ((x = copy(r, &s->site, attr(of, "SiteCode"), "SiteCode")) !=
		MP_OK ||
	    (x = copy(r, &s->master, attr(of, "MasterSiteCode"),
		 "MasterSiteCode")) != MP_OK ||
	    (x = copy(r, &s->locality,
		 locality != NULL ? locality : attr(of, "Locality"),
		 "Locality")) != MP_OK)
		return x;
	if (places > MP_LOCATED_MAX - r->places)
		return mp_fail(r->e, MP_ELIMIT,
		    "the location reply names more than %d places",
		    MP_LOCATED_MAX);
	r->places += places;
	s->places = calloc(places + 1, sizeof(*s->places));
	if (s->places == NULL)
		return no_memory(r);
	for (; x == MP_OK && p != NULL; p = mp_xml_next(p, "LocationRecord"))
		x = take_place(r, p, &s->places[s->nplaces++]);
	return x;
}

static int
take_sites(struct reader *r, const struct mp_xml_node *root)
{
	const struct mp_xml_node *sites = mp_xml_child(root, "Sites");
	const struct mp_xml_node *s = mp_xml_child(sites, "Site");
	size_t n = count(sites, "Site");
	int x = MP_OK;

	if (n > MP_LOCATED_MAX)
		return mp_fail(r->e, MP_ELIMIT,
		    "the location reply names more than %d sites",
		    MP_LOCATED_MAX);
	r->out->sites = calloc(n + 1, sizeof(*r->out->sites));
	if (r->out->sites == NULL)
		return no_memory(r);
	for (; x == MP_OK && s != NULL; s = mp_xml_next(s, "Site"))
		x = take_site(r, s, &r->out->sites[r->out->nsites++]);
	return x;
}

/*
 * No source shows the replies about sites; the code is looked for where the
 * requests and the other replies have it [I]: in an attribute of the root or
 * of one of its children. All of it stays in xml.
 */
static int
take_one_site(struct reader *r, const struct mp_xml_node *root)
{
	const struct mp_xml_node *n = root;

	if (mp_xml_child(root, "Sites") != NULL)
		return take_sites(r, root);
	if (attr(root, "SiteCode") == NULL)
		for (n = mp_xml_child(root, NULL); n != NULL;
		     n = mp_xml_next(n, NULL))
			if (attr(n, "SiteCode") != NULL)
				break;
	if (n == NULL)
		return MP_OK;
	r->out->sites = calloc(1, sizeof(*r->out->sites));
	if (r->out->sites == NULL)
		return no_memory(r);
	r->out->nsites = 1;
	return take_site(r, n, &r->out->sites[0]);
}

int
mp_located_parse(const struct mp_buf *xml, enum mp_kind kind,
    struct mp_located *out, struct mp_error *e)
{
	const struct mp_kind_rule *k = mp_kind_rule(kind);
	struct reader r = {.out = out, .e = e};
	const struct mp_xml_node *root;
	struct mp_xml *doc;
	int x;

	memset(out, 0, sizeof(*out));
	out->kind = kind;
	x = mp_xml_parse_many(&doc, (const char *)xml->data, xml->len,
	    MP_XML_NODES_LARGE, "the location reply", e);
	if (x != MP_OK)
		return x;
	root = mp_xml_root(doc);
	out->xml = strndup((const char *)xml->data, xml->len);
	if (k == NULL || k->reply_root == NULL ||
	    !mp_xml_is(root, k->reply_root))
		x = mp_fail(e, MP_EREPLY,
		    "the answer to a location request is <%.40s>, not <%s>",
		    mp_xml_name(root),
		    k == NULL ? "" : mp_value_or(k->reply_root, ""));
	else if (out->xml == NULL)
		x = no_memory(&r);
	else if (kind == MP_KIND_ASSIGNED_SITE ||
		 kind == MP_KIND_SITE_INFORMATION)
		x = take_one_site(&r, root);
	else
		x = take_sites(&r, root);
	mp_xml_free(doc);
	if (x != MP_OK)
		mp_located_release(out);
	return x;
}

static void
release_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void
release_place(struct mp_place *p)
{
	release_list(p->urls, p->nurls);
	release_list(p->subnets, p->nsubnets);
	free(p->smb);
	free(p->ad_site);
	free(p->metric);
	free(p->locality);
	free(p->server);
	free(p->version);
}

void
mp_located_release(struct mp_located *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nsites; i++) {
		struct mp_located_site *s = &l->sites[i];

		for (size_t k = 0; k < s->nplaces; k++)
			release_place(&s->places[k]);
		free(s->places);
		free(s->site);
		free(s->master);
		free(s->locality);
	}
	free(l->sites);
	free(l->xml);
	memset(l, 0, sizeof(*l));
}
