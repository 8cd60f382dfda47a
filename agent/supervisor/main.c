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
#include "agent/supervisor/check.h"
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
    "      --check        read the configuration and look at all that it\n"
    "                     names, say what is wrong, end\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "With COMMAND: runs it with SEALPOINT_AGENT set to the agent's socket, "
    "and\n"
    "ends when it ends, with its exit status.\n"
    "\n"
    "SIGHUP reads the configuration again, SIGUSR1 makes every token forget\n"
    "its PIN, SIGTERM ends the agent.\n"
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

/* The state directory, its user's alone. */
static int
make_state(const char *dir, uid_t uid, gid_t gid)
{
	uid_t owner = uid == 0 ? geteuid() : uid;
	struct stat st;
	bool made = mkdir(dir, 0700) == 0;

	if (!made && errno != EEXIST) {
		log_line(LOG_LEVEL_ERROR,
		    "%s: %s; it is where the agent remembers "
		    "a refused PIN: make its parent, or set state elsewhere",
		    dir, strerror(errno));
		return -1;
	}
	if (made && owner != geteuid() && lchown(dir, uid, gid) != 0)
		goto fail;
	if (lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == owner &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
fail:
	log_line(LOG_LEVEL_ERROR,
	    "%s must be a directory of the agent's user (%u) alone; chown -R "
	    "and chmod 700 it",
	    dir, (unsigned)owner);
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

/* The sockets, and what the tokens' PINs need. */
static int
open_all(struct supervisor *s, struct listener *agent, struct listener *control)
{
	struct conf *conf = s->crew.conf;
	char text[CONF_TEXT_MAX];
	bool fresh;

	if (listener_open(agent, conf->socket, 0666, text, sizeof(text)) != 0)
		goto fail;
	if (conf->control[0] != '\0' && listener_open(control, conf->control,
					    0600, text, sizeof(text)) != 0)
		goto fail;
	if (listener_give(control, conf->control, conf->uid, conf->gid, text,
		sizeof(text)) != 0)
		goto fail;
	for (size_t i = 0; i < conf->ntokens; i++)
		if (pinsource_open(&s->crew.pins[i], conf, &conf->tokens[i],
			true, text, sizeof(text)) != 0)
			goto fail;
	if (auditfile_follow(
		&s->crew.audit, conf, &fresh, text, sizeof(text)) != 0)
		goto fail;
	listener_forget_passed();
	s->crew.listener = agent->fd;
	s->crew.control = control->fd;
	return 0;
fail:
	log_line(LOG_LEVEL_ERROR, "%s", text);
	return -1;
}

static void
close_all(
    struct supervisor *s, struct listener *agent, struct listener *control)
{
	for (size_t i = 0; i < CONF_TOKENS_MAX; i++)
		pinsource_close(&s->crew.pins[i]);
	auditfile_close(&s->crew.audit);
	listener_close(control, s->crew.conf->control);
	listener_close(agent, s->crew.conf->socket);
	notify_close(&s->notify);
}

/* The highest descriptor that stays ours; all above are strangers'. */
static int
highest(const struct supervisor *s, int lock)
{
	const int ours[] = {lock, s->crew.snapshot, s->crew.listener,
	    s->crew.control, s->crew.audit.fd, s->crew.audit.head, s->notify.fd,
	    s->cmd == NULL ? -1 : s->cmd->gate};
	int last = 2;

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		last = ours[i] > last ? ours[i] : last;
	for (size_t i = 0; i < CONF_TOKENS_MAX; i++) {
		const struct pinsource *p = &s->crew.pins[i];

		last = p->door.fd > last ? p->door.fd : last;
		last = p->fd > last ? p->fd : last;
	}
	return last;
}

/* From the sockets on to the end; the exit status. */
static int
serve(struct supervisor *s, char **argv, int lock)
{
	struct listener agent = {-1, false}, control = {-1, false};
	struct command cmd = {.gate = -1};
	int status = 1;

	if (open_all(s, &agent, &control) != 0)
		goto out;
	/* Before the hardening, which is not for the user's command. */
	if (argv != NULL) {
		if (command_prepare(&cmd, argv) != 0) {
			log_line(LOG_LEVEL_ERROR, "fork: %s", strerror(errno));
			goto out;
		}
		s->cmd = &cmd;
	}
	if (harden(1 + highest(s, lock)) != 0 || harden_supervisor() != 0) {
		log_line(LOG_LEVEL_ERROR, "hardening: %s", strerror(errno));
		goto out;
	}
	status = supervisor_run(s);
out:
	close_all(s, &agent, &control);
	return status;
}

int
main(int argc, char **argv)
{
	static struct supervisor s; /* large, as is */
	static struct conf conf;
	struct options o = {0};
	char text[CONF_TEXT_MAX];
	int lock, r;

	r = parse(argc, argv, &o);
	if (r != -1)
		return r;
	log_open("sealpointd");
	if (snapshot_take(o.file, &conf, text, sizeof(text)) != 0) {
		log_line(LOG_LEVEL_ERROR, "%s", text);
		return 1;
	}
	if (o.check)
		return check_run(&conf, o.file);
	if (conf.uid != 0 && geteuid() != 0 && geteuid() != conf.uid) {
		log_line(LOG_LEVEL_ERROR,
		    "[agent] user: only root can become another user; start "
		    "sealpointd as root or as that user");
		return 1;
	}
	if (make_state(conf.state, conf.uid, conf.gid) != 0)
		return 1;
	lock = lock_state(conf.state);
	if (lock == -1)
		return 1;
	notify_open(&s.notify);
	s.file = o.file;
	s.crew.conf = &conf;
	for (size_t i = 0; i < CONF_TOKENS_MAX; i++)
		pinsource_init(&s.crew.pins[i]);
	auditfile_init(&s.crew.audit);
	s.crew.snapshot = snapshot_seal(&conf);
	if (s.crew.snapshot != -1)
		return serve(&s, o.command, lock);
	log_line(LOG_LEVEL_ERROR, "no memory for the configuration: %s",
	    strerror(errno));
	return 1;
}
