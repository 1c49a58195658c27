/* picture_state.h - what picture_term.c (the seam, frames, life) and picture_send.c (what is made
 * and sent when) share.  Private to them. */
#ifndef APP_SCREEN_PICTURE_STATE_H
#define APP_SCREEN_PICTURE_STATE_H
#include "screen/picture_pace.h"
#include "screen/picture_term.h"
#include "screen/picture_worker.h"

#define SLOTS 16

/* One picture on the screen. */
struct slot {
    const void *key; /* NULL: free */
    struct picture_source *source;
    bool seen, covered; /* in this frame: drawn; something lies over it */
    int top, left, rows, columns;
    unsigned generation; /* counts places: what was made for another is dropped */
    int64_t changed_ms;
    uint64_t asked; /* serial that was given to the worker last, and how coarse */
    int asked_level;
    bool failed;              /* it could not be made: the words stand instead */
    struct picture_work made; /* the newest that is ready; its stream NULL: none */
    bool on;                  /* `made` is on the terminal, or on its way there */
    struct cells art, coming; /* BLOCKS: its cells, and those that come next, */
    int came;                 /* of which so many rows have */
    uint64_t art_serial;      /* source of the newest of them */
    double bytes_a_pixel;     /* of its last stream at full size; 0: not known */
};

struct pictures {
    struct picture_service service;
    struct term *term;
    struct picture_plan plan;
    enum picture_way forced; /* by the test card; PICTURE_AUTO: not */
    struct picture_worker *worker;
    struct pace pace;
    struct slot slot[SLOTS];
    struct spn_buf drop;           /* sequences that take pictures off, for the next turn */
    int flying;                    /* slot whose picture is on its way; -1: none */
    struct picture_stream *stream; /* of it, lent from its slot or kept here */
    bool stream_ours;
    bool fly_long;         /* it takes long */
    int fly_top, fly_left; /* where it goes */
    size_t next;           /* piece to send; past the last: it waits for the answers */
    size_t revealed;       /* bytes of cells that the next frame brings */
    bool unfocused, again;
    int64_t now_ms;
};

int64_t pictures_clock_us(void);
bool pictures_by_bytes(const struct pictures *p); /* not by cells */
/* The number in a slot's cells: another place is another number, so that the cells are written anew
 * and what was shown there goes. */
uint8_t pictures_number(const struct pictures *p, const struct slot *s);
/* A picture in flight is given up: its pieces on the way arrive, the rest is not sent. */
void pictures_give_up(struct pictures *p);

#endif
