#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "agent/snapshot.h"

#define MFD_NOEXEC 8u /* MFD_NOEXEC_SEAL of newer headers */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define AGENT "[agent]\nsocket = /s\nstate = /d\n"
#define TOKEN "[token card]\nmodule = m.so\nuri = pkcs11:token=x;serial=1\n"

static struct conf conf;
static char text[CONF_TEXT_MAX];

static int
read_file(const char *path)
{
	return snapshot_take(path, &conf, text, sizeof(text));
}

/* Reads these words as a file. */
static int
read_words(const char *words, mode_t mode)
{
	char path[] = "/tmp/sealpoint-conf-XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd != -1);
	assert_int_equal(write(fd, words, strlen(words)), strlen(words));
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
	r = read_file(path);
	(void)unlink(path);
	return r;
}

static void
a_whole_file_is_understood(void **state)
{
	(void)state;
	assert_int_equal(
	    read_words(AGENT
		"deadline = 3\nclients = 7\n" TOKEN
		"pin = file:/pin   ; where it lies\nsessions = 2\n"
		"[allow a]\nuser = root, 1234\ngroup = 0\n"
		"key = "
		"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33\n"
		"use = sign, tls\n[allow b]\nuser = 0\nkey = *\nuse = "
		"decrypt\n",
		0644),
	    0);
	assert_string_equal(conf.socket, "/s");
	assert_int_equal(conf.deadline_ms, 3000);
	assert_int_equal(conf.clients, 7);
	assert_int_equal(conf.ntokens, 1);
	assert_string_equal(conf.tokens[0].name, "card");
	assert_string_equal(conf.tokens[0].uri, "pkcs11:token=x;serial=1");
	assert_int_equal(conf.tokens[0].pin, CONF_PIN_FILE);
	assert_string_equal(conf.tokens[0].pin_from, "/pin");
	assert_int_equal(conf.tokens[0].deadline_ms, 3000);
	assert_int_equal(conf.tokens[0].sessions, 2);
	assert_int_equal(conf.nallows, 2);
	assert_int_equal(conf.allows[0].nusers, 2);
	assert_int_equal(conf.allows[0].users[1], 1234);
	assert_int_equal(conf.allows[0].nkeys, 1);
	assert_int_equal(conf.allows[0].keys[0].len, 20);
	assert_int_equal(conf.allows[0].uses, SIGNER_USE_SIGN | SIGNER_USE_TLS);
	assert_true(conf.allows[1].any_key);
	assert_int_equal(conf_token_index(&conf, "card"), 0);
	assert_int_equal(conf_token_index(&conf, "none"), -1);
}

