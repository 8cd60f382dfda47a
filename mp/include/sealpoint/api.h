/*
 * What every public header needs: the version, and the mark of a function
 * that libsealpoint offers. Knows no object.
 */
#ifndef SEALPOINT_API_H
#define SEALPOINT_API_H

/*
 * The version that a program is compiled against. Before 1.0.0, a greater
 * minor number may change anything; the library's soname tells.
 */
#define SEALPOINT_API_MAJOR 0
#define SEALPOINT_API_MINOR 1
#define SEALPOINT_API_PATCH 0

/* One number to compare: SEALPOINT_API_NUMBER >= SEALPOINT_API_AT(0, 1, 0). */
#define SEALPOINT_API_AT(major, minor, patch) \
	(((major)*1000000) + ((minor)*1000) + (patch))
#define SEALPOINT_API_NUMBER \
	SEALPOINT_API_AT(    \
	    SEALPOINT_API_MAJOR, SEALPOINT_API_MINOR, SEALPOINT_API_PATCH)

#if defined(__GNUC__)
#define SEALPOINT_API __attribute__((visibility("default")))
#else
#define SEALPOINT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version that a program runs with: "0.1.0". Borrowed for ever. */
SEALPOINT_API const char *sealpoint_version(void);

#ifdef __cplusplus
}
#endif

#endif
