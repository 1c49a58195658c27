/* npy.h - private: NPY headers, for files and entries of an NPZ archive. */
#ifndef SPN_NPY_H
#define SPN_NPY_H
#include "format/layout.h"
#include "format/zip.h"

/* Add every array of the archive Z in F, without the .npy of its name. */
spn_status k_npz_read(struct spn_reader *r, const struct k_file *f, const struct k_zip *z,
                      struct spn_err *err);

#endif
