/* screen.h - private to the screen of checkpoints: its state, and what its files do for one
 * another.
 *
 * Main thread only, but for the run() of jobs.  A job holds the sheets it reads (sheet_hold), so a
 * reload while it runs closes nothing under it.
 */
#ifndef CKPT_SCREEN_H
#define CKPT_SCREEN_H
#include "checkpoint.h"
#include "diff.h"
#include "figures.h"
#include "heat.h"
#include "spinney/plugin.h"

/* ---- stopping one job of several ---- */

struct stopper {
    struct spn_cancel *of; /* once the job runs */
    int wanted;
};
static inline void stopper_stop(struct stopper *s)
{
    struct spn_cancel *c;

    __atomic_store_n(&s->wanted, 1, __ATOMIC_SEQ_CST);
    c = __atomic_load_n(&s->of, __ATOMIC_SEQ_CST);
    if (c != NULL)
        spn_cancel_set(c);
}
/* In the job's run(). */
static inline void stopper_begin(struct stopper *s, struct spn_cancel *c)
{
    __atomic_store_n(&s->of, c, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&s->wanted, __ATOMIC_SEQ_CST) != 0)
        spn_cancel_set(c);
}

/* ---- an open checkpoint ---- */

struct sheet {
    int users;
    struct ckpt c;
    struct ckpt_tree tree; /* layers folded */
    uint64_t bytes;
    int64_t numbers;
    bool pickled;   /* its pickles name something */
    char *short_of; /* what is not there yet, of a file still being written; NULL: nothing */
    struct figure {
        bool known;
        struct spn_stats s;
    } * figure; /* [c.n], as they are counted */
};
struct sheet *sheet_hold(struct sheet *s);
void sheet_drop(struct sheet *s); /* NULL is fine */
/* The row called NAME; NULL: none. */
const struct ckpt_row *sheet_find(const struct sheet *s, const char *name);

/* ---- what is asked about one tensor, by a job ---- */

enum tab {
    TAB_STAT = 1,
    TAB_HIST,
    TAB_HEAT,
    TAB_VALS,
    TAB_META,
    TAB_PICKLE,
    TAB_CODEC,
    TAB_PAIR,  /* of a difference: both values as a cloud */
    TAB_STEPS, /* over the steps of a run; not reached by a digit */
    TABS
};

#define HIST_BINS  96
#define MOMENTS    2 /* exp_avg, exp_avg_sq */
#define VALS_ROWS  200
#define VALS_COLS  8
#define CLOUD_SIDE 160

struct inquiry {
    struct look *look;
    struct stopper stop;
    struct sheet *sheet, *other; /* other: of a difference; NULL: none */
    enum tab tab;
    const struct spn_entry *e, *e_other;
    const struct spn_entry *moment[MOMENTS]; /* NULL: none */
    char *name;
    /* Answers. */
    struct figures *f; /* [1 + MOMENTS] */
    struct heat heat;
    double *vals; /* [rows][cols] of the window */
    struct spn_window w;
    struct spn_difference d;
    uint32_t *cloud; /* [CLOUD_SIDE][CLOUD_SIDE], b down, a across */
    double lo, hi;   /* its edges */
    bool done;
};

/* ---- a difference ---- */

struct pair {
    char *name;
    const char *status; /* as diff.h says; static */
    struct spn_difference d;
    bool both; /* d holds */
};

/* ---- steps of a run ---- */

struct point { /* of the chosen tensor */
    int64_t step;
    double norm, update;
};

/* ---- the screen ---- */

enum mode { MODE_BROWSE, MODE_TREE, MODE_DIFF };

struct warning {
    char *name, *text;
    const char *what; /* static */
};

struct look {
    const struct spn_host *host;
    const struct spn_pane_api *api;
    struct spn_screen *screen;
    struct spn_pane *tree, *warnings, *detail, *plot;
    enum mode mode;
    bool asking; /* browsing for the other side of a difference */

    char *path;   /* as asked for: a file, a folder, a run */
    char *folder; /* that is browsed */
    char **found; /* [n_found] its rows */
    size_t n_found;
    struct sheet *sheet; /* NULL: nothing is open */
    bool opening;
    char *wanted; /* to be opened when the job under way has ended */

