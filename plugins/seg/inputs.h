/* inputs.h - the files that a command works on. */
#ifndef SEG_INPUTS_H
#define SEG_INPUTS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct inputs {
    char **path;
    size_t n, room;
};

/* The arguments, in their order, then the lines of LIST ("-": stdin; ZERO: ended by a zero byte);
 * of a folder its pictures by name. SHARD "k/n" keeps file i when i mod n is k. Free with
 * inputs_free. */
spn_status inputs_read(struct inputs *in, int argc, char **argv, const char *list, bool zero,
                       const char *shard, struct spn_err *err);
void inputs_free(struct inputs *in);

/* The file name of PATH without folders and ending; free with spn_free. */
char *input_stem(const char *path);
/* DIR/STEM.png, .npy or .json, the first that is there; NULL: none. Free with spn_free. */
char *input_mask(const char *dir, const char *stem);

#endif
