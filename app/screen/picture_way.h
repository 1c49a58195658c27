/* picture_way.h - by which protocol pictures reach this terminal, and why. */
#ifndef APP_SCREEN_PICTURE_WAY_H
#define APP_SCREEN_PICTURE_WAY_H
#include <stdbool.h>
#include "base/err.h"

struct term_facts;

enum picture_way {
    PICTURE_AUTO,
    PICTURE_KITTY,
    PICTURE_ITERM,
    PICTURE_SIXEL,
    PICTURE_BLOCKS,
    PICTURE_ASCII,
    PICTURE_NONE,
    PICTURE_WAYS
};
#define PICTURE_CHOICES "auto kitty iterm sixel blocks ascii none"
const char *picture_way_name(enum picture_way w);
/* PICTURE_WAYS: no such name. */
enum picture_way picture_way_parse(const char *name);

/* What was asked for with --pictures or the setting `pictures`; PICTURE_AUTO at first. */
void picture_way_ask(enum picture_way w, bool given);
enum picture_way picture_way_asked(bool *given);

/* How pictures are drawn here. */
struct picture_plan {
    enum picture_way way; /* never PICTURE_AUTO */
    bool placeholders;    /* KITTY: placed by characters that are text (inside tmux) */
    bool passthrough;     /* wrapped for tmux to hand on */
    int cell_w, cell_h;   /* pixels */
    bool cell_known;      /* else they are a guess */
    int colours;          /* registers of a sixel terminal, 2 to 256 */
    char why[160];        /* one sentence for doctor: "the terminal says it has sixel" */
    char cure[160];       /* what would give a better way; "": nothing is known */
};
/* WANTED on the terminal of F. A way that cannot work here becomes the best that can, with the
 * reason in `why`; asks tmux about itself where F is inside one (its answer is kept). */
void picture_plan_make(struct picture_plan *p, enum picture_way wanted, const struct term_facts *f);
/* Can WAY be drawn on the terminal of F at all? */
bool picture_way_works(enum picture_way w, const struct term_facts *f);

/* The way a person chose on the test card for the terminal of F, kept in the state folder;
 * PICTURE_AUTO: none. */
enum picture_way picture_way_kept(const struct term_facts *f);
spn_status picture_way_keep(enum picture_way w, const struct term_facts *f, struct spn_err *err);

#endif
