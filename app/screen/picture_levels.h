/* picture_levels.h - how coarse a moving picture is drawn on a slow line: fewer pixels first, then
 * fewer colours. */
#ifndef APP_SCREEN_PICTURE_LEVELS_H
#define APP_SCREEN_PICTURE_LEVELS_H
#include "screen/picture_encode.h"

/* Bytes a pixel that a picture of KIND takes before one was made. */
double levels_guess(enum picture_way way, enum spn_pixels_kind kind);
/* The finest level, 0 being full, at which a picture of BYTES goes in 150 ms at RATE bytes a
 * second; the coarsest when none does. */
int levels_for(enum picture_way way, double bytes, double rate);
/* Pixels and colours of T at LEVEL; its cells and plan are filled. */
void levels_apply(struct picture_task *t, int level);

#endif
