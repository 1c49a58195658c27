/* folder.h - the folders of a run by name.  Private to train/. */
#ifndef SPN_TRAIN_FOLDER_H
#define SPN_TRAIN_FOLDER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

#define TRAIN_PATH_BYTES 4096

/* DIR/NAME in OUT; SPN_EIO when it does not fit. */
spn_status train_path(char out[TRAIN_PATH_BYTES], const char *dir, const char *name,
                      struct spn_err *err);
/* RUN/checkpoint-STEP, with ".tmp" while it is not complete. */
spn_status train_folder_path(char out[TRAIN_PATH_BYTES], const char *run, int64_t step, bool tmp,
                             struct spn_err *err);
/* Remove a folder of plain files; none there is fine. */
spn_status train_folder_remove(const char *dir, struct spn_err *err);
/* Flush a folder's entries to the disk; file systems that cannot are not an error. */
void       train_folder_sync(const char *dir);

#endif
