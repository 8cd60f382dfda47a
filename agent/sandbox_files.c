#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "agent/sandbox_parts.h"

/*
 * What newer kernels know than the headers that we are built with; the
 * numbers are landlock's interface, which does not change.
 */
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define FS_ALL ((UINT64_C(1) << 13) - 1) /* 1 */
#define NET_TCP 3                        /* 4: bind, connect */
#define SCOPE_ABSTRACT 1                 /* 6: sockets without a path */
#define SCOPE_SIGNAL 2                   /* 6: to processes outside */

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scope;
};

#define FS_LOOK LANDLOCK_ACCESS_FS_READ_FILE
#define FS_READ (FS_LOOK | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                             \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                           \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |      \
	    FS_REFER | FS_TRUNCATE)
/* Of these, what can be granted on a file that is no directory. */
#define FS_FILE (FS_LOOK | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

/* The rules that this kernel knows, of those that the kind wants. */
static void
wish(enum sandbox_kind kind, long abi, struct ruleset *rs)
{
	memset(rs, 0, sizeof(*rs));
	if (kind != SANDBOX_MODULE) {
		rs->fs = FS_ALL | (abi >= 2 ? FS_REFER : 0) |
			 (abi >= 3 ? FS_TRUNCATE : 0) |
			 (abi >= 5 ? FS_IOCTL_DEV : 0);
		rs->net = abi >= 4 ? NET_TCP : 0;
		rs->scope = abi >= 6 ? SCOPE_ABSTRACT : 0;
	}
	rs->scope |= abi >= 6 ? SCOPE_SIGNAL : 0;
}

static uint64_t
rights(enum sandbox_access access)
{
	switch (access) {
	case SANDBOX_LOOK:
		return FS_LOOK;
	case SANDBOX_READ:
		return FS_READ;
	case SANDBOX_WRITE:
		return FS_WRITE;
	}
	return 0;
}

/* One path; 0, or -1 with errno. */
static int
permit(int fd, const struct sandbox_path *p, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = {0};
	struct stat st;
	int r = -1, saved;

	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return !p->needed && (errno == ENOENT || errno == EACCES) ? 0
									  : -1;
	rule.allowed_access = rights(p->access) & handled;
	if (fstat(rule.parent_fd, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= FS_FILE;
		r = (int)syscall(SYS_landlock_add_rule, fd,
		    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	saved = errno;
	(void)close(rule.parent_fd);
	errno = saved;
	return r;
}

int
sandbox_files(enum sandbox_kind kind, const struct sandbox_path *paths,
    size_t npaths, char *text, size_t textlen)
{
	static const struct sandbox_path everything = {
	    "/", SANDBOX_READ, false};
	struct ruleset rs;
	long abi;
	int fd = -1, r = SANDBOX_EFAILED;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi <= 0) {
		(void)snprintf(text, textlen,
		    "this kernel has no landlock (%s): files are guarded by "
		    "their modes alone",
		    strerror(errno));
		return SANDBOX_NOFILES;
	}
	wish(kind, abi, &rs);
	if (rs.fs == 0 && rs.net == 0 && rs.scope == 0)
		return SANDBOX_OK;
	(void)snprintf(text, textlen, "landlock");
	/* An old kernel refuses fields that it does not know, unless zero. */
	fd = (int)syscall(SYS_landlock_create_ruleset, &rs, sizeof(rs), 0);
	if (fd == -1)
		goto out;
	for (size_t i = 0; i < npaths; i++) {
		(void)snprintf(text, textlen, "%s", paths[i].path);
		if (permit(fd, &paths[i], rs.fs) != 0)
			goto out;
	}
	if (SANDBOX_SANITIZED && rs.fs != 0 &&
	    permit(fd, &everything, rs.fs) != 0)
		goto out;
	(void)snprintf(text, textlen, "landlock");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_landlock_restrict_self, fd, 0) == 0)
		r = SANDBOX_OK;
out:
	if (r != SANDBOX_OK) {
		size_t used = strlen(text);

		(void)snprintf(text + used, textlen - used,
		    ": %s, so the sandbox cannot be entered", strerror(errno));
	}
	if (fd != -1)
		(void)close(fd);
	return r;
}
