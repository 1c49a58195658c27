/* file.h - files mapped for reading, files written whole or not at all. */
#ifndef SPN_FILE_H
#define SPN_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A file mapped read-only. A mapped file that shrinks while it is open reads as zeros past its new
   end (a SIGBUS handler lays a zero page there) and spn_map_check then says so: no signal reaches
   the user. */
struct spn_map {
    const unsigned char *data;
    uint64_t size;
    char *path;
    struct spn_map_guard *guard; /* private */
};
spn_status spn_map_open(struct spn_map *m, const char *path,
                        struct spn_err *err); /* 0 bytes: data is NULL */
/* SPN_EIO when the file shrank or changed (size, mtime) since it was opened. */
spn_status spn_map_check(const struct spn_map *m, struct spn_err *err);
/* SPN_EIO when its path now leads to another file, or to none. */
spn_status spn_map_current(const struct spn_map *m, struct spn_err *err);
void spn_map_close(struct spn_map *m); /* twice is fine */

/* Write beside, fsync, rename. Nothing named PATH changes before spn_out_commit. */
struct spn_out {
    FILE *f;
    char *path, *temp;
};
spn_status spn_out_open(struct spn_out *o, const char *path, struct spn_err *err);
spn_status spn_out_commit(struct spn_out *o,
                          struct spn_err *err); /* closes; on failure the temporary is gone */
void spn_out_abandon(struct spn_out *o);        /* after a commit: does nothing */

/* The whole of a file, at most CEILING bytes, NUL-terminated; free with spn_free. */
spn_status spn_file_read(char **out, size_t *length, const char *path, size_t ceiling,
                         struct spn_err *err);
spn_status spn_file_write(const char *path, const void *bytes, size_t length,
                          struct spn_err *err); /* whole or not at all */
bool spn_path_exists(const char *path);
bool spn_path_is_dir(const char *path);
/* DIR/NAME, free with spn_free; NULL: no memory. */
char *spn_path_join(const char *dir, const char *name);
spn_status spn_make_dirs(const char *path,
                         struct spn_err *err); /* like mkdir -p, mode 0777 & ~umask */

#ifdef __cplusplus
}
#endif
#endif
