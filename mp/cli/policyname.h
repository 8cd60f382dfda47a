/*
 * Names for policies: of their flags, and of the files they are kept in. A
 * management point chooses policy ids, so a file's name is made of harmless
 * characters only and never leaves its directory. Pure.
 */
#ifndef MP_CLI_POLICYNAME_H
#define MP_CLI_POLICYNAME_H

#include "mp/cli/record.h"

#define POLICYNAME_MAX 128 /* bytes of a file's name, with NUL */

/*
 * "{id}" becomes "id.xml". An id with other characters than A-Z a-z 0-9 . _
 * - in it, or that begins with a dot, or is long, gets them replaced and a
 * part of its SHA-256 added, so that two ids do not share a file.
 */
void policyname_file(const char *id, char name[POLICYNAME_MAX]);

/* Adds a word per flag to the words `name` of r; unknown ones as "0x80". */
void policyname_flags(struct record *r, const char *name, unsigned flags);

#endif
