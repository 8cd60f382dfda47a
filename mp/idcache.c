#include "mp/idcache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/signer.h"

#define ENTRIES 4

struct entry {
	enum mp_hash hash;
	char smsid[MP_SMSID_MAX]; /* "" if empty */
	char hex[2 * SIGNER_SIG_MAX];
	size_t len;
};

struct mp_idcache {
	pthread_mutex_t lock;
	struct entry list[ENTRIES];
	unsigned next; /* the one to be replaced */
};

struct mp_idcache *
mp_idcache_new(void)
{
	struct mp_idcache *c = calloc(1, sizeof(*c));

	if (c != NULL && pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

void
mp_idcache_free(struct mp_idcache *c)
{
	if (c == NULL)
		return;
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry *
find(struct mp_idcache *c, enum mp_hash hash, const char *smsid)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (c->list[i].smsid[0] != '\0' && c->list[i].hash == hash &&
		    strcmp(c->list[i].smsid, smsid) == 0)
			return &c->list[i];
	return NULL;
}

bool
mp_idcache_get(struct mp_idcache *c, enum mp_hash hash, const char *smsid,
    struct mp_buf *hex)
{
	struct entry *found;

	if (c == NULL)
		return false;
	(void)pthread_mutex_lock(&c->lock);
	found = find(c, hash, smsid);
	if (found != NULL)
		mp_buf_add(hex, found->hex, found->len);
	(void)pthread_mutex_unlock(&c->lock);
	return found != NULL;
}

void
mp_idcache_put(struct mp_idcache *c, enum mp_hash hash, const char *smsid,
    const char *hex, size_t len)
{
	struct entry *slot;
	size_t idlen = strlen(smsid);

	if (c == NULL || idlen == 0 || idlen >= sizeof(slot->smsid) ||
	    len > sizeof(slot->hex))
		return;
	(void)pthread_mutex_lock(&c->lock);
	slot = find(c, hash, smsid);
	if (slot == NULL) {
		slot = &c->list[c->next];
		c->next = (c->next + 1) % ENTRIES;
	}
	slot->hash = hash;
	memcpy(slot->smsid, smsid, idlen + 1);
	memcpy(slot->hex, hex, len);
	slot->len = len;
	(void)pthread_mutex_unlock(&c->lock);
}
