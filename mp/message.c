#include "mp/message.h"

#include <sys/random.h>

#include <string.h>
#include <strings.h>
#include <time.h>

#define TIMEOUT_MS 60000 /* what every sender that was seen asks for */

int
mp_guid_make(char guid[MP_GUID_MAX])
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t b[16];
	size_t n = 0;

	guid[0] = '\0';
	/* Requests of up to 256 bytes are never cut short (getrandom(2)). */
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return -1;
	b[6] = (uint8_t)((b[6] & 0x0F) | 0x40); /* RFC 4122, 4.4 */
	b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
	guid[n++] = '{';
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			guid[n++] = '-';
		guid[n++] = digits[b[i] >> 4];
		guid[n++] = digits[b[i] & 15];
	}
	guid[n++] = '}';
	guid[n] = '\0';
	return 0;
}

bool
mp_smsid_valid(const char *smsid)
{
	static const char form[] = "GUID:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(smsid) != sizeof(form) - 1 ||
	    strncasecmp(smsid, form, 5) != 0)
		return false;
	for (size_t i = 5; i < sizeof(form) - 1; i++) {
		if (form[i] == 'x'
			? strchr("0123456789ABCDEFabcdef", smsid[i]) == NULL
			: smsid[i] != '-')
			return false;
	}
	return true;
}

int
mp_time_text(int64_t when, char text[MP_TIME_MAX])
{
	time_t t = (time_t)when;
	struct tm tm;

	text[0] = '\0';
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -900 ||
	    tm.tm_year > 9999 - 1900)
		return -1;
	return strftime(text, MP_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) != 0 ? 0
									   : -1;
}

int
mp_message_init(struct mp_message *m)
{
	memset(m, 0, sizeof(*m));
	m->reply_mode = MP_REPLY_SYNC;
	m->timeout_ms = TIMEOUT_MS;
	if (mp_guid_make(m->id) != 0)
		return -1;
	return mp_time_text((int64_t)time(NULL), m->sent);
}
