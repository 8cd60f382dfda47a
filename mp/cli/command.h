/*
 * A command of the program: its name, what it says about itself, its options
 * and what runs it. The table of all commands, and the help made from it.
 */
#ifndef MP_CLI_COMMAND_H
#define MP_CLI_COMMAND_H

#include <stdio.h>

#include "agent/signer.h"
#include "mp/cli/options.h"
#include "mp/cli/session.h"

/* The program's exit status. */
enum command_status {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1, /* refused or failed, and said so */
	COMMAND_USAGE = 2,  /* what was typed makes no sense, and said so */
};

struct command {
	const char *name;    /* one word or two: "keys", "policy get" */
	const char *operand; /* what stands for its operands, with a blank
				between; "[FILE]" may be left out; NULL: none */
	const char *summary; /* a line in the list of commands */
	const char *about;   /* a paragraph; lines end in \n */
	const struct option_def *options; /* its own, ended by a NULL name */
	bool mp;                          /* takes command_mp_options too */
	bool bytes; /* its output is bytes: --json has no meaning */
	/* The first operand, or NULL; s->words has all. */
	int (*run)(struct session *s, const char *operand);
};

extern const struct option_def command_global_options[];
extern const struct option_def command_mp_options[];
extern const struct option_def command_no_options[];

/* All commands, in the order of the help; ends with NULL. */
extern const struct command *const command_table[];

/* One file each, except those that share a first word. */
extern const struct command command_keys;
extern const struct command command_cert_show;
extern const struct command command_cert_export;
extern const struct command command_cert_chain;
extern const struct command command_sign;
extern const struct command command_decrypt;
extern const struct command command_register;
extern const struct command command_policy_list;
extern const struct command command_policy_get;
extern const struct command command_policy_sync;
extern const struct command command_mp_list;
extern const struct command command_mp_info;
extern const struct command command_mp_certificate;
extern const struct command command_locate_content;
extern const struct command command_locate_wsus;
extern const struct command command_locate_mp;
extern const struct command command_locate_site;
extern const struct command command_locate_site_info;
extern const struct command command_send;
extern const struct command command_invoke;
extern const struct command command_post;
extern const struct command command_token_list;
extern const struct command command_token_generate;
extern const struct command command_token_self_sign;
extern const struct command command_token_request;
extern const struct command command_token_import;
extern const struct command command_status;
extern const struct command command_lock;
extern const struct command command_unlock;
extern const struct command command_reload;
extern const struct command command_audit_verify;
extern const struct command command_doctor;

/*
 * Runs the program's command line; returns its exit status. `lent` is a
 * signer to use in place of the agent's; it stays the caller's.
 */
int command_main(
    int argc, char **argv, FILE *out, FILE *err, const struct signer *lent);

void command_help_all(FILE *f);
void command_help(const struct command *c, FILE *f);

#endif
