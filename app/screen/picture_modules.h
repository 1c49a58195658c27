/* picture_modules.h - libsixel and libchafa behind their modules. */
#ifndef APP_SCREEN_PICTURE_MODULES_H
#define APP_SCREEN_PICTURE_MODULES_H
#include "screen/picture.h"
#include "screen/spn_chafa.h"
#include "screen/spn_sixel.h"

/* Open a module on first use; NULL with one sentence why there is none. Thread: any. */
const struct spn_sixel_module *picture_sixel(struct spn_err *err);
const struct spn_chafa_module *picture_chafa(struct spn_err *err);
/* What they are, "libsixel 1.10.3"; NULL with why not. Main thread. */
const char *picture_sixel_name(struct spn_err *err);
const char *picture_chafa_name(struct spn_err *err);

/* Draw P into all cells of A by libchafa's blocks and quadrants: twice as fine across as our half
 * blocks. false: no module, a palette picture or an ASCII grid; A is as it was. */
bool picture_symbols(struct area a, const struct spn_pixels *p);

#endif