static void
what_is_wrong_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *words, *reason;
	} cases[] = {
	    {"", "needs socket"},
	    {"[agent]\nsocket = s\n", "absolute path"},
	    {"[agent]\nsocket = /s\n", "needs state"},
	    {"[agent]\nlevel = 3\n", ":2: [agent] knows"},
	    {"[agnet]\nsocket = /s\n", "is none of [agent]"},
	    {"nonsense\n", ":1: "},
	    {AGENT, "no [token NAME]"},
	    {AGENT "[token a]\nmodule = m\n", "needs module and uri"},
	    {AGENT "[token a/b]\nmodule = m\n", "may hold letters"},
	    {AGENT "[token a]\npin = 1234\n", "never stands here"},
	    {AGENT "[token a]\npin = file:pin\n", "never stands here"},
	    {AGENT "[token a]\npin = credential:a/b\n", "never stands here"},
	    {AGENT "[token a]\npin = ask:\n", "never stands here"},
	    {AGENT "[token a]\npin = askpass:prog\n", "never stands here"},
	    {AGENT "[token a]\npin = fd:2\n", "from 3 to 1023"},
	    {AGENT "[token a]\nreauth = often\n", "none of never, cached"},
	    {AGENT "[token a]\nprefer = 1\n", "none of no, yes"},
	    {AGENT "[token a]\ncertificate = x.pem\n", "absolute path"},
	    {AGENT TOKEN "pin = ask\n", "needs control"},
	    {AGENT TOKEN "pin = pinpad\npin-ttl = 5\n", "is for pin = ask"},
	    {AGENT "[token a]\nsessions = 0\n", "from 1 to 64"},
	    {AGENT "[token a]\nsessions = 5x\n", "from 1 to 64"},
	    {AGENT "[token a]\nslot = 5\n", "[token] knows"},
	    {AGENT TOKEN "[allow a]\nuser = 0\n", "needs user or group"},
	    {AGENT TOKEN "[allow a]\nuser = no such user\n", "no user"},
	    {AGENT TOKEN "[allow a]\ngroup = no such\n", "no group"},
	    {AGENT TOKEN "[allow a]\nkey = 12\n", "no thumbprint"},
	    {AGENT TOKEN "[allow a]\nuse = sing\n", "none of sign"},
	    {AGENT TOKEN "[allow a]\nlimit = 5/s\n", "[allow] knows"},
	    {AGENT TOKEN "[allow a]\nrate = 5\n", "NUMBER/s"},
	    {AGENT TOKEN "[allow a]\nrate = 0/s\n", "NUMBER/s"},
	    {AGENT TOKEN "[allow a]\nhash = md5\n", "none of none, sha1"},
	    {AGENT TOKEN "[allow a]\nscheme = raw\n", "none of pkcs1"},
	    {AGENT TOKEN "[allow a]\nprogram = prog\n", "absolute path"},
	    {AGENT TOKEN "[allow a]\ndigest = maybe\n", "none of yes, no"},
	    {AGENT "audit-key = 12\n" TOKEN, "no thumbprint"},
	    {AGENT "audit-full = maybe\n" TOKEN, "none of stop, go"},
	    {AGENT
		"audit-key = 00112233445566778899aabbccddeeff00112233\n" TOKEN,
		"needs audit"},
	    {AGENT TOKEN "[allow a]\nuser =\n", "is empty"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_words(cases[i].words, 0600) != -1)
			fail_msg("taken: %s", cases[i].words);
		if (strstr(text, cases[i].reason) == NULL)
			fail_msg("'%s' gave: %s", cases[i].words, text);
		assert_int_equal(conf.ntokens, 0);
	}
}

static void
a_file_that_others_may_write_is_not_believed(void **state)
{
	(void)state;
	assert_int_equal(read_words(AGENT TOKEN, 0620), -1);
	assert_non_null(strstr(text, "not believed"));
	assert_int_equal(read_words(AGENT TOKEN, 0602), -1);
	assert_int_equal(read_words(AGENT TOKEN, 0644), 0);
}

static void
no_part_of_a_line_is_read_as_another(void **state)
{
	char words[2048];
	int n;

	(void)state;
	/* A comment whose tail would be a rule, if it were cut. */
	for (int pad = 150; pad < 260; pad++) {
		n = snprintf(words, sizeof(words),
		    "%s%s[allow a]\nuser = 0\n"
		    "use = sign\n; %*s\nkey = *\n",
		    AGENT, TOKEN, pad, "x");
		words[n - 9] = ' '; /* the end of the comment's line */
		assert_int_equal(read_words(words, 0600), -1);
	}
	assert_int_equal(read_words(AGENT " state = /tmp/x\n" TOKEN, 0600), -1);
	assert_non_null(strstr(text, "is indented"));
}

static void
lists_add_up_over_lines(void **state)
{
	(void)state;
	assert_int_equal(
	    read_words(AGENT TOKEN "[allow a]\nuser = 0\nuser = 1\n"
				   "key = *\nuse = sign\nuse = tls\n",
		0600),
	    0);
	assert_int_equal(conf.allows[0].nusers, 2);
	assert_int_equal(conf.allows[0].uses, SIGNER_USE_SIGN | SIGNER_USE_TLS);
}

static void
a_missing_file_is_named(void **state)
{
	(void)state;
	assert_int_equal(read_file("/nowhere/x"), -1);
	assert_non_null(strstr(text, "/nowhere/x: No such file"));
}

