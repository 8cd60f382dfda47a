/*
 * An index: what one scan of a token found, sorted, and never changed after.
 * Certificates that have no key on the token are kept too, for chains. It is
 * counted by those who hold it, so that a new scan takes nothing away from
 * a running operation. Reads no token.
 */
#ifndef PKCS11_INDEX_H
#define PKCS11_INDEX_H

#include "pkcs11/cert.h"
#include "pkcs11/key.h"
#include "pkcs11/token.h"

#define INDEX_CHAIN_MAX 8 /* certificates, the leaf included */

struct index_entry {
	struct cert cert;
	struct key key;
	bool keyed; /* its private key is on the token, proved, in `key` */
};

struct index_counts {
	size_t identities, certs_without_key, keys_without_cert;
};

struct index;

/*
 * Takes the entries, which are malloced, with their certificates over. Sorts
 * them, and drops what is there twice. NULL if memory is out; the entries
 * are freed then too.
 */
struct index *index_new(struct index_entry *entries, size_t n,
    size_t keys_without_cert, struct rv gap);

/* Why objects are missing that could not be read; CKR_OK if none is. */
struct rv index_gap(const struct index *ix);

struct index *index_hold(struct index *ix);
void index_drop(struct index *ix); /* NULL-safe; the last one frees it */

const struct index_entry *index_find(
    const struct index *ix, const uint8_t sha256[TOKEN_SHA256_LEN]);

/* Identity number i, in the order of SHA-256, or NULL past the end. */
const struct index_entry *index_identity(const struct index *ix, size_t i);

/* Certificate `depth` of the chain that begins with `leaf`, or NULL. */
const struct cert *index_chain(
    const struct index *ix, const struct index_entry *leaf, unsigned depth);

struct index_counts index_counts(const struct index *ix);

/* Frees entries that no index took. */
void index_entries_free(struct index_entry *entries, size_t n);

#endif
