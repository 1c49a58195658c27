/* settings.h - the user's spinneyrc: `key = value` lines, `#` begins a comment.  See spinneyrc(5).
 */
#ifndef APP_HOST_SETTINGS_H
#define APP_HOST_SETTINGS_H
#include "base/option.h"

/* Read $XDG_CONFIG_HOME/spinney/spinneyrc; no file is no settings. SPN_EFORMAT names the file and
 * the line. */
spn_status settings_load(struct spn_err *err);
/* The same of any file, which has to be there. */
spn_status settings_load_from(const char *path, struct spn_err *err);
void settings_end(void);
const char *settings_get(const char *key); /* NULL: not set */
/* Every key `PREFIX.name` sets the option `name` of V. SPN_EUSAGE names the file, the line and the
 * key. */
spn_status settings_apply(struct spn_values *v, const char *prefix, struct spn_err *err);
/* Keys without a dot that name an option of the table A or B and of V. */
spn_status settings_apply_common(struct spn_values *v, const struct spn_option *a,
                                 const struct spn_option *b, struct spn_err *err);
/* In order; NULL past the end. */
const char *settings_at(size_t i, const char **value);

#endif
