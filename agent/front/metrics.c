#include "agent/front/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/catalogue.h"
#include "agent/front/locks.h"
#include "agent/front/operation.h"
#include "agent/front/workers.h"
#include "version.h"

#define BUCKETS 18 /* the first one 100 us, each twice the last */
#define FIRST_US 100
#define SLOTS (2 * METRICS_KEYS_MAX)
#define RESULTS (1 - SIGNER_ENOMEM)

enum kind { KIND_SIGN, KIND_DECRYPT, KIND_TLS, KIND_CERTIFICATE, KINDS };

static const char *const kind_names[KINDS] = {
    "sign", "decrypt", "tls", "certificate"};

/* By -(enum signer_err). */
static const char *const result_names[RESULTS] = {"ok", "bad_request", "denied",
    "no_key", "ambiguous", "mechanism", "absent", "pin", "pin_locked", "busy",
    "timeout", "device", "data", "agent", "protocol", "memory"};

struct series {
	uint8_t sha256[SIGNER_SHA256_LEN];
	uint8_t sha1[SIGNER_SHA1_LEN];
	uint64_t n[KINDS][RESULTS];
};

struct histogram {
	uint64_t le[BUCKETS]; /* in this bucket alone; above all: count only */
	uint64_t count;
	uint64_t sum_us;
};

struct metrics {
	const struct front *f;
	size_t nkeys;
	struct series keys[METRICS_KEYS_MAX];
	struct series others;
	uint16_t slots[SLOTS]; /* number of a key, from 1; 0: free */
	uint64_t refused[RESULTS];
	struct histogram token[KINDS];
	struct histogram total[KINDS];
	struct link_counted counts[CONF_TOKENS_MAX];
};

struct metrics *
metrics_new(const struct front *f)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->f = f;
	return m;
}

void
metrics_free(struct metrics *m)
{
	free(m);
}

/* The key's numbers; made when it is first seen. */
static struct series *
find(struct metrics *m, const uint8_t sha256[SIGNER_SHA256_LEN])
{
	const struct catalogue_entry *e;
	struct series *s;
	size_t at = ((size_t)sha256[0] << 8 | sha256[1]) % SLOTS;

	for (; m->slots[at] != 0; at = (at + 1) % SLOTS) {
		s = &m->keys[m->slots[at] - 1];
		if (memcmp(s->sha256, sha256, SIGNER_SHA256_LEN) == 0)
			return s;
	}
	e = catalogue_by_sha256(m->f->catalogue, sha256);
	if (e == NULL || m->nkeys == METRICS_KEYS_MAX)
		return &m->others;
	s = &m->keys[m->nkeys++];
	memcpy(s->sha256, sha256, sizeof(s->sha256));
	memcpy(s->sha1, e->id.sha1, sizeof(s->sha1));
	m->slots[at] = (uint16_t)m->nkeys;
	return s;
}

static void
observe(struct histogram *h, uint64_t us)
{
	uint64_t edge = FIRST_US;

	h->count++;
	h->sum_us += us;
	for (size_t i = 0; i < BUCKETS; i++, edge *= 2) {
		if (us > edge)
			continue;
		h->le[i]++;
		return;
	}
}

static size_t
result(int err)
{
	return err <= 0 && -err < RESULTS ? (size_t)-err
					  : (size_t)-SIGNER_EDEVICE;
}

static enum kind
kind_of(const struct ticket *k)
{
	if (k->use == SIGNER_USE_DECRYPT)
		return KIND_DECRYPT;
	if (k->use == SIGNER_USE_TLS)
		return KIND_TLS;
	return k->use == SIGNER_USE_SIGN ? KIND_SIGN : KIND_CERTIFICATE;
}

/* Was it let through to a key? One that waited for a token may not yet be. */
static bool
keyed(const struct ticket *k)
{
	static const uint8_t none[SIGNER_SHA256_LEN];

	return (k->type == PROTO_SIGN || k->type == PROTO_DECRYPT ||
		   k->type == PROTO_CERTIFICATE) &&
	       memcmp(k->key, none, sizeof(none)) != 0;
}

void
metrics_done(struct metrics *m, const struct ticket *k, int err,
    uint64_t total_us, uint32_t token_us)
{
	enum kind kind = kind_of(k);

	if (!keyed(k)) {
		if (err != SIGNER_OK)
			metrics_refused(m, err);
		return;
	}
	find(m, k->key)->n[kind][result(err)]++;
	observe(&m->total[kind], total_us);
	if (token_us != 0)
		observe(&m->token[kind], token_us);
}

