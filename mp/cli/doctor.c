#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "mp/cli/command.h"
#include "mp/cli/describe.h"

/* 2026-01-01: no clock that is right is before it. */
#define LEAST_TIME ((time_t)1767225600)

static const struct option_def options[] = {
    {OPTION_USER, '\0', "user", "USER",
	"whom it is about, by name or number; you, unless told"},
    {OPTION_KEY, 'k', "key", "THUMBPRINT",
	"which key, by its certificate: SHA-1 or SHA-256"},
    {OPTION_USE, '\0', "use", "sign|decrypt|tls",
	"for what; any use, unless told"},
    {OPTION_PROGRAM, '\0', "program", "FILE",
	"which program that user runs, for rules that name programs"},
    {0},
};

static const struct output_column columns[] = {
    {"RESULT", "result"},
    {"ABOUT", "about"},
    {"FINDING", "finding"},
    {NULL, NULL},
};

struct doctor {
	struct session *s;
	struct client_question q;
	struct record *list;
	bool ill;
};

static void find(struct doctor *d, enum client_weight weight, const char *about,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
find(struct doctor *d, enum client_weight weight, const char *about,
    const char *fmt, ...)
{
	static const char *const words[] = {"well", "note", "trouble"};
	struct record *row = record_new();
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	record_set(row, "result", words[weight]);
	record_set(row, "about", about);
	record_set(row, "finding", text);
	record_append(d->list, row);
	d->ill = d->ill || weight == CLIENT_TROUBLE;
}

/* What the kernel grants this user of a file; bit as of S_IROTH... */
static bool
may(const struct client_question *q, const struct stat *st, mode_t bit)
{
	if (q->uid == 0)
		return true;
	if (st->st_uid == q->uid)
		return (st->st_mode & (bit << 6)) != 0;
	if (st->st_gid == q->gid)
		return (st->st_mode & (bit << 3)) != 0;
	for (size_t i = 0; i < q->ngroups; i++)
		if (st->st_gid == q->groups[i])
			return (st->st_mode & (bit << 3)) != 0;
	return (st->st_mode & bit) != 0;
}

/* May the user walk down to it? Tells of the first directory that says no. */
static bool
passable(struct doctor *d, const char *path)
{
	char at[PATH_MAX], *up = at;
	struct stat st;

	(void)snprintf(at, sizeof(at), "%s", path);
	do {
		up = dirname(up);
		if (stat(up, &st) == 0 && !may(&d->q, &st, S_IXOTH)) {
			find(d, CLIENT_TROUBLE, "socket",
			    "%s, on the way to %s, may not be entered by uid "
			    "%u; chmod o+x it, or set another socket",
			    up, path, d->q.uid);
			return false;
		}
	} while (strcmp(up, "/") != 0 && strcmp(up, ".") != 0);
	return true;
}

static void
look_at_socket(struct doctor *d, const char *path)
{
	struct stat st;

	if (!passable(d, path))
		return;
	if (stat(path, &st) != 0)
		find(d, CLIENT_TROUBLE, "socket",
		    "%s: %s; sealpointd makes it when it starts: see whether "
		    "it runs",
		    path, strerror(errno));
	else if (!S_ISSOCK(st.st_mode))
		find(d, CLIENT_TROUBLE, "socket", "%s is no socket", path);
	else if (!may(&d->q, &st, S_IWOTH))
		find(d, CLIENT_TROUBLE, "socket",
		    "%s may not be written by uid %u, which connecting needs",
		    path, d->q.uid);
	else
		find(d, CLIENT_WELL, "socket", "%s may be reached by uid %u",
		    path, d->q.uid);
}

static void
look_at_clock(struct doctor *d)
{
	time_t now = time(NULL);

	if (now < LEAST_TIME)
		find(d, CLIENT_TROUBLE, "clock",
		    "the clock of this machine says %lld seconds since 1970, "
		    "which is long ago; certificates and messages need the "
		    "time",
		    (long long)now);
	else
		find(d, CLIENT_WELL, "clock", "it is after 2025");
}

static void
look_at_library(struct doctor *d)
{
	if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
		find(d, CLIENT_TROUBLE, "library",
		    "%s runs, but this program was made for version %d",
		    OpenSSL_version(OPENSSL_VERSION), OPENSSL_VERSION_MAJOR);
	else
		find(d, CLIENT_WELL, "library", "%s",
		    OpenSSL_version(OPENSSL_VERSION));
}

/* As far as we may see the key ourselves. */
static void
look_at_certificate(struct doctor *d)
{
	struct signer_trouble why = {0};
	struct signer_identity id;
	const ASN1_TIME *from, *to;
	char *begin, *end;
	X509 *cert = NULL;

	if (d->q.thumblen == 0 ||
	    signer_find(&d->s->signer, d->q.thumb, d->q.thumblen, &id, &why) !=
		SIGNER_OK ||
	    session_certificate(d->s, &id, 0, &cert) != COMMAND_DONE ||
	    cert == NULL)
		return;
	from = X509_get0_notBefore(cert);
	to = X509_get0_notAfter(cert);
	begin = describe_time(from);
	end = describe_time(to);
	if (X509_cmp_current_time(from) > 0)
		find(d, CLIENT_TROUBLE, "certificate",
		    "it is valid from %s on, which is not yet; see whether "
		    "the clock is right",
		    begin);
	else if (X509_cmp_current_time(to) < 0)
		find(d, CLIENT_TROUBLE, "certificate", "it expired at %s", end);
	else
		find(
		    d, CLIENT_WELL, "certificate", "it is valid until %s", end);
	free(begin);
	free(end);
	X509_free(cert);
}

/* Asks the agent itself. */
static void
ask(struct doctor *d)
{
	struct client_finding found[CLIENT_FINDINGS_MAX];
	struct signer_trouble why = {0};
	size_t n;

	if (client_explain(d->s->client, &d->q, found, &n, &why) != SIGNER_OK) {
		find(d, CLIENT_TROUBLE, "rules", "%s", why.text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		find(d, found[i].weight, found[i].what, "%s", found[i].text);
}

static void
look_at_agent(struct doctor *d)
{
	struct signer_trouble why = {0};
	struct session *s = d->s;

	if (s->lent) {
		find(d, CLIENT_NOTE, "agent", "none is asked");
		look_at_certificate(d);
		return;
	}
	if (client_open(&s->client, session_agent(s), 0, &why) != SIGNER_OK) {
		find(d, CLIENT_TROUBLE, "agent", "%s", why.text);
		return;
	}
	client_signer(s->client, &s->signer);
	find(d, CLIENT_WELL, "agent", "sealpointd answers");
	ask(d);
	look_at_certificate(d);
}

/* You, or the user of --user. */
static int
choose_user(struct doctor *d)
{
	const char *name = d->s->opt->value[OPTION_USER];
	gid_t groups[CLIENT_GROUPS_MAX];
	int n = CLIENT_GROUPS_MAX;
	const struct passwd *pw;
	char *end;
	unsigned long uid;

	d->q.uid = geteuid();
	d->q.gid = getegid();
	if (name == NULL) {
		n = getgroups(CLIENT_GROUPS_MAX, groups);
	} else {
		errno = 0;
		uid = strtoul(name, &end, 10);
		pw = *name != '\0' && *end == '\0' && errno == 0
			 ? getpwuid((uid_t)uid)
			 : getpwnam(name);
		if (pw == NULL)
			return session_usage(
			    d->s, "--user %s: there is no such user", name);
		d->q.other = true;
		d->q.uid = pw->pw_uid;
		d->q.gid = pw->pw_gid;
		(void)getgrouplist(pw->pw_name, pw->pw_gid, groups, &n);
	}
	if (n > CLIENT_GROUPS_MAX) /* of more the first ones count */
		n = CLIENT_GROUPS_MAX;
	for (int i = 0; i < n; i++)
		d->q.groups[d->q.ngroups++] = groups[i];
	return COMMAND_DONE;
}

static int
choose(struct doctor *d)
{
	const char *const *value = d->s->opt->value;
	const char *use = value[OPTION_USE];

	if (value[OPTION_KEY] != NULL &&
	    signer_thumbprint_parse(
		value[OPTION_KEY], d->q.thumb, &d->q.thumblen) != SIGNER_OK)
		return session_usage(d->s,
		    "%s is no SHA-1 or SHA-256 thumbprint", value[OPTION_KEY]);
	if (use != NULL)
		d->q.use = strcmp(use, "tls") == 0    ? SIGNER_USE_TLS
			   : strcmp(use, "sign") == 0 ? SIGNER_USE_SIGN
						      : SIGNER_USE_DECRYPT;
	if (value[OPTION_PROGRAM] != NULL) {
		if (strlen(value[OPTION_PROGRAM]) >= sizeof(d->q.program))
			return session_usage(d->s, "the program's path has "
						   "more than 511 bytes");
		(void)snprintf(d->q.program, sizeof(d->q.program), "%s",
		    value[OPTION_PROGRAM]);
		d->q.other = true; /* not the one that asks */
	}
	return choose_user(d);
}

static int
doctor(struct session *s, const char *operand)
{
	struct doctor d = {.s = s};
	int r;

	(void)operand;
	r = choose(&d);
	if (r != COMMAND_DONE)
		return r;
	d.list = record_list_new();
	look_at_clock(&d);
	look_at_library(&d);
	look_at_socket(&d, client_path(session_agent(s)));
	look_at_agent(&d);
	if (output_list(s->out, d.list, columns) != 0 || d.ill)
		r = COMMAND_FAILED;
	record_free(d.list);
	return r;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "tell why somebody may or may not use a key",
    .about =
	"Looks at all that stands between a user and a key: the socket, the "
	"agent, the rules it follows now, its tokens, the certificate. Root "
	"and the agent's own user may ask about others, and are told which "
	"section of sealpointd.conf(5) grants it, or what does not fit. Uses "
	"no "
	"key and changes nothing. The exit status is 1 if there is trouble. "
	"`sealpointd --check` looks at the files that the configuration names.",
    .options = options,
    .run = doctor,
};
