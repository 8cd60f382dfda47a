/*
 * What this machine is: names, addresses, operating system. Asks the kernel
 * and files of this machine; sends nothing over any network, so a name is
 * what the machine calls itself, never what a DNS server says.
 */
#ifndef MP_DISCOVER_H
#define MP_DISCOVER_H

#include "mp/kinds/inventory.h"

#define MP_DISCOVER_NAME_MAX 256
#define MP_DISCOVER_ADDRESSES_MAX 64
#define MP_DISCOVER_ADDRESS_MAX 46 /* an IPv6 address with NUL */

struct mp_discovered_address {
	char address[MP_DISCOVER_ADDRESS_MAX];
	char subnet[MP_DISCOVER_ADDRESS_MAX]; /* the network's address */
	bool ipv6;
};

struct mp_discovered {
	char host[MP_DISCOVER_NAME_MAX];   /* first label */
	char fqdn[MP_DISCOVER_NAME_MAX];   /* host alone if there is no more */
	char domain[MP_DISCOVER_NAME_MAX]; /* "" if none */
	char netbios[16];              /* host in upper case, 15 characters */
	char os[MP_DISCOVER_NAME_MAX]; /* "Debian GNU/Linux 12" */
	char platform[MP_DISCOVER_NAME_MAX]; /* "Linux 6.1" */
	char kernel[MP_DISCOVER_NAME_MAX];
	char machine[MP_DISCOVER_NAME_MAX]; /* x86_64 */
	struct mp_discovered_address list[MP_DISCOVER_ADDRESSES_MAX];
	size_t count;    /* loopback and link-local are left out */
	unsigned locale; /* LCID of the system's LANG; 1033 if unknown */
};

int mp_discover(struct mp_discovered *d, struct mp_error *e);

/*
 * A report from this machine of the client `smsid`: the machine part, and
 * instances, in xml. Kind DDR: the classes that a later sender insists on
 * (wire-facts 8.2 [O]); hardware inventory: the system alone.
 */
int mp_discover_report(const struct mp_discovered *d, enum mp_kind kind,
    const char *smsid, const char *site, struct mp_buf *xml,
    struct mp_error *e);

/* The same machine, for the header of any report. Borrows from d and smsid. */
void mp_discover_machine(const struct mp_discovered *d, const char *smsid,
    struct mp_report_machine *m);

/* The network of an address; false if prefix is longer than the address. */
bool mp_discover_subnet(
    const char *address, unsigned prefix, char subnet[MP_DISCOVER_ADDRESS_MAX]);

/* 1033 for en_US, 1031 for de_DE ...; 0 if the name is not known. */
unsigned mp_discover_lcid(const char *locale);

#endif
