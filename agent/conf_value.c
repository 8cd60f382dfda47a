#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conf_parse.h"

#define RATE_MOST 1000000 /* in any unit */

int
conf_complain(struct reading *rd, const char *fmt, ...)
{
	va_list ap;

	if (rd->complaint[0] != '\0')
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(rd->complaint, sizeof(rd->complaint), fmt, ap);
	va_end(ap);
	return 0;
}

int
conf_text(struct reading *rd, const char *name, const char *value, char *out,
    size_t room)
{
	if (value[0] == '\0')
		return conf_complain(rd, "%s is empty", name);
	if (strlen(value) >= room)
		return conf_complain(
		    rd, "%s is longer than %zu bytes", name, room - 1);
	memcpy(out, value, strlen(value) + 1);
	return 1;
}

int
conf_path(struct reading *rd, const char *name, const char *value, char *out,
    size_t room)
{
	if (value[0] != '/')
		return conf_complain(
		    rd, "%s must be an absolute path, not '%s'", name, value);
	return conf_text(rd, name, value, out, room);
}

int
conf_number(struct reading *rd, const char *name, const char *value,
    unsigned min, unsigned max, unsigned *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 ||
	    v < min || v > max)
		return conf_complain(rd,
		    "%s must be a number from %u to %u, not '%s'", name, min,
		    max, value);
	*out = (unsigned)v;
	return 1;
}

int
conf_seconds(struct reading *rd, const char *name, const char *value,
    unsigned min, unsigned max, unsigned *out)
{
	unsigned seconds;

	if (!conf_number(rd, name, value, min, max, &seconds))
		return 0;
	*out = seconds * 1000;
	return 1;
}

int
conf_rate(
    struct reading *rd, const char *name, const char *value, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint64_t in_hour;
	} units[] = {{"/s", 3600}, {"/m", 60}, {"/h", 1}};
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!isdigit((unsigned char)value[0]) || errno != 0 || v == 0 ||
		    v > RATE_MOST || strcmp(end, units[i].unit) != 0)
			continue;
		*out = v * units[i].in_hour;
		return 1;
	}
	return conf_complain(rd,
	    "%s must be NUMBER/s, NUMBER/m or NUMBER/h, not '%s'", name, value);
}

int
conf_word(struct reading *rd, const char *name, const char *value,
    const char *const *words, unsigned n, unsigned *out)
{
	char list[CONF_TEXT_MAX / 2] = "";

	for (unsigned i = 0; i < n; i++) {
		size_t used = strlen(list);

		if (strcmp(value, words[i]) == 0) {
			*out = i;
			return 1;
		}
		(void)snprintf(list + used, sizeof(list) - used, "%s%s",
		    i == 0 ? "" : ", ", words[i]);
	}
	return conf_complain(rd, "%s '%s' is none of %s", name, value, list);
}

char *
conf_item(char **list)
{
	char *s = *list, *end;

	if (s == NULL)
		return NULL;
	s += strspn(s, " \t");
	end = strchr(s, ',');
	*list = end == NULL ? NULL : end + 1;
	if (end == NULL)
		end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return s;
}
