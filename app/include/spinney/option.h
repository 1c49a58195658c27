/* option.h - one table gives the parser, --help, completion, the config key and the manual's list.
 */
#ifndef SPINNEY_OPTION_H
#define SPINNEY_OPTION_H
#include "base/option.h" /* struct spn_option, struct spn_values and the functions that read them */
#endif
