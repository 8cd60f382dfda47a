/*
 * RSA keys for tests. Making one takes a third of a second, and most tests
 * want some, so the directory that SEALPOINT_KEYS names keeps them for the
 * next process; without it each is new. Knows nothing of what they are for.
 */
#ifndef TESTS_FAKE_KEYS_H
#define TESTS_FAKE_KEYS_H

#include <openssl/evp.h>

/* A key of so many bits that this process did not get before: yours. NULL if
 * OpenSSL makes none. Any thread may call it. */
EVP_PKEY *keys_rsa(unsigned bits);

#endif