static void
a_token_has_its_own_settings(void **state)
{
	const struct conf_token *t = &conf.tokens[0];

	(void)state;
	if (read_words(AGENT "control = /c\n" TOKEN
			     "pin = ask\npin-ttl = 60\ndeadline = 4\n"
			     "start = 9\nqueue = 10\nweight = 5\n"
			     "prefer = yes\nreauth = cached\npoll = 0\n"
			     "keepalive = 15\nrelease = 7\n"
			     "certificate = /a.pem\n"
			     "certificate = /b.pem pkcs11:id=%01\n",
		0600) != 0)
		fail_msg("%s", text);
	assert_int_equal(t->pin, CONF_PIN_ASK);
	assert_int_equal(t->pin_ttl_ms, 60000);
	assert_int_equal(t->deadline_ms, 4000);
	assert_int_equal(t->start_ms, 9000);
	assert_int_equal(t->queue, 10);
	assert_int_equal(t->weight, 5);
	assert_true(t->prefer);
	assert_int_equal(t->reauth, CONF_REAUTH_CACHED);
	assert_int_equal(t->poll_ms, 0);
	assert_int_equal(t->keepalive_ms, 15000);
	assert_int_equal(t->release_ms, 7000);
	assert_int_equal(t->ncerts, 2);
	assert_string_equal(t->certs[1], "/b.pem pkcs11:id=%01");
}

static void
rules_may_be_narrow(void **state)
{
	const struct conf_allow *a = &conf.allows[0];

	(void)state;
	if (read_words(AGENT "rate = 2/m\naudit = /a\naudit-full = go\n" TOKEN
			     "sandbox = strict\n"
			     "[allow a]\nuser = 0\nkey = *\nuse = sign\n"
			     "program = /bin/a, /bin/b\nhash = sha256, none\n"
			     "scheme = pss, eddsa\nrate = 3/s\ndigest = no\n",
		0600) != 0)
		fail_msg("%s", text);
	assert_int_equal(conf.rate_hour, 120);
	assert_string_equal(conf.audit.path, "/a");
	assert_true(conf.audit.carry_on);
	assert_int_equal(conf.audit.every, 1000);
	assert_int_equal(conf.tokens[0].sandbox, CONF_SANDBOX_STRICT);
	assert_int_equal(a->nprograms, 2);
	assert_string_equal(a->programs[1], "/bin/b");
	assert_int_equal(
	    a->hashes, 1u << SIGNER_SHA256 | 1u << SIGNER_HASH_NONE);
	assert_int_equal(a->schemes, 1u << SIGNER_RSA_PSS | 1u << SIGNER_EDDSA);
	assert_int_equal(a->rate_hour, 3 * 3600);
	assert_true(a->whole);
}

static void
a_sandbox_has_paths_and_a_user(void **state)
{
	static const char *const wrong[] = {
	    "sandbox-path = relative\n",
	    "sandbox-path = /x rwx\n",
	    "sandbox-path = /x rw more\n",
	    "sandbox = lax\n",
	    "[agent]\nuser = root\n",
	    "[agent]\nuser = nobody-of-that-name\n",
	};
	char words[512];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		(void)snprintf(
		    words, sizeof(words), AGENT TOKEN "%s", wrong[i]);
		assert_int_equal(read_words(words, 0600), -1);
	}
	if (read_words(AGENT "user = daemon\n" TOKEN
			     "sandbox-path = /a\nsandbox-path = /b  rw\n"
			     "sandbox-path = /c ro\n",
		0600) != 0)
		fail_msg("%s", text);
	assert_int_equal(conf.uid, 1);
	assert_int_equal(conf.gid, 1);
	assert_int_equal(conf.tokens[0].sandbox, CONF_SANDBOX_MODULE);
	assert_int_equal(conf.tokens[0].npaths, 3);
	assert_string_equal(conf.tokens[0].paths[1].path, "/b");
	assert_false(conf.tokens[0].paths[0].write);
	assert_true(conf.tokens[0].paths[1].write);
	assert_false(conf.tokens[0].paths[2].write);
}

