#include "pkcs11/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "pkcs11/token_impl.h"
#include "pkcs11/trouble.h"

int
token_open(struct token **tp, const struct token_config *cfg,
    struct token_trouble *why)
{
	struct token *t = calloc(1, sizeof(*t));
	int r;

	*tp = NULL;
	r = trouble_say(why, TOKEN_ENOMEM, true, "out of memory");
	if (t == NULL)
		goto out;
	r = trouble_say(why, TOKEN_ECONFIG, false,
	    "a token needs a module and a URI; configure both");
	if (cfg->module == NULL || cfg->uri == NULL)
		goto out;
	memcpy(t->seed, cfg->seed, sizeof(t->seed));
	t->reauth = cfg->reauth;
	r = uri_open(&t->uri, cfg->uri, why);
	if (r == TOKEN_OK)
		r = module_open(&t->module, cfg->module, why);
	if (r == TOKEN_OK)
		r = link_open(&t->link, t->module, t->uri, cfg, why);
	if (r != TOKEN_OK)
		goto out;
	trouble_clear(why);
	*tp = t;
	t = NULL;
out:
	token_close(t);
	return r;
}

void
token_close(struct token *t)
{
	if (t == NULL)
		return;
	link_close(t->link);
	module_close(t->module);
	uri_close(t->uri);
	OPENSSL_cleanse(t->seed, sizeof(t->seed));
	free(t);
}

int
token_end(int r, struct token_trouble *why)
{
	if (r == TOKEN_OK)
		trouble_clear(why);
	return r;
}

int
token_ready(struct token *t, struct token_trouble *why)
{
	struct link_use use;
	int r;

	link_begin(t->link, &use);
	r = link_enter(t->link, &use, why);
	if (r == TOKEN_OK)
		link_leave(t->link, &use, true);
	return token_end(r, why);
}

int
token_forget(struct token *t, struct token_trouble *why)
{
	return token_end(link_down(t->link, false, why), why);
}

int
token_lock(struct token *t, struct token_trouble *why)
{
	return token_end(link_down(t->link, true, why), why);
}

void
token_unlock(struct token *t)
{
	link_unlock(t->link);
}

unsigned
token_tend(struct token *t, int *err, struct token_trouble *why)
{
	return link_tend(t->link, err, why);
}

int
token_rescan(struct token *t, struct token_trouble *why)
{
	return token_end(link_rescan(t->link, why), why);
}

size_t
token_list(struct token *t, size_t from, struct token_identity *ids, size_t max,
    uint64_t *generation)
{
	struct link_use use;
	size_t n = 0;

	*generation = 0;
	link_begin(t->link, &use);
	if (link_enter(t->link, &use, NULL) != TOKEN_OK)
		return 0;
	*generation = use.generation;
	while (n < max) {
		const struct index_entry *e =
		    index_identity(use.index, from + n);

		if (e == NULL)
			break;
		memcpy(ids[n].sha1, e->cert.sha1, sizeof(ids[n].sha1));
		memcpy(ids[n].sha256, e->cert.sha256, sizeof(ids[n].sha256));
		ids[n].type = e->key.pub.type;
		ids[n].bits = e->key.pub.bits;
		/* A key that may not be used is listed, and can nothing. */
		ids[n].mechs = e->key.always && t->reauth == TOKEN_REAUTH_NEVER
				   ? 0
				   : e->key.mechs;
		ids[n].not_after = e->cert.not_after;
		n++;
	}
	link_leave(t->link, &use, true);
	return n;
}

uint64_t
token_generation(struct token *t)
{
	return link_generation(t->link);
}

const char *
token_brief(char text[20], const uint8_t key[TOKEN_SHA256_LEN])
{
	(void)snprintf(text, 20, "%02x%02x%02x%02x%02x%02x...", key[0], key[1],
	    key[2], key[3], key[4], key[5]);
	return text;
}

