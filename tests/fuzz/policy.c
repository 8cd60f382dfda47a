/*
 * Any bytes as a policy body: the first byte is the policy's flags, the rest
 * what the management point sent: XML, compressed, or CMS EnvelopedData for
 * a key that this program has (the one of the test vectors).
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>

#include "mp/cms.h"
#include "mp/kinds/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct mp_identity me; /* what the fuzzer's callback cannot be given */

static FILE *
vector(const char *name)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
	f = fopen(path, "re");
	if (f == NULL)
		abort();
	return f;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FILE *f;

	(void)argc;
	(void)argv;
	f = vector("sdk/mp-enc-LABKEY.key");
	me.key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	f = vector("sdk/mp-enc.pem");
	me.cert = PEM_read_X509(f, NULL, NULL, NULL);
	(void)fclose(f);
	if (me.key == NULL || me.cert == NULL)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char id[] = "{1}", version[] = "1.00", none[] = "";
	struct mp_assignment a = {.id = id,
	    .policy = id,
	    .version = version,
	    .category = none,
	    .type = none,
	    .location = none,
	    .hash = none,
	    .hash_ex = none};
	struct mp_buf body, xml;

	if (len == 0)
		return 0;
	a.flags = data[0];
	mp_buf_init(&body, 1u << 20);
	mp_buf_init(&xml, 1u << 20);
	mp_buf_add(&body, data + 1, len - 1);
	if (mp_buf_ok(&body) && body.data != NULL) {
		(void)mp_policy_open(&a, &me, &body, &xml, NULL);
		mp_buf_clear(&xml);
		(void)mp_cms_open(
		    body.data, body.len, me.key, me.cert, &xml, NULL);
	}
	mp_buf_release(&body);
	mp_buf_release(&xml);
	return 0;
}
