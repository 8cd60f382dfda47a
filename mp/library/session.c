#include "mp/library/session.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mp/client_send.h"
#include "mp/library/identity.h"
#include "mp/library/text.h"

/* Whose message it is: changes without a new connection. */
#define VOICE 3

/* Every string of a configuration; they must outlive the client. */
static const size_t texts[] = {
    offsetof(struct mp_client_config, client_id),
    offsetof(struct mp_client_config, netbios),
    offsetof(struct mp_client_config, fqdn),
    offsetof(struct mp_client_config, mp),
    offsetof(struct mp_client_config, proxy_smsid),
    offsetof(struct mp_client_config, hint),
    offsetof(struct mp_client_config, hardware_id),
    offsetof(struct mp_client_config, want_smsid),
    offsetof(struct mp_client_config, auth_file),
    offsetof(struct mp_client_config, http_proxy),
    offsetof(struct mp_client_config, http_proxy_file),
    offsetof(struct mp_client_config, encrypt_certs),
    offsetof(struct mp_client_config, site),
    offsetof(struct mp_client_config, ca),
    offsetof(struct mp_client_config, mp_certs),
    offsetof(struct mp_client_config, state_dir),
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char *
get(const struct mp_client_config *cfg, size_t i)
{
	const char *text;

	memcpy(&text, (const char *)cfg + texts[i], sizeof(text));
	return text;
}

static void
put(struct mp_client_config *cfg, size_t i, const char *text)
{
	memcpy((char *)cfg + texts[i], &text, sizeof(text));
}

static void
forget(struct mp_client_config *cfg)
{
	for (size_t i = 0; i < TEXTS; i++) {
		union {
			const char *in;
			char *out;
		} text = {get(cfg, i)};

		free(text.out);
	}
	memset(cfg, 0, sizeof(*cfg));
}

static int
keep(struct mp_client_config *to, const struct mp_client_config *from)
{
	int r = 0;

	*to = *from;
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = get(from, i);

		put(to, i, text != NULL ? strdup(text) : NULL);
		if (text != NULL && get(to, i) == NULL)
			r = -1;
	}
	if (r != 0)
		forget(to);
	return r;
}

static bool
same(const struct mp_client_config *a, const struct mp_client_config *b)
{
	for (size_t i = VOICE; i < TEXTS; i++)
		if (!text_same(get(a, i), get(b, i)))
			return false;
	return a->mode == b->mode && a->port == b->port && a->as == b->as &&
	       a->internet == b->internet && a->crl == b->crl &&
	       a->auth == b->auth && a->cipher == b->cipher &&
	       a->signature == b->signature && a->mp_hash == b->mp_hash &&
	       a->hash == b->hash &&
	       a->policy_hash_rule == b->policy_hash_rule &&
	       a->upload_max == b->upload_max &&
	       a->timeout_ms == b->timeout_ms && a->step == b->step &&
	       a->step_ctx == b->step_ctx;
}

/* Another client on the connection that there is. */
static int
speak(struct session *s, const struct mp_client_config *cfg, struct mp_error *e)
{
	struct mp_client_config next;
	int r;

	if (keep(&next, cfg) != 0)
		return mp_fail(e, MP_ENOMEM, "out of memory");
	r = mp_client_speak(
	    s->client, next.client_id, next.netbios, next.fqdn, e);
	if (r != MP_OK) {
		forget(&next);
		return r;
	}
	/* The client has the new names, and still the rest of the old. */
	for (size_t i = 0; i < VOICE; i++) {
		const char *mine = get(&s->cfg, i);

		put(&s->cfg, i, get(&next, i));
		put(&next, i, mine);
	}
	forget(&next);
	return MP_OK;
}

int
session_open(struct session *s, const struct mp_client_config *cfg,
    struct sealpoint_identity *id, struct mp_error *e)
{
	int r;

	if (s->client != NULL && s->identity == id && same(&s->cfg, cfg))
		return speak(s, cfg, e);
	session_close(s);
	if (keep(&s->cfg, cfg) != 0)
		return mp_fail(e, MP_ENOMEM, "out of memory");
	s->identity = identity_ref(id);
	r = mp_client_open(&s->client, &s->cfg, id->evp, &id->signer,
	    id->id.sha256, sizeof(id->id.sha256), e);
	if (r != MP_OK)
		session_close(s);
	return r;
}

void
session_close(struct session *s)
{
	mp_client_close(s->client);
	sealpoint_identity_free(s->identity);
	forget(&s->cfg);
	memset(s, 0, sizeof(*s));
}