    struct ckpt_step *step; /* of the run */
    size_t n_step, at_step;

    enum tab tab;
    size_t node;              /* of the tree; SIZE_MAX: none */
    int64_t layer;            /* of a kind that repeats */
    char *chosen;             /* the tensor, by name; NULL: none */
    bool columns_of_tree;     /* the tree has its columns */
    bool dirty;               /* rows of the tree are older than what is counted */
    bool stale;               /* the file is another by now, and that was said */
    struct stopper *counting; /* of the job of statistics; NULL: none is under way */
    struct warning *warning;
    size_t n_warning;

    struct inquiry *answer;    /* of what is shown; NULL: none yet */
    struct stopper *inquiring; /* of the job for it; NULL: none is under way */

    struct spn_window window; /* of heat; rows 0: all */
    bool log;
    int colours; /* of heat: 0 signed, 1 magnitude */
    int cell;    /* of heat: mean, peak, rms */
    int64_t vals_row, vals_col;

    char *other_path; /* of a difference */
    struct sheet *other;
    struct pair *pair;
    size_t n_pair;
    struct spn_difference total;
    char *plain; /* why names are taken as they stand */

    struct point *point; /* of TAB_STEPS */
    size_t n_point;
    char *point_of;
    struct stopper *walking; /* of its job; NULL: none */

    struct codec_panel *panel; /* of TAB_CODEC; NULL: not made */
};

/* screen_open.c */
void look_open(struct look *l, const char *path); /* as a job */
void look_count(struct look *l);                  /* statistics of all, as a job */
void look_steps(struct look *l, int by);          /* to a step beside */
void look_heading(struct look *l);
void look_check(struct look *l); /* did the file change? */
/* Say ERR; of a file that changed, with the key that reads it again. */
void look_fail(struct look *l, const struct spn_err *err);
void look_forget_warnings(struct look *l);

/* screen_tree.c */
void tree_fill(struct look *l);
void tree_warnings(struct look *l);
/* Row ID was chosen, or the layer is another. */
void tree_chosen(struct look *l, uint64_t id);
void tree_layer(struct look *l, int by);
/* The chosen row of the sheet; NULL: none, or a group. */
const struct ckpt_row *tree_row(const struct look *l);
void tree_choose_name(struct look *l, const char *name);
void tree_rule(struct look *l);
/* "288 tensors", "1.2 GiB": into OUT. */
const char *bytes_text(char *out, size_t room, uint64_t bytes);
/* NAME in at most COLUMNS bytes (ROOM of OUT suffices): weight is w, the middle is left out. */
const char *short_name(char *out, size_t room, const char *name, size_t columns);

/* screen_browse.c */
void browse_show(struct look *l, const char *folder);
void browse_open(struct look *l, uint64_t id);
void browse_forget(struct look *l);

/* screen_ask.c */
void look_ask(struct look *l); /* start, or start again, the job for what is shown */
void inquiry_free(struct inquiry *q);

/* screen_tabs.c */
void tabs_show(struct look *l);
bool tabs_has(const struct look *l, enum tab tab);

/* screen_heat.c */
void heat_show(struct look *l, const struct inquiry *q, struct spn_pane *p);
void cloud_show(struct look *l, const struct inquiry *q, struct spn_pane *p);
bool heat_act(struct look *l, enum spn_want act);

/* screen_diff.c */
void diff_figures(struct look *l); /* of the chosen pair, in words */
void diff_start(struct look *l, const char *path);
void diff_fill(struct look *l);
void diff_chosen(struct look *l, uint64_t id);
void diff_end(struct look *l);

/* screen_run.c */
void series_start(struct look *l);
void series_show(struct look *l, struct spn_pane *p);
void series_forget(struct look *l);

/* screen_codec.c */
void codec_show(struct look *l, struct spn_pane *p);
bool codec_act(struct look *l, enum spn_want act);
void codec_free(struct look *l);
/* The codec's name and options as the panel has them: "excp:alpha=5e-5"; "": no panel. */
void codec_text(const struct look *l, struct spn_buf *out);

extern const struct spn_view ckpt_view_screen;

#endif
