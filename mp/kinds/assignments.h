/*
 * Policy assignments: the request, and the list that comes back (sdk-facts
 * 4.3; wire-facts 5.1, 5.2). Makes and reads XML; sends nothing.
 */
#ifndef MP_KINDS_ASSIGNMENTS_H
#define MP_KINDS_ASSIGNMENTS_H

#include "mp/buf.h"
#include "mp/error.h"

/* PolicyFlags (wire-facts 5.2). */
#define MP_POLICY_TASK_SEQUENCE 1u
#define MP_POLICY_REQUIRES_AUTH 2u
#define MP_POLICY_SECRET 4u
#define MP_POLICY_INTRANET_ONLY 8u
#define MP_POLICY_COMPRESSED 64u

#define MP_ASSIGNMENTS_MAX 100000 /* in one reply */

struct mp_assignment {
	char *id;     /* PolicyAssignmentID */
	char *policy; /* PolicyID */
	char *version;
	char *category; /* "" if none */
	char *type;     /* "" if none */
	char *location; /* URL; <mp> stands for the MP asked */
	char *hash;     /* PolicyHash, "" if none */
	char *hash_ex;
	unsigned flags;
	char *action; /* of a Delta, "" if none; values unknown (12.12) */
};

/* An assignment of a Delta that has no policy: what to do with the old one. */
struct mp_assignment_change {
	char *id;
	char *action; /* "" if none */
};

struct mp_assignments {
	struct mp_assignment *list;
	size_t count;
	char *reply_type;                     /* Full, Delta */
	char *cookie;                         /* ServerCookie, "" if none */
	struct mp_assignment_change *changes; /* without policy */
	size_t nchanges;
	char *validation; /* ValidationData, "" if none; format unknown */
};

#define MP_USER_GROUPS_MAX 1024

struct mp_assignments_user {
	const char *name; /* DOMAIN\user */
	const char *sid;
	const char *const *groups; /* SIDs */
	size_t ngroups;
};

struct mp_assignments_request {
	const char *smsid;
	const char *fqdn;
	const char *netbios;
	const char *site;
	const char *cookie;                     /* NULL: everything */
	const char *sid;                        /* of the machine, or NULL */
	const struct mp_assignments_user *user; /* NULL: machine policy */
	bool validation;                        /* ask for ValidationData */
};

int mp_assignments_request(const struct mp_assignments_request *r,
    struct mp_buf *xml, struct mp_error *e);
int mp_assignments_parse(
    const struct mp_buf *xml, struct mp_assignments *out, struct mp_error *e);
/*
 * The same, and it must be the answer to this request: where it names the
 * client, the user, the source or whose policy it is, they are those asked
 * for, and it has changes alone only if those were; else MP_ETRUST.
 */
int mp_assignments_answer(const struct mp_assignments_request *asked,
    const struct mp_buf *xml, struct mp_assignments *out, struct mp_error *e);
void mp_assignments_release(struct mp_assignments *a); /* NULL-safe */

/* By assignment id, policy id, case-insensitively; NULL if none. Borrowed. */
const struct mp_assignment *mp_assignments_find(
    const struct mp_assignments *a, const char *id);

#endif
