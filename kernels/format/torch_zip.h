/* torch_zip.h - private: the pickle of a torch.save archive, for files and parts of files. */
#ifndef SPN_TORCH_ZIP_H
#define SPN_TORCH_ZIP_H
#include "format/torch.h"
#include "format/zip.h"

/* What is done with the pickle while its archive is open. */
struct k_archive_use {
    spn_status (*use)(struct k_archive_use *use, struct k_torch *t, const struct k_pickle *p,
                      struct spn_err *err);
};

spn_status k_torch_zip_use(struct spn_reader *r, const struct k_file *f, const struct k_zip *zip,
                           struct k_archive_use *use, struct spn_err *err);

#endif
