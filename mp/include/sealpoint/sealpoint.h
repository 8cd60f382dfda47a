/*
 * libsealpoint: talks to Configuration Manager management points, with
 * private keys that stay on their tokens. This header includes all others;
 * docs/PORTING.md tells which function replaces which COM method.
 */
#ifndef SEALPOINT_SEALPOINT_H
#define SEALPOINT_SEALPOINT_H

#include <sealpoint/api.h>
#include <sealpoint/attachment.h>
#include <sealpoint/error.h>
#include <sealpoint/identity.h>
#include <sealpoint/message.h>
#include <sealpoint/messaging.h>
#include <sealpoint/policy.h>
#include <sealpoint/registration.h>
#include <sealpoint/signer.h>

#endif
