/* selftest_core.h - what must hold on this very processor: products of every type on every
 * instruction set that it has, against the plain reference. */
#ifndef APP_COMMAND_SELFTEST_CORE_H
#define APP_COMMAND_SELFTEST_CORE_H
#include <stddef.h>
#include "base/err.h"

/* The Ith check; NAME gets its name, ERR why it failed. SPN_ENOTFOUND past the end. */
spn_status selftest_core(size_t i, char *name, size_t room, struct spn_err *err);

#endif
