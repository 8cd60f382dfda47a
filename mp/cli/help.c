#include "mp/cli/command.h"

#include <string.h>

#include "mp/cli/text.h"

#define WIDTH 78

#define EXAMPLES                                                             \
	"Examples:\n"                                                        \
	"  sealpoint keys\n"                                                 \
	"  sealpoint sign -k 9F3A...CDEF -d sha256 -i report.pdf -o "        \
	"report.sig\n"                                                       \
	"  sealpoint register -k 9F3A...CDEF --mp https://mp1.corp.example " \
	"\\\n"                                                               \
	"      --site PRI --netbios PC7 --fqdn pc7.corp.example \\\n"        \
	"      --ca ca.pem --mp-certs mp1.pem\n"                             \
	"  sealpoint send hinv --discover --mode mixed --flags "             \
	"sign,encrypt\n"                                                     \
	"  sealpoint cert export -k 9F3A...CDEF -o proxy.cer --der   (to "   \
	"import a proxy)\n"

struct heading {
	const char *first; /* name of the command it stands before */
	const char *text;
};

static const struct heading headings[] = {
    {"keys", "Keys and certificates"},
    {"sign", "Using a key"},
    {"register", "Talking to a management point"},
    {"locate content", "Messages"},
    {"token list", "Making keys on a token"},
    {"status", "The agent"},
};

static void
put_heading(const struct command *c, FILE *f)
{
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
		if (strcmp(headings[i].first, c->name) == 0)
			fprintf(f, "\n%s:\n", headings[i].text);
	}
}

void
command_help_all(FILE *f)
{
	fputs("usage: sealpoint [OPTION...] COMMAND [OPTION...]\n\n"
	      "Signs, decrypts and talks to Configuration Manager management "
	      "points with\nprivate keys that stay on a smartcard or HSM. The "
	      "agent, sealpointd(8), holds\nthe token; this program asks it, "
	      "and never sees a private key. Only the\n`token` commands log in "
	      "to a token themselves.\n",
	    f);
	for (size_t i = 0; command_table[i] != NULL; i++) {
		put_heading(command_table[i], f);
		fprintf(f, "  %-18s %s\n", command_table[i]->name,
		    command_table[i]->summary);
	}
	fputs("\nOptions of every command:\n", f);
	options_help(command_global_options, f);
	fputs(
	    "\n" EXAMPLES "\n"
	    "`sealpoint COMMAND --help` tells about one command. Exit status: "
	    "0 done,\n1 refused or failed, 2 wrong usage. Read on in "
	    "sealpoint(1),\nsealpoint.conf(5) and sealpointd(8).\n",
	    f);
}

void
command_help(const struct command *c, FILE *f)
{
	fprintf(f, "usage: sealpoint %s [OPTION...]%s%s\n\n", c->name,
	    c->operand == NULL ? "" : " ",
	    c->operand == NULL ? "" : c->operand);
	text_wrap(f, c->about, 0, WIDTH);
	if (c->options->name != NULL) {
		fputs("\nOptions:\n", f);
		options_help(c->options, f);
	}
	if (c->mp) {
		fputs("\nOptions of commands that talk to a management point; "
		      "sealpoint.conf(5) may\nset most of them:\n",
		    f);
		options_help(command_mp_options, f);
	}
	fputs("\nOptions of every command:\n", f);
	options_help(command_global_options, f);
}
