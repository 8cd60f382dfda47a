/*
 * What every example needs before it can show anything: a messaging object
 * that knows this machine, and a message that knows its key. Reads both from
 * the command line.
 */
#ifndef EXAMPLES_SETUP_H
#define EXAMPLES_SETUP_H

#include <stdbool.h>

#include <sealpoint/sealpoint.h>

struct setup {
	const char *mp;         /* -m: host or URL of the management point */
	const char *site;       /* -s: its site code */
	const char *thumbprint; /* -k: of the client's certificate */
	const char *ca;         /* -c: whom TLS trusts */
	const char *mp_certs;   /* -p: who may sign replies */
	const char *state;      /* -d: directory of the client's state */
	const char *netbios;    /* -n */
	const char *fqdn;       /* -f */
	bool mixed;             /* -x: mixed mode; else native */
	const char *encrypt;    /* -e: to whom, in mixed mode */
	struct sealpoint_messaging *messaging;
	struct sealpoint_message *message;
};

/* Returns the number of arguments read; ends the program if they are wrong. */
int setup_start(struct setup *s, int argc, char **argv, const char *more);
void setup_end(struct setup *s);

/* Says what failed, as the library put it; returns an exit status. */
int setup_failed(const struct sealpoint_failure *why);

#endif