void
metrics_refused(struct metrics *m, int err)
{
	m->refused[result(err)]++;
}

void
metrics_counted(struct metrics *m, unsigned index, const struct link_counted *n)
{
	m->counts[index] = *n;
}

void
metrics_report(const struct metrics *m, unsigned index, struct client_token *t)
{
	const struct link_counted *n = &m->counts[index];

	t->identities = n->identities;
	t->sessions = n->sessions;
	t->signatures = n->signatures;
	t->decryptions = n->decryptions;
	t->logins = n->logins;
	t->searches = n->searches;
	t->recoveries = n->recoveries;
	t->retries = n->retries;
}

void
metrics_reset(struct metrics *m, unsigned index)
{
	memset(&m->counts[index], 0, sizeof(m->counts[index]));
}

/* A label's value; what the format gives a meaning is escaped. */
static void
put_value(FILE *o, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			(void)fputc('\\', o);
		if (*text == '\n')
			(void)fputs("\\n", o);
		else
			(void)fputc(*text, o);
	}
}

static void
put_head(FILE *o, const char *name, const char *type, const char *help)
{
	(void)fprintf(
	    o, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_thumb(FILE *o, const uint8_t sha1[SIGNER_SHA1_LEN])
{
	for (size_t i = 0; i < SIGNER_SHA1_LEN; i++)
		(void)fprintf(o, "%02X", sha1[i]);
}

static void
put_series(FILE *o, const struct series *s, bool named)
{
	for (size_t k = 0; k < KINDS; k++)
		for (size_t r = 0; r < RESULTS; r++) {
			if (s->n[k][r] == 0)
				continue;
			(void)fputs("sealpoint_operations_total{key=\"", o);
			if (named)
				put_thumb(o, s->sha1);
			else
				(void)fputs("other", o);
			(void)fprintf(o,
			    "\",kind=\"%s\",result=\"%s\"} %" PRIu64 "\n",
			    kind_names[k], result_names[r], s->n[k][r]);
		}
}

static void
put_operations(FILE *o, const struct metrics *m)
{
	put_head(o, "sealpoint_operations_total", "counter",
	    "Operations answered, by the SHA-1 thumbprint of the key's "
	    "certificate.");
	for (size_t i = 0; i < m->nkeys; i++)
		put_series(o, &m->keys[i], true);
	put_series(o, &m->others, false);
	put_head(o, "sealpoint_refused_total", "counter",
	    "Requests that no key was used for, by the reason.");
	for (size_t r = 0; r < RESULTS; r++)
		if (m->refused[r] != 0)
			(void)fprintf(o,
			    "sealpoint_refused_total{result=\"%s\"} %" PRIu64
			    "\n",
			    result_names[r], m->refused[r]);
}

static void
put_certificates(FILE *o, const struct catalogue *c)
{
	static const char name[] = "sealpoint_certificate_not_after_seconds";
	const struct catalogue_entry *e;
	size_t others;

	put_head(o, name, "gauge",
	    "UNIX time at which the key's certificate expires.");
	for (size_t i = 0; i < METRICS_KEYS_MAX; i++) {
		e = catalogue_at(c, i);
		if (e == NULL)
			return;
		/* One line for each name: nobody can tell twins apart. */
		(void)catalogue_by_sha1(c, e->id.sha1, &others);
		if (e->id.not_after == 0 || others != 0)
			continue;
		(void)fprintf(o, "%s{key=\"", name);
		put_thumb(o, e->id.sha1);
		(void)fprintf(o, "\"} %" PRIu64 "\n", e->id.not_after);
	}
}

/* Microseconds as seconds, exactly. */
static void
put_seconds(FILE *o, uint64_t us)
{
	(void)fprintf(o, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void
put_histogram(FILE *o, const char *name, const char *help,
    const struct histogram h[KINDS])
{
	put_head(o, name, "histogram", help);
	for (size_t k = 0; k < KINDS; k++) {
		uint64_t sum = 0, edge = FIRST_US;

		if (h[k].count == 0)
			continue;
		for (size_t i = 0; i < BUCKETS; i++, edge *= 2) {
			sum += h[k].le[i];
			(void)fprintf(o, "%s_bucket{kind=\"%s\",le=\"", name,
			    kind_names[k]);
			put_seconds(o, edge);
			(void)fprintf(o, "\"} %" PRIu64 "\n", sum);
		}
		(void)fprintf(o,
		    "%s_bucket{kind=\"%s\",le=\"+Inf\"} %" PRIu64
		    "\n%s_sum{kind=\"%s\"} ",
		    name, kind_names[k], h[k].count, name, kind_names[k]);
		put_seconds(o, h[k].sum_us);
		(void)fprintf(o, "\n%s_count{kind=\"%s\"} %" PRIu64 "\n", name,
		    kind_names[k], h[k].count);
	}
}

/* What is told of each token. */
struct token_line {
	uint64_t up, locked, since, restarts, served, failovers, waiting;
	const struct link_counted *n;
};

static struct token_line
describe(const struct front *f, unsigned i)
{
	struct client_token t;
	bool reported;
	const struct link_state *s = workers_state(f, i, &reported);
	uint32_t generation = workers_generation(f, i);

	memset(&t, 0, sizeof(t));
	operation_report(f, i, &t);
	return (struct token_line){
	    .up = workers_up(f, i) && s->err == SIGNER_OK && !locks_on(f, i),
	    .locked = locks_on(f, i),
	    .since = s->since,
	    .restarts = generation == 0 ? 0 : generation - 1,
	    .served = t.served,
	    .failovers = t.failovers,
	    .waiting = t.waiting,
	    .n = &f->metrics->counts[i],
	};
}

/* The number that is told under that name. */
static uint64_t
pick(const struct token_line *l, size_t which)
{
	const uint64_t all[] = {l->up, l->locked, l->since, l->waiting,
	    l->n->identities, l->n->sessions, l->n->logins, l->n->searches,
	    l->n->recoveries, l->n->retries, l->restarts, l->served,
	    l->failovers};

	return all[which];
}

static void
put_tokens(FILE *o, const struct front *f)
{
	static const struct {
		const char *name, *type, *help;
	} all[] = {
	    /* in the order of pick() */
	    {"up", "gauge", "1 if the token can be used now."},
	    {"locked", "gauge", "1 if the operator locked it."},
	    {"state_since_seconds", "gauge",
		"UNIX time at which its state changed last."},
	    {"waiting", "gauge", "Requests in its queue."},
	    {"identities", "gauge", "Certificates with a key."},
	    {"sessions", "gauge", "Sessions open for operations."},
	    {"logins", "gauge", "C_Login calls since its worker started."},
	    {"searches", "gauge",
		"Searches for objects since its worker started."},
	    {"recoveries", "gauge",
		"Times it was found again since its worker started."},
	    {"retries", "gauge",
		"Operations repeated since its worker started."},
	    {"restarts_total", "counter", "Times its worker was restarted."},
	    {"served_total", "counter", "Operations that it answered."},
	    {"failovers_total", "counter",
		"Requests taken over from a token that failed."},
	};
	char name[64];

	for (size_t j = 0; j < sizeof(all) / sizeof(*all); j++) {
		(void)snprintf(
		    name, sizeof(name), "sealpoint_token_%s", all[j].name);
		put_head(o, name, all[j].type, all[j].help);
		for (unsigned i = 0; i < CONF_TOKENS_MAX; i++) {
			struct token_line l;

			if (f->conf->tokens[i].name[0] == '\0')
				continue;
			l = describe(f, i);
			(void)fprintf(o, "%s{token=\"", name);
			put_value(o, f->conf->tokens[i].name);
			(void)fprintf(o, "\"} %" PRIu64 "\n", pick(&l, j));
		}
	}
}

char *
metrics_print(struct front *f, size_t *len)
{
	char *text = NULL;
	FILE *o = open_memstream(&text, len);
	bool bad;

	if (o == NULL)
		return NULL;
	put_head(o, "sealpoint_build_info", "gauge", "The agent's version.");
	(void)fputs(
	    "sealpoint_build_info{version=\"" SEALPOINT_VERSION "\"} 1\n", o);
	put_operations(o, f->metrics);
	put_histogram(o, "sealpoint_token_seconds",
	    "Time that a worker had an operation.", f->metrics->token);
	put_histogram(o, "sealpoint_total_seconds",
	    "Time from a request to its answer, waiting included.",
	    f->metrics->total);
	put_certificates(o, f->catalogue);
	put_tokens(o, f);
	bad = ferror(o) != 0;
	if (fclose(o) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}