static void
tokens_keep_their_numbers(void **state)
{
	static struct conf now, next;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		(void)snprintf(now.tokens[i].name, SIGNER_TOKEN_MAX, "t%zu", i);
	now.ntokens = 3;
	(void)snprintf(next.tokens[0].name, SIGNER_TOKEN_MAX, "new");
	next.tokens[1] = now.tokens[2];
	next.tokens[2] = now.tokens[0];
	next.ntokens = 3;
	conf_align(&next, &now);
	assert_int_equal(next.ntokens, 3);
	assert_string_equal(next.tokens[0].name, "t0");
	assert_string_equal(next.tokens[1].name, "new");
	assert_string_equal(next.tokens[2].name, "t2");
	/* One that goes leaves its number unused. */
	now = next;
	memset(&next, 0, sizeof(next));
	next.tokens[0] = now.tokens[2];
	next.ntokens = 1;
	conf_align(&next, &now);
	assert_int_equal(next.ntokens, 3);
	assert_string_equal(next.tokens[0].name, "");
	assert_string_equal(next.tokens[2].name, "t2");
	assert_int_equal(conf_token_index(&next, "t0"), -1);
	/* There is room for as many as there may be, though all are others. */
	for (size_t i = 0; i < CONF_TOKENS_MAX; i++) {
		(void)snprintf(now.tokens[i].name, SIGNER_TOKEN_MAX, "a%zu", i);
		(void)snprintf(
		    next.tokens[i].name, SIGNER_TOKEN_MAX, "b%zu", i);
	}
	now.ntokens = next.ntokens = CONF_TOKENS_MAX;
	next.tokens[0] = now.tokens[5];
	conf_align(&next, &now);
	assert_int_equal(next.ntokens, CONF_TOKENS_MAX);
	assert_string_equal(next.tokens[5].name, "a5");
	for (size_t i = 1; i < CONF_TOKENS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "b%zu", i);
		assert_true(conf_token_index(&next, text) >= 0);
	}
}

static void
a_changed_token_is_told_from_the_same(void **state)
{
	static struct conf_token a, b;

	(void)state;
	(void)snprintf(a.module, sizeof(a.module), "m");
	b = a;
	assert_true(conf_token_same(&a, &b));
	b.sessions++;
	assert_false(conf_token_same(&a, &b));
	/* How tokens are chosen is not their workers' business. */
	b = a;
	b.weight = 7;
	assert_true(conf_token_same(&a, &b));
	(void)snprintf(b.certs[b.ncerts++], CONF_PATH_MAX, "/x");
	assert_false(conf_token_same(&a, &b));
	b = a;
	(void)snprintf(b.paths[b.npaths++].path, CONF_PATH_MAX, "/x");
	assert_false(conf_token_same(&a, &b));
	a = b;
	b.paths[0].write = true;
	assert_false(conf_token_same(&a, &b));
}

static void
what_was_sealed_cannot_change(void **state)
{
	static struct conf copy;
	int fd, plain;

	(void)state;
	assert_int_equal(read_words(AGENT TOKEN, 0600), 0);
	fd = snapshot_seal(&conf);
	assert_true(fd != -1);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(snapshot_read(fd, &copy), 0);
	assert_memory_equal(&copy, &conf, sizeof(conf));
	(void)close(fd);
	/* As if vm.memfd_noexec were set; older kernels know no such thing. */
	fd = memfd_create("more", MFD_NOEXEC);
	if (fd != -1) {
		assert_int_equal(write(fd, &conf, sizeof(conf)), sizeof(conf));
		assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
		assert_int_equal(snapshot_read(fd, &copy), 0);
		(void)close(fd);
	}
	assert_int_equal(snapshot_read(-1, &copy), -1);
	/* Memory that somebody could still write is not believed. */
	plain = memfd_create("plain", 0);
	assert_int_equal(write(plain, &conf, sizeof(conf)), sizeof(conf));
	assert_int_equal(snapshot_read(plain, &copy), -1);
	assert_int_equal(copy.ntokens, 0);
	(void)close(plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_file_is_understood),
	    cmocka_unit_test(what_is_wrong_is_refused_with_its_reason),
	    cmocka_unit_test(a_file_that_others_may_write_is_not_believed),
	    cmocka_unit_test(no_part_of_a_line_is_read_as_another),
	    cmocka_unit_test(lists_add_up_over_lines),
	    cmocka_unit_test(a_missing_file_is_named),
	    cmocka_unit_test(what_was_sealed_cannot_change),
	    cmocka_unit_test(a_token_has_its_own_settings),
	    cmocka_unit_test(rules_may_be_narrow),
	    cmocka_unit_test(a_sandbox_has_paths_and_a_user),
	    cmocka_unit_test(tokens_keep_their_numbers),
	    cmocka_unit_test(a_changed_token_is_told_from_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
