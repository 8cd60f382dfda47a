/*
 * The values that messages carry, and the documents that our own side wants
 * to send: is this an id, a date, a name, and what to say if not. Knows no
 * message.
 */
#ifndef MP_KINDS_VALUE_H
#define MP_KINDS_VALUE_H

#include "mp/buf.h"
#include "mp/error.h"
#include "mp/writer.h"
#include "mp/xml.h"

#define MP_WBEM_MAX 26 /* yyyymmddHHMMSS.mmmmmm+UUU with NUL */

/* "{" GUID "}", or without braces; hexadecimal of either case. */
bool mp_value_guid(const char *text);

/* Three letters or digits. NULL is none. */
bool mp_value_site(const char *text);

/* A name of a WMI class or property, fit for an element's name. */
bool mp_value_name(const char *text);

/* Decimal digits, up to max. NULL is none. */
bool mp_value_number(const char *text, uint64_t max);

/* A WBEM date and time that the calendar has (sdk-facts 4.6). */
bool mp_value_wbem(const char *text);

/* The WBEM form, in UTC; -1 if its year has not four digits. */
int mp_value_wbem_text(int64_t microseconds, char text[MP_WBEM_MAX]);
int mp_value_wbem_now(char text[MP_WBEM_MAX]);

/*
 * A stranger's text that will be shown and compared, copied: trimmed, of one
 * line, without control characters, at most max bytes; NULL is "". `of` names
 * whose it is in the sentence: "a policy assignment". Yours to free.
 */
int mp_value_copy(char **to, const char *text, size_t max, const char *of,
    const char *what, struct mp_error *e);

/* text, if given; else the other. */
const char *mp_value_or(const char *text, const char *other);

void mp_value_set(struct mp_writer *w, const char *name, uint64_t number);
void mp_value_leaf(struct mp_writer *w, const char *name, uint64_t number);

/*
 * mp_xml_parse() for a document of ours: what is wrong with it is MP_EARG,
 * the caller's fault, and no reply.
 */
int mp_value_parse(struct mp_xml **xp, const char *text, size_t len,
    const char *what, struct mp_error *e);

/* Length of a byte order mark and an XML declaration at text's beginning. */
size_t mp_value_prolog(const char *text, size_t len);

#endif
