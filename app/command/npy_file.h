/* npy_file.h - a matrix of floats as a file of NumPy. */
#ifndef APP_COMMAND_NPY_FILE_H
#define APP_COMMAND_NPY_FILE_H
#include <stdint.h>
#include "base/err.h"

/* Write X [rows, columns] as float32 in C order to PATH, beside it first and renamed at the end. */
spn_status npy_file_write(const char *path, const float *x, int64_t rows, int64_t columns,
                          struct spn_err *err);

#endif
