/*
 * The worker's sandbox, as its section asks for: which files the module, the
 * PIN and the state directory need. Knows nothing of how files are kept from
 * anybody; see agent/sandbox.h.
 */
#ifndef AGENT_WORKER_CONFINE_H
#define AGENT_WORKER_CONFINE_H

#include "agent/conf.h"

/*
 * Enters the sandbox of this token; before the module is loaded. credentials:
 * where the service manager put them, or NULL. As sandbox_enter(); SANDBOX_OK
 * where the section says off.
 */
int confine_worker(const struct conf *c, const struct conf_token *t,
    const char *credentials, char *text, size_t textlen);

#endif
