/*
 * Files that commands read and write: whole, bounded on the way in; all or
 * nothing on the way out. Knows nothing of what is in them.
 */
#ifndef MP_CLI_FILE_H
#define MP_CLI_FILE_H

#include <stddef.h>
#include <stdint.h>

#define FILE_TEXT_MAX 1024

/* Opens a file to read; "-" is standard input. -1 with a sentence. */
int file_open(const char *path, char text[FILE_TEXT_MAX]);

/*
 * Reads the next bytes of path, open as fd, at most room; 0 at its end. -1
 * with a sentence.
 */
long file_next(int fd, const char *path, uint8_t *buf, size_t room,
    char text[FILE_TEXT_MAX]);

/* Closes what file_open() opened; standard input stays open. */
void file_close(int fd);

/*
 * Reads a whole file of at most max bytes, and a NUL behind it that *len
 * does not count. *data is yours to free, with OPENSSL_clear_free() of *len
 * + 1 bytes if it is secret. 0, or -1 with a sentence.
 */
int file_read(const char *path, size_t max, uint8_t **data, size_t *len,
    char text[FILE_TEXT_MAX]);

/*
 * Writes a whole file, of the given mode less the umask: into a new file
 * beside it, then renamed over it, so that path holds all of it or what it
 * held before. A path that is a pipe or device is written to as it is; a
 * symbolic link is refused. 0, or -1 with a sentence.
 */
int file_write(const char *path, unsigned mode, const uint8_t *data, size_t len,
    char text[FILE_TEXT_MAX]);

#endif
