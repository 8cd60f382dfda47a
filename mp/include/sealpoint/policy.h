/*
 * Policies of a registered client: which there are, and what they say,
 * decrypted with the client's key. COM programs fetch bodies by an HTTP GET
 * of their own, and cannot decrypt with a key that stays on a token.
 *
 * A list never changes; any number of threads may read one at once.
 */
#ifndef SEALPOINT_POLICY_H
#define SEALPOINT_POLICY_H

#include <sealpoint/messaging.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PolicyFlags. */
#define SEALPOINT_POLICY_TASK_SEQUENCE 1u
#define SEALPOINT_POLICY_REQUIRES_AUTH 2u
#define SEALPOINT_POLICY_SECRET 4u
#define SEALPOINT_POLICY_INTRANET_ONLY 8u
#define SEALPOINT_POLICY_COMPRESSED 64u

struct sealpoint_policies;

/*
 * The machine's policy assignments, by the settings of a message; see
 * sealpoint_messaging_register(). *out is yours: sealpoint_policies_free().
 */
SEALPOINT_API int sealpoint_messaging_policies(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *settings,
    struct sealpoint_policies **out, struct sealpoint_failure *why);

/* Whose policy, and since when. Fill it with zeros first. */
struct sealpoint_policy_scope {
	const char *user;          /* "DOMAIN\\user"; NULL: the machine */
	const char *user_sid;      /* "S-1-...", with user */
	const char *const *groups; /* SIDs of groups that the user is in */
	size_t groups_count;
	const char *cookie; /* sealpoint_policies_cookie() of an earlier list:
			       what changed since; NULL: everything */
};

/*
 * The same of a scope, or what changed there. The management point may answer
 * a cookie with everything; sealpoint_policies_are_changes() tells. An answer
 * about another user, or with changes where everything was asked for, is
 * SEALPOINT_ERR_UNTRUSTED.
 */
SEALPOINT_API int sealpoint_messaging_policies_of(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *settings,
    const struct sealpoint_policy_scope *scope, struct sealpoint_policies **out,
    struct sealpoint_failure *why);

/* NULL-safe. */
SEALPOINT_API void sealpoint_policies_free(struct sealpoint_policies *p);

SEALPOINT_API size_t sealpoint_policies_count(
    const struct sealpoint_policies *p);

/* Strings live as long as the list; NULL, and 0, past its end. */
SEALPOINT_API const char *sealpoint_policies_id(
    const struct sealpoint_policies *p, size_t index);
SEALPOINT_API const char *sealpoint_policies_version(
    const struct sealpoint_policies *p, size_t index);
SEALPOINT_API const char *sealpoint_policies_category(
    const struct sealpoint_policies *p, size_t index);
SEALPOINT_API uint32_t sealpoint_policies_flags(
    const struct sealpoint_policies *p, size_t index);

/* The id of the assignment that brings the policy. */
SEALPOINT_API const char *sealpoint_policies_assignment(
    const struct sealpoint_policies *p, size_t index);

/* 1 if the list has changes alone, else 0. */
SEALPOINT_API int sealpoint_policies_are_changes(
    const struct sealpoint_policies *p);

/* To ask for changes with, next time; "" if the answer had none. */
SEALPOINT_API const char *sealpoint_policies_cookie(
    const struct sealpoint_policies *p);

/*
 * Changes that bring no policy: the assignment, and the management point's
 * word for what to do with it, whose values are documented nowhere.
 */
SEALPOINT_API size_t sealpoint_policies_changes_count(
    const struct sealpoint_policies *p);
SEALPOINT_API const char *sealpoint_policies_change_assignment(
    const struct sealpoint_policies *p, size_t index);
SEALPOINT_API const char *sealpoint_policies_change_action(
    const struct sealpoint_policies *p, size_t index);

/*
 * The policy's XML as the body of a message that is yours:
 * sealpoint_message_free(). It may hold a secret of the site; its memory is
 * wiped when it is freed.
 */
SEALPOINT_API int sealpoint_messaging_policy(struct sealpoint_messaging *s,
    const char *host, const struct sealpoint_message *settings,
    const struct sealpoint_policies *p, size_t index,
    struct sealpoint_message **out, struct sealpoint_failure *why);

#ifdef __cplusplus
}
#endif

#endif
