/*
 * Any bytes as the signature of a reply: the one that a real client accepted,
 * changed. The first byte says whether the payload was changed too: then no
 * signature may be good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp/trust.h"

#define ANSWER_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What the fuzzer's callback cannot be given. */
static struct mp_reply reply;
static struct mp_trust *trust;

static void
take(const uint8_t *http, size_t len)
{
	const uint8_t *body = memmem(http, len, "\r\n\r\n", 4);

	if (body == NULL)
		abort();
	body += 4;
	if (mp_reply_parse(&reply, NULL, body, len - (size_t)(body - http),
		NULL) != MP_OK ||
	    reply.signature == NULL || reply.payload_len == 0)
		abort();
	free(reply.signature);
	reply.signature = NULL;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static uint8_t http[ANSWER_MAX];
	FILE *f = fopen(VECTORS "/sdk/60-reply-authenticated-accepted/"
				"001-response.http",
	    "re");
	size_t n;

	(void)argc;
	(void)argv;
	if (f == NULL || (n = fread(http, 1, sizeof(http), f)) == 0)
		abort();
	(void)fclose(f);
	take(http, n);
	if (mp_trust_open(&trust, VECTORS "/sdk/mp-sign.pem", NULL) != MP_OK)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char host[] = "MP1";
	struct mp_error e = {0};
	const char *proof = NULL;
	int r;

	if (len == 0)
		return 0;
	reply.signature = malloc(len);
	if (reply.signature == NULL)
		abort();
	reply.signature_len = len - 1;
	memcpy(reply.signature, data + 1, len - 1);
	reply.payload[0] ^= data[0] & 1;
	r = mp_trust_verify(trust, &reply, reply.site_code, host,
	    MP_SIGNATURE_TLS, true, &proof, &e);
	reply.payload[0] ^= data[0] & 1;
	free(reply.signature);
	reply.signature = NULL;
	if (r == MP_OK ? (data[0] & 1) != 0 || proof == NULL
		       : e.text[0] == '\0')
		abort();
	return 0;
}
