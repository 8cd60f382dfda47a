/*
 * sealpointd: the agent. Reads its configuration, makes its socket, and
 * becomes the supervisor of the processes that do the work.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/conf.h"
#include "agent/harden.h"
#include "agent/log.h"
#include "agent/snapshot.h"
#include "agent/supervisor/listener.h"
#include "agent/supervisor/supervisor.h"
#include "version.h"

#define DEFAULT_CONF SEALPOINT_SYSCONFDIR "/sealpointd.conf"

struct options {
	const char *file;
	int check;
	char **command; /* NULL: run as a daemon in the foreground */
};

static const char help_text[] =
    "usage: sealpointd [-c FILE] [--check] [-- COMMAND [ARGUMENT...]]\n"
    "\n"
    "The Sealpoint agent: signs and decrypts for its clients with private\n"
    "keys that stay on their tokens. Runs in the foreground.\n"
    "\n"
    "  -c, --config FILE  configuration; default " DEFAULT_CONF "\n"
    "      --check        read the configuration, say what is wrong, end\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "With COMMAND: runs it with SEALPOINT_AGENT set to the agent's socket, "
    "and\n"
    "ends when it ends, with its exit status.\n"
    "\n"
    "Example:\n"
    "  sealpointd -c agent.conf -- sealpoint keys\n"
    "\n"
    "See also: sealpointd(8), sealpointd.conf(5), sealpoint(1).\n";

/* -1 to go on, or the exit status. */
static int
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	o->file = DEFAULT_CONF;
	while ((c = getopt_long(argc, argv, "+c:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'k':
			o->check = 1;
			break;
		case 'h':
			(void)fputs(help_text, stdout);
			return 0;
		case 'V':
			(void)puts("sealpointd " SEALPOINT_VERSION);
			return 0;
		default:
			(void)fputs("Try 'sealpointd --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		(void)fprintf(stderr,
		    "sealpointd: a command goes behind --: "
		    "sealpointd -- %s\n",
		    argv[optind]);
		return 2;
	}
	if (optind < argc)
		o->command = &argv[optind];
	return -1;
}

static int
report(const struct conf *c, const char *file)
{
	(void)printf("%s: well formed: %zu token(s), %zu [allow] section(s)\n",
	    file, c->ntokens, c->nallows);
	if (c->nallows == 0)
		(void)printf(
		    "note: without an [allow] section nobody may use any "
		    "key\n");
	return 0;
}

/* The state directory, ours alone. */
static int
make_state(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		log_line(LOG_LEVEL_ERROR,
		    "%s: %s; it is where the agent remembers "
		    "a refused PIN: make its parent, or set state elsewhere",
		    dir, strerror(errno));
		return -1;
	}
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	log_line(LOG_LEVEL_ERROR,
	    "%s must be a directory of this user alone; "
	    "chown and chmod 700 it",
	    dir);
	return -1;
}

/* One daemon for a state directory: for its whole life. */
static int
lock_state(const char *dir)
{
	char path[CONF_PATH_MAX + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	log_line(LOG_LEVEL_ERROR,
	    errno == EWOULDBLOCK
		? "%s: another sealpointd uses this state directory; stop it, "
		  "or set state elsewhere"
		: "%s cannot be locked; the state directory must be writable",
	    path);
	return -1;
}

int
main(int argc, char **argv)
{
	static struct conf conf; /* large */
	struct options o = {0};
	struct command cmd = {.gate = -1};
	char text[CONF_TEXT_MAX];
	int listener, lock, snapshot, r, last;

	r = parse(argc, argv, &o);
	if (r != -1)
		return r;
	log_open("sealpointd");
	if (snapshot_take(o.file, &conf, text, sizeof(text)) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", text);
		return 1;
	}
	if (o.check)
		return report(&conf, o.file);
	if (make_state(conf.state) != 0)
		return 1;
	snapshot = snapshot_seal(&conf);
	if (snapshot == -1) {
		log_line(LOG_LEVEL_ERROR,
		    "the configuration cannot be kept "
		    "in memory: %s",
		    strerror(errno));
		return 1;
	}
	lock = lock_state(conf.state);
	if (lock == -1)
		return 1;
	listener = listener_open(conf.socket, text, sizeof(text));
	if (listener == -1) {
		log_line(LOG_LEVEL_ERROR, "%s", text);
		return 1;
	}
	/* Before the hardening, which is not for the user's command. */
	if (o.command != NULL && command_prepare(&cmd, o.command) != 0) {
		log_line(LOG_LEVEL_ERROR, "fork: %s", strerror(errno));
		(void)unlink(conf.socket);
		return 1;
	}
	last = listener > cmd.gate ? listener : cmd.gate;
	last = last > lock ? last : lock;
	if (harden(1 + (last > snapshot ? last : snapshot)) != 0) {
		log_line(LOG_LEVEL_ERROR, "hardening: %s", strerror(errno));
		(void)unlink(conf.socket);
		return 1;
	}
	return supervisor_run(
	    &conf, o.file, snapshot, listener, o.command != NULL ? &cmd : NULL);
}
