/*
 * What a signature is for, as far as its input tells: a TLS handshake of the
 * client's side, or anything else. So a key that is allowed for TLS alone
 * cannot be made to sign messages. Pure.
 *
 * Sources: RFC 8446 section 4.4.3 (TLS 1.3 CertificateVerify); RFC 5246
 * sections 7.4 and 7.4.8 (TLS 1.2: all handshake messages so far).
 */
#ifndef AGENT_FRONT_PURPOSE_H
#define AGENT_FRONT_PURPOSE_H

#include "agent/signer.h"

/* SIGNER_USE_TLS or SIGNER_USE_SIGN. A digest tells nothing: it is SIGN. */
uint32_t purpose_of(const struct signer_sign *what);

#endif
