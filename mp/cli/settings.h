/*
 * What options and sealpoint.conf say about a management point and the client
 * that talks to it, as the messaging layer's configuration. Says what is
 * missing or cannot be; opens nothing but the state directory's parents.
 */
#ifndef MP_CLI_SETTINGS_H
#define MP_CLI_SETTINGS_H

#include "mp/cli/session.h"

/*
 * Fills cfg, whose strings live as long as the session. With `believe`,
 * there must be something to prove replies by. An exit status.
 */
int settings_client(
    struct session *s, bool believe, struct mp_client_config *cfg);

/* Does an option with a word for its value have this one? */
bool settings_say(const struct session *s, enum option_id id, const char *word);

/* Puts this machine's names into s, where the user gave none. */
int settings_name(struct session *s);

/* Ms that --timeout gives each exchange; 0: it is not given. An exit status. */
int settings_timeout(struct session *s, unsigned *ms);

/* Security flags of --flags: "sign,compress" or "none". An exit status. */
int settings_flags(struct session *s, bool *given, uint32_t *flags);

#endif
