/* files.h - where the program's data files lie. */
#ifndef APP_HOST_FILES_H
#define APP_HOST_FILES_H
#include "spinney/files.h"

extern const struct spn_files_api table_files;

#endif
