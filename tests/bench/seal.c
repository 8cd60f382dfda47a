#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/client.h"
#include "agent/evp.h"
#include "mp/kinds/inventory.h"
#include "mp/kinds/parcel.h"
#include "mp/kinds/registration.h"
#include "mp/seal.h"
#include "tests/bench/bench.h"

#define SMSID "GUID:7B6C9A51-20F4-4E0B-9C1D-5A3F8E2D7C60"
#define NETBIOS "BENCH01"
#define FQDN "bench01.corp.example"
#define TARGET "mp01.corp.example"
#define NAMESPACE "\\\\BENCH01\\root\\cimv2"
#define BODY_MAX (1u << 20)

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct product {
	const char *name;
	const char *version;
	const char *publisher;
	const char *date;
};

/* Software of a machine: what makes an inventory long. */
static const struct product products[] = {
    {"Contoso Archive 22.01 (x64)", "22.01.00.0", "Contoso", "20230114"},
    {"Fabrikam Reader DC - English", "23.006.20320", "Fabrikam", "20231002"},
    {"Runtime Libraries 2019 X64", "14.29.30139", "Northwind", "20220407"},
    {"Runtime Libraries 2022 X86", "14.36.32532", "Northwind", "20230822"},
    {"Tailspin Mail Client (de)", "115.4.1", "Tailspin Toys", "20231109"},
    {"Wingtip Remote Desktop Agent", "1.2.4677", "Wingtip", "20230930"},
    {"Litware Endpoint Protection", "12.9.0.1188", "Litware", "20231030"},
    {"Adatum Ledger Workstation", "8.1.7", "A. Datum", "20210316"},
    {"Proseware Drawing Viewer 2023", "27.0.61.0", "Proseware", "20230215"},
    {"Java Runtime 17 (64-bit)", "17.0.9.11", "Blue Yonder", "20231018"},
    {"VPN Client for Fourth Coffee", "5.0.02075", "Fourth Coffee", "20230504"},
    {"Graphics Driver 531.79", "531.79", "Graphic Design Inst.", "20230601"},
    {"Audio Driver, High Definition", "6.0.9508.1", "Lucerne", "20220903"},
    {"Printing Tools", "3.14.1592", "Southridge Video", "20201224"},
    {"School of Fine Art Fonts", "1.0.0", "Fine Art", "20190708"},
    {"Update Health Tools", "5.72.0.0", "Northwind", "20230119"},
    {"Backup Agent", "12.0.0.1420", "Woodgrove", "20230712"},
};

struct job {
	const char *socket;
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t thumblen;
	enum bench_message what;
	struct mp_parcel inventory; /* checked and packed once */
};

/* What a thread has for itself, as a program's every mp_client has. */
struct sender {
	const struct job *job;
	struct signer signer;
	struct evp *evp;
	struct mp_identity me;
};

static int
complain(const char *text)
{
	(void)fprintf(stderr, "bench: %s\n", text);
	return 1;
}

static int
make_inventory(struct job *j, struct mp_error *e)
{
	static const struct mp_property system[] = {{"Name", NETBIOS},
	    {"Domain", "corp.example"}, {"Manufacturer", "Trey Research"},
	    {"Model", "Workstation T3600"}, {"NumberOfProcessors", "1"},
	    {"SystemType", "x64-based PC"}, {"UserName", "CORP\\m.muster"}};
	static const char class[] = "Win32Reg_AddRemovePrograms64";
	const struct mp_report r = {
	    .machine = {.client_id = SMSID, .netbios = NETBIOS}};
	struct mp_instance list[COUNT(products) + 1] = {
	    {.class = "Win32_ComputerSystem",
		.space = NAMESPACE,
		.properties = system,
		.nproperties = COUNT(system)}};
	struct mp_property values[COUNT(products)][5];
	char codes[COUNT(products)][MP_GUID_MAX];
	struct mp_buf xml;
	int x;

	for (size_t i = 0; i < COUNT(products); i++) {
		const struct product *p = &products[i];
		struct mp_property *v = values[i];

		if (mp_guid_make(codes[i]) != 0)
			return mp_fail(e, MP_ENOMEM, "no random numbers");
		v[0] = (struct mp_property){"ProdID", codes[i]};
		v[1] = (struct mp_property){"DisplayName", p->name};
		v[2] = (struct mp_property){"Version", p->version};
		v[3] = (struct mp_property){"Publisher", p->publisher};
		v[4] = (struct mp_property){"InstallDate", p->date};
		list[i + 1] = (struct mp_instance){.class = class,
		    .space = NAMESPACE,
		    .properties = v,
		    .nproperties = 5};
	}
	mp_buf_init(&xml, BODY_MAX);
	x = mp_inventory_make(
	    MP_KIND_HARDWARE_INVENTORY, &r, list, COUNT(list), &xml, e);
	if (x == MP_OK)
		x = mp_parcel_pack(&j->inventory,
		    mp_kind_rule(MP_KIND_HARDWARE_INVENTORY),
		    (const char *)xml.data, xml.len, NULL, 0, e);
	mp_buf_release(&xml);
	return x;
}

