/* folder.h - private: files of an open checkpoint folder. */
#ifndef SPN_FOLDER_H
#define SPN_FOLDER_H
#include <stdbool.h>

#include "format/torch_zip.h"

/* DIR/NAME mapped; *OUT NULL: there is no such file.  R NULL: a folder on disk. */
spn_status k_folder_map(struct spn_reader *r, const char *dir, const char *name,
                        const struct k_file **out, struct spn_err *err);
bool k_folder_has(const struct spn_reader *r, const char *dir, const char *name);
/* A plain name of this folder: no separator, no way up, nothing hidden. */
bool k_folder_plain_name(const char *name);
/* Names in DIR that begin with HEAD and end with TAIL, sorted as numbers count (2 before 10).
 * Memory is R's. A folder that cannot be read has none. */
spn_status k_folder_list(struct spn_reader *r, const char *dir, const char *head, const char *tail,
                         const char *const **names, size_t *n, struct spn_err *err);

/* F, which torch.save wrote, as an archive or a legacy stream: its tensors after PREFIX. */
spn_status k_torch_file(struct spn_reader *r, const struct k_file *f, const char *prefix,
                        struct spn_err *err);

extern const struct spn_format k_format_dcp, k_format_deepspeed, k_format_megatron;

#endif
