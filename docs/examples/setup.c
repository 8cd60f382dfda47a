#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
usage(const char *name, const char *more)
{
	(void)fprintf(stderr,
	    "use: %s -m MP -s SITE -k THUMBPRINT -c CA -p MP-CERTS -d STATE\n"
	    "    -n NETBIOS -f FQDN [-x [-e MP-CERTS]] %s\n",
	    name, more);
	exit(2);
}

static int
read_options(struct setup *s, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "m:s:k:c:p:d:n:f:xe:")) != -1) {
		switch (option) {
		case 'm':
			s->mp = optarg;
			break;
		case 's':
			s->site = optarg;
			break;
		case 'k':
			s->thumbprint = optarg;
			break;
		case 'c':
			s->ca = optarg;
			break;
		case 'p':
			s->mp_certs = optarg;
			break;
		case 'd':
			s->state = optarg;
			break;
		case 'n':
			s->netbios = optarg;
			break;
		case 'f':
			s->fqdn = optarg;
			break;
		case 'x':
			s->mixed = true;
			break;
		case 'e':
			s->encrypt = optarg;
			break;
		default:
			return -1;
		}
	}
	return s->mp != NULL && s->thumbprint != NULL ? optind : -1;
}

/* Native mode is a flag, as in the COM interfaces; a URL is not. */
static int
choose_flags(struct setup *s, struct sealpoint_failure *why)
{
	uint32_t flags = SEALPOINT_SECURITY_FLAG_SIGN_MESSAGE |
			 SEALPOINT_SECURITY_FLAG_COMPRESS_MESSAGE;
	int r;

	flags |= s->mixed ? SEALPOINT_SECURITY_FLAG_MIXED_MODE
			  : SEALPOINT_SECURITY_FLAG_NATIVE_MODE;
	if (s->encrypt != NULL)
		flags |= SEALPOINT_SECURITY_FLAG_ENCRYPT_MESSAGE;
	r = sealpoint_message_set_security_flags(s->message, flags, why);
	if (r != SEALPOINT_OK || s->encrypt == NULL)
		return r;
	return sealpoint_message_set_encryption_certificates_store(
	    s->message, s->encrypt, why);
}

int
setup_start(struct setup *s, int argc, char **argv, const char *more)
{
	struct sealpoint_failure why;
	int next;

	memset(s, 0, sizeof(*s));
	next = read_options(s, argc, argv);
	if (next < 0)
		usage(argv[0], more);
	if (sealpoint_messaging_new(&s->messaging, &why) != 0 ||
	    sealpoint_messaging_set_site(s->messaging, s->site, &why) != 0 ||
	    sealpoint_messaging_set_names(
		s->messaging, s->netbios, s->fqdn, &why) != 0 ||
	    sealpoint_messaging_set_ca(s->messaging, s->ca, &why) != 0 ||
	    sealpoint_messaging_set_state(s->messaging, s->state, &why) != 0 ||
	    sealpoint_messaging_create_message(
		s->messaging, &s->message, &why) != 0 ||
	    choose_flags(s, &why) != 0 ||
	    sealpoint_message_set_client_certificate(
		s->message, s->thumbprint, &why) != 0 ||
	    sealpoint_message_verify_server_signature(
		s->message, s->mp_certs, &why) != 0)
		exit(setup_failed(&why));
	return next;
}

void
setup_end(struct setup *s)
{
	sealpoint_message_free(s->message);
	sealpoint_messaging_free(s->messaging);
}

int
setup_failed(const struct sealpoint_failure *why)
{
	(void)fprintf(stderr, "%s\n", why->text);
	return 1;
}
