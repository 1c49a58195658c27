/* picture_term.h - the picture service of a terminal: encodes on a thread of its own, sends after
 * the cells are shown, never more than one picture at a time. */
#ifndef APP_SCREEN_PICTURE_TERM_H
#define APP_SCREEN_PICTURE_TERM_H
#include "screen/picture.h"
#include "screen/picture_way.h"
#include "screen/term.h"

struct pictures;
/* Makes itself the service in use. WAKE: a descriptor that is written to when a picture is ready.
 */
spn_status pictures_open(struct pictures **out, struct term *t, int wake, struct spn_err *err);
void pictures_close(struct pictures *p); /* NULL is fine; the cells draw pictures again */

/* One frame: begin, the panes are drawn, the cells are shown, shown. */
void pictures_begin(struct pictures *p);
void pictures_shown(struct pictures *p, const struct cells *c);
/* Send what may be sent now. true: a pane should be drawn again. */
bool pictures_turn(struct pictures *p);
int pictures_wait_ms(const struct pictures *p); /* until it has a turn by itself; -1: none */
/* The terminal answered the question after a piece. */
void pictures_answer(struct pictures *p);
/* All cells were or will be written anew: nothing of a picture is left. */
void pictures_lost(struct pictures *p);
void pictures_focus(struct pictures *p, bool focused);
/* The terminal told of itself, or another way was asked for. */
void pictures_replan(struct pictures *p);

const struct picture_plan *pictures_plan(const struct pictures *p);
/* Draw by WAY from here on, whatever was asked before. */
void pictures_force(struct pictures *p, enum picture_way way);
/* For doctor: bytes a second, and a round trip in ms (0: not known). */
void pictures_line(const struct pictures *p, double *rate, double *round_trip_ms);

#endif
