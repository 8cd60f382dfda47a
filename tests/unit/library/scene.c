#include "tests/unit/library/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world w;

int
make_world(void **state)
{
	char thumb[2 * SIGNER_SHA256_LEN + 1];
	struct sealpoint_failure why;
	struct pki_wish by_ca;

	(void)state;
	w.ca_key = pki_key();
	w.mp_key = pki_key();
	w.client_key = pki_key();
	w.ca = pki_cert(w.ca_key, &(struct pki_wish){.cn = "CA", .ca = true});
	by_ca = (struct pki_wish){.cn = "MP1",
	    .san = "DNS:localhost",
	    .issuer = w.ca,
	    .issuer_key = w.ca_key};
	w.tls = pki_cert(w.mp_key, &by_ca);
	w.sign = pki_cert(w.mp_key, &(struct pki_wish){.cn = "MP1 signing"});
	by_ca.cn = "CLIENT1";
	w.client = pki_cert(w.client_key, &by_ca);
	pki_dir(w.dir);
	pki_save(w.dir, "ca.pem", w.ca, w.ca_path);
	pki_save(w.dir, "sign.pem", w.sign, w.sign_path);
	rig_start(&w.rig);
	soft_signer_add(w.rig.soft, w.client_key, w.client, &w.key);
	rig_hex(w.key.sha1, sizeof(w.key.sha1), thumb);
	return sealpoint_identity_from_signer(
	    &w.identity, &w.rig.table, thumb, &why);
}

int
end_world(void **state)
{
	(void)state;
	sealpoint_identity_free(w.identity);
	rig_end(&w.rig);
	X509_free(w.ca);
	X509_free(w.tls);
	X509_free(w.sign);
	X509_free(w.client);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.mp_key);
	EVP_PKEY_free(w.client_key);
	pki_remove(w.dir);
	return w.rig.closed == 1 ? 0 : -1;
}

static void
note(void *ctx, const char *what)
{
	struct scene *s = ctx;
	size_t used = strlen(s->steps);

	(void)snprintf(s->steps + used, sizeof(s->steps) - used, "%s\n", what);
}

/* Aborts rather than asserts: threads of a test call it too. */
static void
must(int r, const struct sealpoint_failure *why)
{
	if (r == SEALPOINT_OK)
		return;
	print_error("%s\n", why->text);
	abort();
}

void
scene_start(struct scene *s)
{
	static struct little_answer nothing[1];
	struct https_config there = {.cert = w.tls,
	    .key = w.mp_key,
	    .client_ca = w.ca,
	    .handle = little_handle,
	    .ctx = &s->mp};
	struct sealpoint_failure why;

	memset(s, 0, sizeof(*s));
	s->mp.sign_key = w.mp_key;
	s->mp.sign_cert = w.sign;
	s->mp.site = "PRI";
	s->mp.senders = "MP1;localhost;";
	s->mp.answers = nothing;
	s->mp.server = https_start(&there);
	/* As ported code has it: the flag chooses the mode. */
	(void)snprintf(s->url, sizeof(s->url), "http://localhost:%u",
	    https_port(s->mp.server));
	pki_dir(s->base);
	pki_path(s->state, s->base, "state");
	must(sealpoint_messaging_new(&s->messaging, &why), &why);
	must(sealpoint_messaging_set_site(s->messaging, "PRI", &why), &why);
	must(sealpoint_messaging_set_names(
		 s->messaging, "CLIENT1", "client1.example.test", &why),
	    &why);
	must(sealpoint_messaging_set_ca(s->messaging, w.ca_path, &why), &why);
	must(sealpoint_messaging_set_state(s->messaging, s->state, &why), &why);
	must(sealpoint_messaging_set_deadline(s->messaging, 5000, &why), &why);
	must(sealpoint_messaging_set_trace(s->messaging, note, s, &why), &why);
	must(
	    sealpoint_messaging_create_message(s->messaging, &s->message, &why),
	    &why);
	must(sealpoint_message_set_security_flags(
		 s->message, SEALPOINT_SECURITY_FLAG_NATIVE_MODE, &why),
	    &why);
	must(
	    sealpoint_message_set_identity(s->message, w.identity, &why), &why);
	must(sealpoint_message_verify_server_signature(
		 s->message, w.sign_path, &why),
	    &why);
}

void
scene_end(struct scene *s)
{
	sealpoint_message_free(s->message);
	sealpoint_messaging_free(s->messaging);
	https_stop(s->mp.server);
	pki_remove(s->state);
	pki_remove(s->base);
}

int
scene_register(struct scene *s, struct sealpoint_failure *why)
{
	char smsid[SEALPOINT_SMSID_MAX];

	return sealpoint_messaging_register(
	    s->messaging, s->url, s->message, NULL, smsid, why);
}
