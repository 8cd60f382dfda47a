/*
 * A message as the library keeps it: what was set, and nothing worked out.
 * Knows no management point.
 */
#ifndef MP_LIBRARY_MESSAGE_H
#define MP_LIBRARY_MESSAGE_H

#include <sealpoint/message.h>

#include <stdbool.h>

#include "agent/signer.h"
#include "mp/library/body.h"

struct property {
	char *name;
	char *value;
};

struct sealpoint_message {
	char *endpoint;
	char *client_id;
	struct property properties[SEALPOINT_PROPERTIES_MAX];
	size_t nproperties;
	struct sealpoint_attachment *attachments[SEALPOINT_ATTACHMENTS_MAX];
	size_t nattachments;
	struct body body;
	uint32_t timeout_s;
	bool flags_set;
	uint32_t flags;
	uint8_t thumb[SIGNER_SHA256_LEN];
	size_t thumblen;                     /* 0: none */
	struct sealpoint_identity *identity; /* a reference; NULL: thumb */
	char *encrypt_store;
	char *verify_store;
	char *proxy;
	char *proxy_credentials;
	enum sealpoint_hash hash;
	enum sealpoint_cipher cipher;
	uint32_t port;
};

int message_new(struct sealpoint_message **out, struct sealpoint_failure *why);

/* A reply: its body alone. */
int message_reply(struct sealpoint_message **out, const uint8_t *body,
    size_t len, struct sealpoint_failure *why);

#endif
