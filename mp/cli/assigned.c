#include "mp/cli/assigned.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp/buf.h"
#include "mp/cli/command.h"
#include "mp/cli/file.h"
#include "mp/client_send.h"

#define COOKIE_FILE_MAX 8192 /* bytes */
#define SITE_LEN 3           /* characters; a site code has either case */
#define COOKIE_FIRST "sealpoint policy cookie 1 "

static int
no_memory(struct assigned *a)
{
	output_error(a->s->out, "out of memory");
	return COMMAND_FAILED;
}

/* What the options say; the message's builder checks their form. */
static int
take_options(struct assigned *a)
{
	const struct options *o = a->s->opt;

	a->user.name = o->value[OPTION_USER];
	a->user.sid = o->value[OPTION_USER_SID];
	a->groups = calloc(o->nmany + 1, sizeof(*a->groups));
	if (a->groups == NULL)
		return no_memory(a);
	for (size_t i = 0; i < o->nmany; i++)
		if (o->many[i].id == OPTION_GROUP)
			a->groups[a->user.ngroups++] = o->many[i].value;
	a->user.groups = a->groups;
	if (a->user.name == NULL && o->given[OPTION_USER_SID])
		return session_usage(
		    a->s, "whose SID is it? Give --user DOMAIN\\USER as well");
	if (a->user.name == NULL && a->user.ngroups > 0)
		return session_usage(a->s,
		    "--group is for a user's policy: give --user DOMAIN\\USER "
		    "and --user-sid SID as well");
	if (o->given[OPTION_COOKIE] &&
	    strcmp(o->value[OPTION_COOKIE], "-") == 0)
		return session_usage(a->s,
		    "--cookie names a file that is read and written, which - "
		    "is not");
	if (a->user.name != NULL && a->user.sid == NULL)
		return session_usage(a->s,
		    "a user's policy is asked for by name and SID: give "
		    "--user-sid S-1-... as well");
	return COMMAND_DONE;
}

/*
 * A cookie of another client, site or user would hide what changed, so that
 * the file says whose it is.
 */
static int
name_scope(struct assigned *a)
{
	const char *code = session_value(a->s, OPTION_SITE);
	char smsid[MP_SMSID_MAX], site[SITE_LEN + 1] = "";
	struct mp_error e = {0};

	if (mp_client_smsid(a->s->mp, smsid, &e) != MP_OK)
		return session_mp_failed(a->s, &e);
	for (size_t i = 0; i < SITE_LEN && code[i] != '\0'; i++)
		site[i] = (char)toupper((unsigned char)code[i]);
	if (asprintf(&a->scope, COOKIE_FIRST "%s %s %s", smsid, site,
		a->user.sid != NULL ? a->user.sid : "machine") >= 0)
		return COMMAND_DONE;
	a->scope = NULL;
	return no_memory(a);
}

/* The cookie in the file's text, or "" after having said what is wrong. */
static int
parse_cookie(struct assigned *a, const char *path, char *text, size_t len,
    const char **cookie)
{
	char *end = strchr(text, '\n');

	if (strlen(text) != len || end == NULL || text[len - 1] != '\n' ||
	    strncmp(text, COOKIE_FIRST, sizeof(COOKIE_FIRST) - 1) != 0 ||
	    end + 2 >= text + len) {
		output_error(a->s->out,
		    "%s: it holds no policy cookie of ours. Name another file "
		    "with --cookie, or remove it to get everything",
		    path);
		return COMMAND_FAILED;
	}
	*end = '\0';
	text[len - 1] = '\0';
	if (strcmp(text, a->scope) != 0) {
		output_error(a->s->out,
		    "%s: its policy cookie is for \"%.300s\", and \"%s\" is "
		    "asked for. Name another file with --cookie",
		    path, text + sizeof(COOKIE_FIRST) - 1,
		    a->scope + sizeof(COOKIE_FIRST) - 1);
		return COMMAND_FAILED;
	}
	*cookie = end + 1;
	return COMMAND_DONE;
}

/* What the file of --cookie has; a file that is not there asks for all. */
static int
read_cookie(struct assigned *a, char **text, const char **cookie)
{
	const char *path = a->s->opt->value[OPTION_COOKIE];
	char why[FILE_TEXT_MAX];
	uint8_t *data;
	size_t len;

	if (path == NULL || (access(path, F_OK) != 0 && errno == ENOENT))
		return COMMAND_DONE;
	if (file_read(path, COOKIE_FILE_MAX, &data, &len, why) != 0) {
		output_error(a->s->out, "%s", why);
		return COMMAND_FAILED;
	}
	*text = (char *)data;
	return parse_cookie(a, path, *text, len, cookie);
}

static int
ask(struct assigned *a, const char *cookie)
{
	struct mp_client_policies wanted = {
	    .user = a->user.name != NULL ? &a->user : NULL, .cookie = cookie};
	struct mp_error e = {0};

	if (mp_client_assignments(a->s->mp, &wanted, &a->all, &e) != MP_OK)
		return session_mp_failed(a->s, &e);
	session_tell_proof(a->s);
	a->changes =
	    cookie != NULL && strcasecmp(a->all.reply_type, "Delta") == 0;
	if (cookie != NULL && !a->changes)
		output_note(a->s->out,
		    "The management point answered with everything, not with "
		    "changes alone.");
	return COMMAND_DONE;
}

int
assigned_fetch(struct assigned *a, struct session *s, bool changes)
{
	const char *cookie = NULL;
	char *text = NULL;
	int r;

	memset(a, 0, sizeof(*a));
	a->s = s;
	r = take_options(a);
	if (r == COMMAND_DONE)
		r = session_mp(s, true);
	if (r == COMMAND_DONE && changes && s->opt->given[OPTION_COOKIE]) {
		r = name_scope(a);
		if (r == COMMAND_DONE)
			r = read_cookie(a, &text, &cookie);
	}
	if (r == COMMAND_DONE)
		r = ask(a, cookie);
	free(text);
	return r;
}

int
assigned_keep(struct assigned *a)
{
	const char *path = a->s->opt->value[OPTION_COOKIE];
	char why[FILE_TEXT_MAX];
	struct mp_buf text;
	int r = COMMAND_DONE;

	/* An answer without a cookie leaves the one that there was. */
	if (path == NULL || a->all.cookie[0] == '\0')
		return COMMAND_DONE;
	mp_buf_init(&text, COOKIE_FILE_MAX);
	mp_buf_str(&text, a->scope);
	mp_buf_str(&text, "\n");
	mp_buf_str(&text, a->all.cookie);
	mp_buf_str(&text, "\n");
	if (!mp_buf_ok(&text)) {
		r = no_memory(a);
	} else if (file_write(path, 0600, text.data, text.len, why) != 0) {
		output_error(a->s->out, "%s", why);
		r = COMMAND_FAILED;
	}
	mp_buf_release(&text);
	return r;
}

void
assigned_release(struct assigned *a)
{
	mp_assignments_release(&a->all);
	free(a->groups);
	free(a->scope);
	memset(a, 0, sizeof(*a));
}