int
token_look_up(struct token *t, const struct link_use *use, const uint8_t *key,
    const struct index_entry **e, struct token_trouble *why)
{
	char name[URI_TEXT_MAX], text[20];

	*e = index_find(use->index, key);
	if (*e != NULL && (*e)->keyed)
		return TOKEN_OK;
	link_name(t->link, name);
	if (!rv_ok(index_gap(use->index)))
		return trouble_rv(why, name, "cannot read all its objects",
		    index_gap(use->index));
	if (*e != NULL)
		return trouble_say(why, TOKEN_ENOKEY, false,
		    "%s: the certificate with SHA-256 %s is there, but not "
		    "its private key; choose a certificate whose key is on "
		    "the token",
		    name, token_brief(text, key));
	return trouble_say(why, TOKEN_ENOKEY, false,
	    "%s: has no certificate with SHA-256 %s; list the token's keys",
	    name, token_brief(text, key));
}

int
token_certificate(struct token *t, const uint8_t key[TOKEN_SHA256_LEN],
    unsigned depth, uint8_t *der, size_t *len, struct token_trouble *why)
{
	const struct index_entry *e;
	const struct cert *c = NULL;
	size_t room = *len;
	struct link_use use;
	char text[20];
	int r;

	*len = 0;
	link_begin(t->link, &use);
	r = link_enter(t->link, &use, why);
	if (r != TOKEN_OK)
		return r;
	r = token_look_up(t, &use, key, &e, why);
	if (r != TOKEN_OK)
		goto out;
	c = index_chain(use.index, e, depth);
	r = trouble_say(why, TOKEN_ENOKEY, false,
	    "the chain of certificate %s has no more than %u certificates on "
	    "its token",
	    token_brief(text, key), depth);
	if (c == NULL)
		goto out;
	r = trouble_say(why, TOKEN_EARG, false,
	    "the certificate has %zu bytes, and there is room for %zu", c->len,
	    room);
	if (c->len > room)
		goto out;
	memcpy(der, c->der, c->len);
	*len = c->len;
	r = TOKEN_OK;
out:
	link_leave(t->link, &use, true);
	return token_end(r, why);
}

void
token_stats(struct token *t, struct token_stats *st)
{
	struct module_counts calls = module_counts(t->module);
	struct link_state link;

	link_state(t->link, &link);
	memset(st, 0, sizeof(*st));
	memcpy(st->label, link.name, sizeof(st->label));
	st->ready = link.ready;
	st->identities = link.counts.identities;
	st->sessions = link.sessions;
	st->signatures = t->signatures;
	st->decryptions = t->decryptions;
	st->logins = calls.logins;
	st->logins_refused = calls.refused;
	st->searches = calls.searches;
	st->recoveries = link.recoveries;
	st->retries = t->retries;
	st->certs_without_key = link.counts.certs_without_key;
	st->keys_without_cert = link.counts.keys_without_cert;
}

const char *
token_strerror(int err)
{
	switch ((enum token_err)err) {
	case TOKEN_OK:
		return "no error";
	case TOKEN_ECONFIG:
		return "the token's configuration can never work";
	case TOKEN_EMODULE:
		return "the token's module cannot be used";
	case TOKEN_EABSENT:
		return "the token is absent";
	case TOKEN_EPIN:
		return "the token needs its PIN";
	case TOKEN_EPINLOCKED:
		return "the token's PIN is locked";
	case TOKEN_ENOKEY:
		return "no such key on the token";
	case TOKEN_EAMBIGUOUS:
		return "the URI fits several tokens";
	case TOKEN_EMECH:
		return "the key or its token cannot do this";
	case TOKEN_EARG:
		return "lengths or values that cannot be";
	case TOKEN_EBUSY:
		return "the token is busy";
	case TOKEN_EDEVICE:
		return "the token failed";
	case TOKEN_EDATA:
		return "the data cannot be decrypted";
	case TOKEN_ENOMEM:
		return "out of memory";
	}
	return "unknown error";
}
