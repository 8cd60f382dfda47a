#include "tests/unit/mp/client_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct client_world w;
struct client_scene s;

int
make_world(void **state)
{
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
	w.other = pki_cert(w.mp_key, &(struct pki_wish){.cn = "Mallory"});
	by_ca.cn = "CLIENT1";
	w.client = pki_cert(w.client_key, &by_ca);
	by_ca.from = -2 * PKI_DAY;
	by_ca.to = -PKI_DAY;
	w.expired = pki_cert(w.client_key, &by_ca);
	w.alone = pki_cert(
	    w.client_key, &(struct pki_wish){.cn = "ConfigMgr Client"});
	pki_dir(w.dir);
	pki_save(w.dir, "ca.pem", w.ca, w.ca_path);
	pki_save(w.dir, "sign.pem", w.sign, w.sign_path);
	w.soft = soft_signer_new();
	soft_signer_add(w.soft, w.client_key, w.client, &w.id);
	soft_signer_add(w.soft, w.client_key, w.expired, &w.old);
	soft_signer_add(w.soft, w.client_key, w.alone, &w.self);
	soft_signer_make(w.soft, "ec-p256", "EC", &w.ec, NULL);
	soft_signer_signer(w.soft, &w.signer);
	return evp_open(&w.evp, NULL);
}

int
end_world(void **state)
{
	(void)state;
	evp_close(w.evp);
	signer_close(&w.signer);
	X509_free(w.ca);
	X509_free(w.tls);
	X509_free(w.sign);
	X509_free(w.other);
	X509_free(w.client);
	X509_free(w.expired);
	X509_free(w.alone);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.mp_key);
	EVP_PKEY_free(w.client_key);
	pki_remove(w.dir);
	return 0;
}

static void
note(void *ctx, const char *what)
{
	struct client_scene *scene = ctx;
	size_t used = strlen(scene->steps);

	(void)snprintf(
	    scene->steps + used, sizeof(scene->steps) - used, "%s\n", what);
}

static void
arrange(bool tls)
{
	struct https_config there = {.cert = tls ? w.tls : NULL,
	    .key = w.mp_key,
	    .client_ca = w.ca,
	    .handle = little_handle,
	    .ctx = &s.mp};
	static struct little_answer nothing[1];

	memset(&s, 0, sizeof(s));
	s.who = tls ? &w.id : &w.self;
	s.mp.sign_key = w.mp_key;
	s.mp.sign_cert = w.sign;
	s.mp.site = "PRI";
	s.mp.senders = "MP1;localhost;";
	s.mp.answers = nothing;
	s.mp.server = https_start(&there);
	(void)snprintf(s.url, sizeof(s.url), "%s://localhost:%u",
	    tls ? "https" : "http", https_port(s.mp.server));
	pki_dir(s.base);
	pki_path(s.state, s.base, "state");
	s.cfg = (struct mp_client_config){.mp = s.url,
	    .mode = tls ? MP_MODE_NATIVE : MP_MODE_MIXED,
	    .site = "pri",
	    .netbios = "CLIENT1",
	    .fqdn = "client1.example.test",
	    .ca = tls ? w.ca_path : NULL,
	    .mp_certs = w.sign_path,
	    .state_dir = s.state,
	    .timeout_ms = 5000,
	    .poll_ms = 20,
	    .step = note,
	    .step_ctx = &s};
}

int
set_up(void **state)
{
	(void)state;
	arrange(true);
	return 0;
}

int
set_up_mixed(void **state)
{
	(void)state;
	arrange(false);
	return 0;
}

int
tear_down(void **state)
{
	(void)state;
	mp_client_close(s.client);
	https_stop(s.mp.server);
	pki_remove(s.state);
	pki_remove(s.base);
	return 0;
}

void
reopen(void)
{
	struct mp_error e;

	mp_client_close(s.client);
	s.client = NULL;
	if (mp_client_open(&s.client, &s.cfg, w.evp, &w.signer, s.who->sha1,
		sizeof(s.who->sha1), &e) != 0)
		fail_msg("%s", e.text);
}

void
says(const struct mp_error *e, const char *words)
{
	if (strstr(e->text, words) == NULL)
		fail_msg("not said: \"%s\" in \"%s\"", words, e->text);
}

int
enrol(unsigned wait_s, struct mp_state_client *out, bool *already,
    struct mp_error *e)
{
	memset(e, 0, sizeof(*e));
	reopen();
	return mp_client_register(s.client, wait_s, out, already, e);
}

void
must_enrol(unsigned wait_s)
{
	struct mp_state_client c;
	struct mp_error e;
	bool already;

	if (enrol(wait_s, &c, &already, &e) != 0)
		fail_msg("%s", e.text);
	assert_false(already);
	assert_int_equal(c.status, MP_REGISTERED);
	assert_string_equal(c.smsid, SMSID);
	assert_string_equal(mp_client_proof(s.client), "signature");
}
