/* What a client's configuration may be: the rules of modes and roles. */
#include <ctype.h>
#include <string.h>

#include "mp/client_internal.h"
#include "mp/sealed.h"

static const char *
mode_name(const struct mp_client *c)
{
	return c->cfg.mode == MP_MODE_NATIVE ? "native" : "mixed";
}

/* Not in a NetBIOS name, by its own rules; and nothing outside ASCII. */
static bool
is_netbios(const char *text)
{
	size_t len = strnlen(text, MP_NETBIOS_MAX);

	if (len == 0 || len >= MP_NETBIOS_MAX)
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' ||
		    strchr("\\/:*?\"<>|", *text) != NULL)
			return false;
	return true;
}

static int
take_site(struct mp_client *c, const char *site, struct mp_error *e)
{
	bool well = site != NULL &&
		    strnlen(site, CLIENT_SITE_LEN + 1) == CLIENT_SITE_LEN;

	for (size_t i = 0; well && i < CLIENT_SITE_LEN; i++) {
		well = isalnum((unsigned char)site[i]) != 0;
		c->site[i] = (char)toupper((unsigned char)site[i]);
	}
	if (well)
		return 0;
	return mp_fail(e, MP_EARG,
	    "\"%.32s\" is no site code: it has three letters or digits, such "
	    "as PRI",
	    site != NULL ? site : "");
}

static int
check_names(const struct mp_client_config *cfg, struct mp_error *e)
{
	if (cfg->netbios != NULL && !is_netbios(cfg->netbios))
		return mp_fail(e, MP_EARG,
		    "\"%.64s\" is no NetBIOS name: it has 1 to %d characters, "
		    "without spaces or \\ / : * ? \" < > |",
		    cfg->netbios, MP_NETBIOS_MAX - 1);
	if (cfg->fqdn != NULL && !mp_url_is_host(cfg->fqdn))
		return mp_fail(e, MP_EARG,
		    "\"%.200s\" is no DNS name for this client; write it as "
		    "in client1.example.com",
		    cfg->fqdn);
	return 0;
}

/* What mixed mode has not, each with its rule (sdk-facts 1.5, 2.1, 4.1). */
static int
check_mixed(const struct mp_client_config *cfg, struct mp_error *e)
{
	if (cfg->internet != 0)
		return mp_fail(e, MP_EARG,
		    "an Internet-based client (InternetFlag %d) talks in "
		    "native mode only; use --mode native",
		    cfg->internet);
	if (cfg->crl)
		return mp_fail(e, MP_EARG,
		    "revocation is checked in native mode only, where the "
		    "management point has a TLS certificate; leave out crl");
	if (cfg->hint != NULL)
		return mp_fail(e, MP_EARG,
		    "a registration hint is for native mode only; leave it "
		    "out in mixed mode");
	if (cfg->auth == MP_AUTH_ALTERNATE)
		return mp_fail(e, MP_EARG,
		    "alternate authentication is for management points with "
		    "HTTPS; use --mode native");
	if (cfg->signature != MP_SIGNATURE_REQUIRED)
		return mp_fail(e, MP_EARG,
		    "in mixed mode nothing but its signature proves a reply, "
		    "since there is no TLS; leave out --mp-signature tls");
	return 0;
}

static int
check_http(const struct mp_client_config *cfg, struct mp_error *e)
{
	if (cfg->auth != MP_AUTH_WINDOWS && cfg->auth_file != NULL)
		return mp_fail(e, MP_EARG,
		    "a login file is for windows authentication; ask for "
		    "that, or leave the file out");
	if (cfg->http_proxy != NULL &&
	    (cfg->mode != MP_MODE_NATIVE || cfg->internet == 0))
		return mp_fail(e, MP_EARG,
		    "an HTTP proxy is for Internet-based clients in native "
		    "mode (InternetFlag 1 or 2); others talk to the "
		    "management point directly, so leave it out");
	return 0;
}

static int
smsid(const char *text, const char *what, struct mp_error *e)
{
	if (text == NULL || mp_smsid_valid(text))
		return 0;
	return mp_fail(e, MP_EARG,
	    "\"%.80s\" is no SMSID for %s: it is written \"GUID:\" and 36 "
	    "characters of a GUID",
	    text, what);
}

/* Single client, ISV proxy, or a client that a proxy speaks for. */
static int
check_role(struct mp_client *c, struct mp_error *e)
{
	const struct mp_client_config *cfg = &c->cfg;
	int r;

	if ((r = smsid(cfg->proxy_smsid, "an ISV proxy", e)) != 0 ||
	    (r = smsid(cfg->client_id, "a managed client", e)) != 0 ||
	    (r = smsid(cfg->want_smsid, "a registration", e)) != 0)
		return r;
	switch (cfg->as) {
	case MP_AGENT_CLIENT:
	case MP_AGENT_PROXY:
		if (cfg->proxy_smsid == NULL || cfg->client_id != NULL)
			return 0;
		return mp_fail(e, MP_EARG,
		    "an ISV proxy's SMSID is for its clients: register as "
		    "proxy-client, or name the client that it speaks for");
	case MP_AGENT_PROXY_CLIENT:
		for (size_t i = 0; cfg->fqdn != NULL && cfg->fqdn[i] != '\0';
		     i++)
			c->managed[i] =
			    (char)tolower((unsigned char)cfg->fqdn[i]);
		if (c->managed[0] != '\0' || cfg->client_id != NULL)
			return 0;
		return mp_fail(e, MP_EARG,
		    "which client of the ISV proxy? Give its DNS name "
		    "(--fqdn)");
	}
	return mp_fail(
	    e, MP_EARG, "agent type %d cannot register", (int)cfg->as);
}

int
mp_client_check(struct mp_client *c, struct mp_error *e)
{
	const struct mp_client_config *cfg = &c->cfg;
	bool native = cfg->mode == MP_MODE_NATIVE;
	int r;

	if (!native && cfg->mode != MP_MODE_MIXED)
		return mp_fail(e, MP_EARG,
		    "mode %d is neither native nor mixed", (int)cfg->mode);
	if (cfg->internet < 0 || cfg->internet > 2)
		return mp_fail(e, MP_EARG, "InternetFlag %d is not 0, 1 or 2",
		    cfg->internet);
	if (cfg->upload_max > MP_SEALED_MAX)
		return mp_fail(e, MP_EARG,
		    "a limit of %llu bytes for uploads is more than the %u "
		    "that a message can have; choose a smaller one "
		    "(--max-upload)",
		    (unsigned long long)cfg->upload_max, MP_SEALED_MAX);
	if ((r = mp_url_for_mode(&c->url, cfg->mp != NULL ? cfg->mp : "",
		 native, cfg->port, e)) != 0 ||
	    (r = take_site(c, cfg->site, e)) != 0 ||
	    (r = check_names(cfg, e)) != 0 ||
	    (!native && (r = check_mixed(cfg, e)) != 0) ||
	    (r = check_http(cfg, e)) != 0)
		return r;
	mp_client_step(c, "%s mode, %s", mode_name(c), c->url.text);
	return check_role(c, e);
}
