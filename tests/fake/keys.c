#include "tests/fake/keys.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#define PATH_SIZE 4096

/* Under a name of its own first: another test may read while we write. */
static void
keep(EVP_PKEY *key, const char *path)
{
	char part[PATH_SIZE + 16];
	FILE *file;
	int r;

	(void)snprintf(part, sizeof(part), "%s.%ld", path, (long)getpid());
	file = fopen(part, "wx");
	if (file == NULL)
		return;
	r = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	if (fclose(file) != 0 || r != 1 || rename(part, path) != 0)
		(void)unlink(part);
}

static EVP_PKEY *
kept(const char *path)
{
	FILE *file = fopen(path, "r");
	EVP_PKEY *key;

	if (file == NULL)
		return NULL;
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	(void)fclose(file);
	return key;
}

EVP_PKEY *
keys_rsa(unsigned bits)
{
	static atomic_uint next; /* no two keys of a process are the same */
	const char *dir = getenv("SEALPOINT_KEYS");
	char path[PATH_SIZE];
	EVP_PKEY *key;
	int len;

	if (dir == NULL)
		return EVP_RSA_gen(bits);
	len = snprintf(path, sizeof(path), "%s/rsa-%u.%u.pem", dir, bits,
	    atomic_fetch_add(&next, 1));
	if (len < 0 || (size_t)len >= sizeof(path))
		return EVP_RSA_gen(bits);
	key = kept(path);
	if (key != NULL)
		return key;
	key = EVP_RSA_gen(bits);
	if (key != NULL)
		keep(key, path);
	return key;
}
