#include "mp/discover.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LEN_MAX 1024
#define LINES_MAX 10000 /* of a file that somebody made large */
#define NETBIOS_LEN 15
#define LOCALE_LEN_MAX 64
#define ENGLISH 1033 /* the United States' */

static const struct {
	const char *name;
	unsigned lcid;
} locales[] = {{"C", 1033}, {"POSIX", 1033}, {"cs_CZ", 1029}, {"da_DK", 1030},
    {"de_AT", 3079}, {"de_CH", 2055}, {"de_DE", 1031}, {"el_GR", 1032},
    {"en_AU", 3081}, {"en_CA", 4105}, {"en_GB", 2057}, {"en_US", 1033},
    {"es_ES", 3082}, {"es_MX", 2058}, {"fi_FI", 1035}, {"fr_CA", 3084},
    {"fr_CH", 4108}, {"fr_FR", 1036}, {"he_IL", 1037}, {"hu_HU", 1038},
    {"it_IT", 1040}, {"ja_JP", 1041}, {"ko_KR", 1042}, {"nb_NO", 1044},
    {"nl_BE", 2067}, {"nl_NL", 1043}, {"pl_PL", 1045}, {"pt_BR", 1046},
    {"pt_PT", 2070}, {"ru_RU", 1049}, {"sv_SE", 1053}, {"tr_TR", 1055},
    {"zh_CN", 2052}, {"zh_TW", 1028}};

unsigned
mp_discover_lcid(const char *locale)
{
	size_t len = strcspn(locale, ".@");

	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++)
		if (strlen(locales[i].name) == len &&
		    memcmp(locales[i].name, locale, len) == 0)
			return locales[i].lcid;
	return 0;
}

bool
mp_discover_subnet(
    const char *address, unsigned prefix, char subnet[MP_DISCOVER_ADDRESS_MAX])
{
	bool six = strchr(address, ':') != NULL;
	int family = six ? AF_INET6 : AF_INET;
	uint8_t bytes[16];
	size_t len = six ? 16 : 4;

	subnet[0] = '\0';
	if (prefix > 8 * len || inet_pton(family, address, bytes) != 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		size_t keep = prefix > 8 * i ? prefix - 8 * i : 0;

		if (keep < 8)
			bytes[i] &= (uint8_t)(0xFF00u >> keep);
	}
	return inet_ntop(family, bytes, subnet, MP_DISCOVER_ADDRESS_MAX) !=
	       NULL;
}

/* Bits of a network mask. */
static unsigned
bits(const uint8_t *mask, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		for (unsigned b = mask[i]; b != 0; b &= b - 1)
			n++;
	return n;
}

/* Loopback, and what only holds on its own wire, say nothing of where. */
static bool
local(const struct sockaddr *a)
{
	const uint8_t *four, *six;

	if (a->sa_family == AF_INET) {
		four = (const uint8_t *)&(
		    (const struct sockaddr_in *)(const void *)a)
			   ->sin_addr;
		return four[0] == 127 || (four[0] == 169 && four[1] == 254);
	}
	six = ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
	return (six[0] == 0xFE && (six[1] & 0xC0) == 0x80) ||
	       IN6_IS_ADDR_LOOPBACK(
		   &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static const void *
raw(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return &((const struct sockaddr_in *)(const void *)a)->sin_addr;
	return &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
}

static void
take_address(struct mp_discovered *d, const struct ifaddrs *i)
{
	struct mp_discovered_address *to = &d->list[d->count];
	const struct sockaddr *a = i->ifa_addr;
	unsigned prefix;

	if (a == NULL || i->ifa_netmask == NULL || !(i->ifa_flags & IFF_UP) ||
	    (a->sa_family != AF_INET && a->sa_family != AF_INET6) || local(a) ||
	    d->count == MP_DISCOVER_ADDRESSES_MAX)
		return;
	to->ipv6 = a->sa_family == AF_INET6;
	prefix = bits(raw(i->ifa_netmask), to->ipv6 ? 16 : 4);
	if (inet_ntop(a->sa_family, raw(a), to->address, sizeof(to->address)) !=
		NULL &&
	    mp_discover_subnet(to->address, prefix, to->subnet))
		d->count++;
}

static int
take_addresses(struct mp_discovered *d, struct mp_error *e)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) != 0)
		return mp_fail(e, MP_ENOTFOUND,
		    "the kernel does not tell this machine's addresses (%s)",
		    strerror(errno));
	for (i = all; i != NULL; i = i->ifa_next)
		take_address(d, i);
	freeifaddrs(all);
	return MP_OK;
}

