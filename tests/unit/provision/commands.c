/* `sealpoint token ...` as a user runs it, beside a running data path. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/unit/provision/scene.h"

#define WORDS_MAX 48

extern char **environ;
static char out[65536], err[8192];

static void
slurp(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, room - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
}

/*
 * Runs the program with a line of words; @name is a file of the rig's
 * folder, %% the options that choose its token. Returns the exit status.
 */
static int
run(struct rig *rig, const char *line)
{
	char words[4096], paths[WORDS_MAX][256], copy[2048], *save = NULL;
	char *argv[WORDS_MAX + 1] = {NULL}, o[128], e[128];
	posix_spawn_file_actions_t files;
	int argc = 0, status;
	const char *at = strstr(line, "%%");
	pid_t pid;

	snprintf(copy, sizeof(copy), "--module %s --uri %s --state @state",
	    rig->hsm.module, rig->hsm.uri);
	snprintf(words, sizeof(words), "%s --config /dev/null %.*s %s %s",
	    SEALPOINT, at == NULL ? (int)strlen(line) : (int)(at - line), line,
	    at == NULL ? "" : copy, at == NULL ? "" : at + 2);
	for (char *w = strtok_r(words, " ", &save);
	     w != NULL && argc < WORDS_MAX; w = strtok_r(NULL, " ", &save)) {
		char *name = strchr(w, '@');

		argv[argc] = w;
		if (name != NULL) {
			snprintf(paths[argc], sizeof(paths[argc]), "%.*s%s/%s",
			    (int)(name - w), w, rig->hsm.dir, name + 1);
			argv[argc] = paths[argc];
		}
		argc++;
	}
	snprintf(o, sizeof(o), "%s/out", rig->hsm.dir);
	snprintf(e, sizeof(e), "%s/err", rig->hsm.dir);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
	    &files, 1, o, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(
	    &files, 2, e, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(
	    posix_spawn(&pid, SEALPOINT, &files, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&files);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	slurp(o, out, sizeof(out));
	slurp(e, err, sizeof(err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
expect(struct rig *rig, int status, const char *line, const char *words)
{
	int r = run(rig, line);

	if (r != status || strstr(status == 0 ? out : err, words) == NULL)
		fail_msg("%s: %d, %s%s", line, r, out, err);
}

static void
put(struct rig *rig, const char *name, const void *data, size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", rig->hsm.dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void
wrong_usage_exits_with_2_and_says_how(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
	    {"token", "which command"},
	    {"token list", "which module"},
	    {"token generate --module m --uri u --pin 4711-right",
		"--pin says"},
	    {"token generate --module m --uri u", "where does the PIN"},
	    {"token generate --module m --pin ask", "which token"},
	    {"token generate --uri u --pin ask", "which module"},
	    {"token generate --module m --uri u --pin ask --label x",
		"what kind of key"},
	    {"token generate --module m --uri u --pin ask --type rsa-2048",
		"--label"},
	    {"token generate --module m --uri u --pin ask --type rsa-1024",
		"rsa-4096"},
	    {"token self-sign --module m --uri u --pin ask --subject CN=x",
		"which key"},
	    {"token self-sign --module m --uri u --pin ask --label x",
		"--subject"},
	    {"token self-sign --module m --uri u --pin ask --id 123 "
	     "--subject CN=x",
		"--id cannot be"},
	    {"token self-sign --module m --uri u --pin ask --label x "
	     "--subject CN=x --days 0",
		"--days"},
	    {"token request --module m --uri u --pin ask --label x --json "
	     "--subject CN=x",
		"--json"},
	    {"token import --module m --uri u --pin ask", "--cert"},
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect(rig, 2, cases[i].line, cases[i].says);
		assert_null(strstr(err, "4711"));
	}
}

static void
the_list_names_the_token(void **state)
{
	struct rig *rig = *state;
	char line[512];

	snprintf(line, sizeof(line), "token list --json --module %s",
	    rig->hsm.module);
	expect(rig, 0, line, "\"label\": \"" SOFTHSM_LABEL "\"");
	assert_non_null(strstr(out, "not-initialised"));
}

static void
a_wrong_pin_is_sent_once(void **state)
{
	struct rig *rig = *state;

	put(rig, "wrong", "0000-wrong\n", 11);
	expect(rig, 1,
	    "token generate %% --pin file:@wrong --type ec-p256 --label w",
	    "CKR_PIN_INCORRECT");
	expect(rig, 1,
	    "token generate %% --pin file:@wrong --type ec-p256 --label w",
	    "refused this PIN before");
	assert_non_null(strstr(err, "put the right PIN into"));
	assert_null(strstr(err, "0000-wrong"));
}

/* The thumbprint that the last command printed. */
static void
thumbprint(uint8_t sha1[20])
{
	const char *at = strstr(out, "\"thumbprint\": \"");
	char hex[3] = "";

	assert_non_null(at);
	at += strlen("\"thumbprint\": \"");
	for (size_t i = 0; i < 20; i++) {
		memcpy(hex, at + 2 * i, 2);
		sha1[i] = (uint8_t)strtoul(hex, NULL, 16);
	}
}

static bool
listed(struct token *t, const uint8_t sha1[20])
{
	struct token_identity ids[32];
	uint64_t generation;
	size_t n = token_list(t, 0, ids, 32, &generation);

	for (size_t i = 0; i < n; i++)
		if (memcmp(ids[i].sha1, sha1, 20) == 0)
			return true;
	return false;
}

static void
a_running_agent_finds_the_new_key_after_one_rescan(void **state)
{
	struct rig *rig = *state;
	uint8_t sha1[20];

	rig_ok(rig, token_open(&rig->token, &rig->cfg, &rig->why));
	rig_ok(rig, token_ready(rig->token, &rig->why));
	expect(rig, 0,
	    "token generate %% --pin file:@pin --type rsa-2048 --label new "
	    "--json",
	    "\"key\": \"rsa-2048\"");
	expect(rig, 0,
	    "token self-sign %% --pin file:@pin --label new --subject CN=pc7 "
	    "--days 10 --json",
	    "\"subject\": \"CN=pc7\"");
	thumbprint(sha1);
	assert_false(listed(rig->token, sha1));
	rig_ok(rig, token_rescan(rig->token, &rig->why));
	assert_true(listed(rig->token, sha1));
	(void)rig_close(state);
}

static void
a_request_is_written_issued_and_imported(void **state)
{
	struct rig *rig = *state;
	uint8_t csr[PROVISION_DER_MAX], der[2048], *at = csr;
	STACK_OF(X509_EXTENSION) * list;
	GENERAL_NAMES *names;
	char path[256];
	X509_REQ *req;
	FILE *f;

	expect(rig, 0,
	    "token generate %% --pin file:@pin --type ec-p256 --label tls "
	    "--id 0BAD",
	    "0BAD");
	expect(rig, 0,
	    "token request %% --pin file:@pin --id 0bad --subject CN=pc7 "
	    "--san DNS:a.example --san DNS:b.example -o @csr",
	    "");
	snprintf(path, sizeof(path), "%s/csr", rig->hsm.dir);
	f = fopen(path, "re");
	req = PEM_read_X509_REQ(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(req);
	list = X509_REQ_get_extensions(req);
	names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 2);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	put(rig, "cert", der,
	    scene_issue(csr, (size_t)i2d_X509_REQ(req, &at), der));
	X509_REQ_free(req);
	expect(rig, 0, "token import %% --pin file:@pin --cert @cert --json",
	    "\"label\": \"tls\"");
	expect(rig, 1, "token import %% --pin file:@pin --cert @cert",
	    "on it already");
	put(rig, "cert", rig->hsm.foreign.der, rig->hsm.foreign.len);
	expect(rig, 1, "token import %% --pin file:@pin --cert @cert",
	    "is for another key");
	expect(rig, 1, "token import %% --pin file:@pin --cert @pin",
	    "holds no X.509 certificate");
	assert_null(strstr(err, SOFTHSM_PIN));
	expect(rig, 1,
	    "token self-sign %% --pin file:@pin --label tls --subject CN=x",
	    "not an RSA key");
}

static int
make(void **state)
{
	int r = rig_make_plain(state);
	struct rig *rig = *state;

	if (r != 0)
		return r;
	/* Children load the real module; its page is not theirs. */
	rig->cfg.module = rig->hsm.module;
	put(rig, "pin", SOFTHSM_PIN "\n", strlen(SOFTHSM_PIN) + 1);
	return 0;
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, rig_clear)
	const struct CMUnitTest tests[] = {
	    T(wrong_usage_exits_with_2_and_says_how),
	    T(the_list_names_the_token),
	    T(a_wrong_pin_is_sent_once),
	    T(a_running_agent_finds_the_new_key_after_one_rescan),
	    T(a_request_is_written_issued_and_imported),
	};

	return cmocka_run_group_tests(tests, make, rig_remove);
}