static void
close_sender(void *one)
{
	struct sender *s = one;

	mp_identity_close(&s->me);
	evp_close(s->evp);
	signer_close(&s->signer);
	free(s);
}

static void *
open_sender(void *arg)
{
	const struct job *j = arg;
	struct signer_trouble why = {.text = "out of memory"};
	struct sender *s = calloc(1, sizeof(*s));
	struct client *client;
	struct mp_error e;

	if (s == NULL ||
	    client_open(&client, j->socket, 0, &why) != SIGNER_OK) {
		(void)complain(why.text);
		free(s);
		return NULL;
	}
	s->job = j;
	client_signer(client, &s->signer);
	if (evp_open(&s->evp, &why) != SIGNER_OK)
		(void)complain(why.text);
	else if (mp_identity_open(&s->me, s->evp, &s->signer, j->thumb,
		     j->thumblen, &e) != MP_OK)
		(void)complain(e.text);
	else
		return s;
	close_sender(s);
	return NULL;
}

/* The body has its own signature; so the message is not signed [S]. */
static int
seal_registration(const struct sender *s, struct mp_message *m,
    struct mp_sealed *out, struct mp_error *e)
{
	const struct mp_seal_config how = {.hash = MP_SHA256};
	const struct mp_registration r = {
	    .netbios = NETBIOS, .fqdn = FQDN, .mixed = true};
	struct mp_buf body;
	int x;

	mp_buf_init(&body, BODY_MAX);
	x = mp_registration_request(&r, &s->me, &body, e);
	m->endpoint = mp_kind_rule(MP_KIND_REGISTRATION)->endpoint;
	m->body = (const char *)body.data;
	m->flags = MP_FLAG_COMPRESS;
	if (x == MP_OK)
		x = mp_seal(&s->me, m, &how, out, e);
	mp_buf_release(&body);
	return x;
}

static int
seal_inventory(const struct sender *s, struct mp_message *m,
    struct mp_sealed *out, struct mp_error *e)
{
	const struct mp_seal_config how = {.hash = MP_SHA256};
	const struct mp_parcel *p = &s->job->inventory;

	m->endpoint = p->kind->endpoint;
	m->body = (const char *)p->body.data;
	m->attachments = p->attachments;
	m->nattachments = p->nattachments;
	m->source_id = SMSID;
	m->reply_mode = p->kind->mode;
	m->flags = MP_FLAG_SIGN | MP_FLAG_COMPRESS;
	return mp_seal(&s->me, m, &how, out, e);
}

static int
seal(void *one)
{
	const struct sender *s = one;
	struct mp_error e = {.text = "no random numbers, or no time"};
	struct mp_message m;
	struct mp_sealed out;
	int x;

	if (mp_message_init(&m) != 0)
		return complain(e.text);
	m.source_host = NETBIOS;
	m.target_host = TARGET;
	mp_sealed_init(&out);
	if (s->job->what == BENCH_REGISTRATION)
		x = seal_registration(s, &m, &out, &e);
	else
		x = seal_inventory(s, &m, &out, &e);
	mp_sealed_release(&out);
	return x == MP_OK ? 0 : complain(e.text);
}

int
seal_load(const struct bench_place *b, enum bench_message what, struct load *l)
{
	static struct job jobs[BENCH_INVENTORY + 1];
	struct job *j = &jobs[what];
	struct mp_error e;

	j->socket = b->socket;
	j->what = what;
	if (signer_thumbprint_parse(b->thumbprint, j->thumb, &j->thumblen) !=
	    SIGNER_OK)
		return complain("not a thumbprint");
	if (what == BENCH_INVENTORY && make_inventory(j, &e) != MP_OK)
		return complain(e.text);
	l->open = open_sender;
	l->step = seal;
	l->close = close_sender;
	l->arg = j;
	return 0;
}