/* Copies the value of key, without quotes; false if it is not there. */
static bool
read_key(const char *path, const char *key, char *to, size_t tolen)
{
	char line[LINE_LEN_MAX];
	size_t len = strlen(key);
	bool found = false;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return false;
	for (int n = 0;
	     !found && n < LINES_MAX && fgets(line, sizeof(line), f) != NULL;
	     n++) {
		const char *v = line + len;

		if (strncmp(line, key, len) != 0)
			continue;
		v += *v == '"' || *v == '\'';
		(void)snprintf(
		    to, tolen, "%.*s", (int)strcspn(v, "\"'\r\n"), v);
		found = to[0] != '\0';
	}
	(void)fclose(f);
	return found;
}

/* A name of this host with a domain, from the local table of hosts. */
static void
read_hosts(const char *path, const char *host, char *to, size_t tolen)
{
	static const char blank[] = " \t\r\n";
	char line[LINE_LEN_MAX];
	size_t len = strlen(host);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return;
	for (int n = 0; n < LINES_MAX && fgets(line, sizeof(line), f) != NULL;
	     n++) {
		char *rest = line, *word;

		line[strcspn(line, "#")] = '\0';
		while ((word = strsep(&rest, blank)) != NULL)
			if (strncasecmp(word, host, len) == 0 &&
			    word[len] == '.' && word[len + 1] != '\0')
				(void)snprintf(to, tolen, "%s", word);
	}
	(void)fclose(f);
}

/* What a NetBIOS name may hold of a host's name. */
static void
make_netbios(struct mp_discovered *d)
{
	size_t n = 0;

	for (const char *p = d->host; *p != '\0' && n < NETBIOS_LEN; p++)
		if (isalnum((unsigned char)*p) || *p == '-' || *p == '_')
			d->netbios[n++] = (char)toupper((unsigned char)*p);
	d->netbios[n] = '\0';
}

static int
take_names(struct mp_discovered *d, struct mp_error *e)
{
	const char *dot;

	if (gethostname(d->fqdn, sizeof(d->fqdn) - 1) != 0 ||
	    d->fqdn[0] == '\0')
		return mp_fail(e, MP_ENOTFOUND,
		    "this machine has no host name (%s); set one",
		    strerror(errno));
	(void)snprintf(d->host, sizeof(d->host), "%.*s",
	    (int)strcspn(d->fqdn, "."), d->fqdn);
	if (strchr(d->fqdn, '.') == NULL)
		read_hosts("/etc/hosts", d->host, d->fqdn, sizeof(d->fqdn));
	dot = strchr(d->fqdn, '.');
	(void)snprintf(
	    d->domain, sizeof(d->domain), "%s", dot == NULL ? "" : dot + 1);
	make_netbios(d);
	if (d->netbios[0] == '\0')
		return mp_fail(e, MP_ENOTFOUND,
		    "the host name \"%.100s\" gives no NetBIOS name; name one "
		    "yourself",
		    d->fqdn);
	return MP_OK;
}

static void
take_system(struct mp_discovered *d)
{
	static const char digits[] = "0123456789";
	size_t major, minor;
	struct utsname u;
	char locale[LOCALE_LEN_MAX];

	/* The system's language, not that of who happens to run us. */
	if (read_key("/etc/locale.conf", "LANG=", locale, sizeof(locale)) ||
	    read_key("/etc/default/locale", "LANG=", locale, sizeof(locale)))
		d->locale = mp_discover_lcid(locale);
	if (d->locale == 0)
		d->locale = ENGLISH;
	memset(&u, 0, sizeof(u));
	(void)uname(&u);
	(void)snprintf(d->kernel, sizeof(d->kernel), "%s", u.release);
	(void)snprintf(d->machine, sizeof(d->machine), "%s", u.machine);
	/* "Linux 6.1": system, and the version's first two numbers [S]. */
	major = strspn(u.release, digits);
	minor = u.release[major] == '.'
		    ? 1 + strspn(u.release + major + 1, digits)
		    : 0;
	(void)snprintf(d->platform, sizeof(d->platform), "%s %.*s", u.sysname,
	    (int)(major + minor), u.release);
	if (!read_key(
		"/etc/os-release", "PRETTY_NAME=", d->os, sizeof(d->os)) &&
	    !read_key(
		"/usr/lib/os-release", "PRETTY_NAME=", d->os, sizeof(d->os)))
		memcpy(d->os, d->platform, sizeof(d->os));
}

int
mp_discover(struct mp_discovered *d, struct mp_error *e)
{
	int r;

	memset(d, 0, sizeof(*d));
	take_system(d);
	r = take_names(d, e);
	if (r == MP_OK)
		r = take_addresses(d, e);
	if (r != MP_OK)
		memset(d, 0, sizeof(*d));
	return r;
}
