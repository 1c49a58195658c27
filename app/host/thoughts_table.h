/* thoughts_table.h - the host's graph of thoughts, handed out as "thoughts" 1. */
#ifndef APP_HOST_THOUGHTS_TABLE_H
#define APP_HOST_THOUGHTS_TABLE_H
#include "spinney/thoughts.h"

extern const struct spn_thoughts_api app_thoughts;

#endif
