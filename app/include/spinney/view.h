/* view.h - a screen of a plugin: its panes, what its keys do, its jobs.  C11 and C++.
 *
 * A view fills panes (rows, text, plots, pictures, forms) through the host table "pane/1" and is
 * told what the person wants (enum spn_want).  Moving, folding, sorting, filtering, finding, the
 * mouse, copying, sizes, focus and every key belong to the host, so a view works alike on a
 * terminal, in a script (`spinney --script KEYS`), in a test and in `:save-display FILE`.
 *
 * Threads: all of a view runs on the main thread, and nothing there may take longer than a frame
 * (some 10 ms).  What does is a job: spn_pane_api.work, whose run() has a thread of its own and
 * may touch only the functions that say so. */
#ifndef SPINNEY_VIEW_H
#define SPINNEY_VIEW_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/cancel.h"
#include "base/err.h"
#include "base/option.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_host;
struct spn_screen; /* one open view; private to the host */
struct spn_pane;   /* one part of it */
struct spn_work;   /* a job under way */

/* Meaning of a piece of text; a theme says how it looks. Never the only sign of a state. */
enum spn_style {
    SPN_STYLE_TEXT,
    SPN_STYLE_DIM,
    SPN_STYLE_STRONG,
    SPN_STYLE_HEAD, /* a heading inside a pane */
    SPN_STYLE_GOOD,
    SPN_STYLE_WARN,
    SPN_STYLE_BAD,
    SPN_STYLE_ACCENT,
    SPN_STYLE_CODE,
    SPN_STYLE_KEYWORD,
    SPN_STYLE_STRING,
    SPN_STYLE_COMMENT,
    SPN_STYLE_LINK,
    SPN_STYLE_USER,  /* who wrote: the person */
    SPN_STYLE_MODEL, /* who wrote: a model */
    SPN_STYLE_SERIES_1,
    SPN_STYLE_SERIES_2,
    SPN_STYLE_SERIES_3,
    SPN_STYLE_SERIES_4,
    SPN_STYLE_SERIES_5,
    SPN_STYLE_SERIES_6,
    SPN_STYLE_COUNT
};

/* ---- what a person wants: each is one key with one meaning on every screen ---- */
enum spn_want {
    SPN_WANT_NONE,
    SPN_WANT_OPEN,        /* Enter: open, unfold, act on the chosen row */
    SPN_WANT_MORE_OF,     /* Right on an empty line or a row that does not unfold: what else */
    SPN_WANT_NEXT_LOOK,   /* v */
    SPN_WANT_COLOUR,      /* c */
    SPN_WANT_FOLD,        /* t: in row panes the host folds; told where there is nothing to fold */
    SPN_WANT_PROBE,       /* p */
    SPN_WANT_DIFFERENCE,  /* d */
    SPN_WANT_RUN_AGAIN,   /* r */
    SPN_WANT_EDIT,        /* e */
    SPN_WANT_UNDO,        /* u */
    SPN_WANT_ADD,         /* a */
    SPN_WANT_REMOVE,      /* x: ask first (spn_pane_api.ask) when it cannot be undone */
    SPN_WANT_SERIES_BACK, /* , */
    SPN_WANT_SERIES_ON,   /* . */
    SPN_WANT_LESS,        /* [ */
    SPN_WANT_MORE,        /* ] */
    SPN_WANT_LESS_BIG,    /* { */
    SPN_WANT_MORE_BIG,    /* } */
    SPN_WANT_ZOOM_IN,     /* + */
    SPN_WANT_ZOOM_OUT,    /* - */
    SPN_WANT_ZOOM_FIT,    /* 0 */
    SPN_WANT_PART,        /* 1..9: N is the digit */
    SPN_WANT_SPACE,       /* Space, where the host does not mark: play, pause; overlay */
    SPN_WANT_FOLLOW,      /* f */
    SPN_WANT_OPTIONS,     /* o: not told where the view has given an option table */
    SPN_WANT_MODEL,       /* m */
    SPN_WANT_BRANCH,      /* b */
    SPN_WANT_WARNING,     /* n without a search: the next warning */
    SPN_WANT_COPY_JSON, /* Y: set the text with spn_pane_api.copy; not handled: the rows as JSON */
    SPN_WANT_STOP,      /* C-c, told after the host has set the flags of this screen's jobs */
    SPN_WANT_LEFT,      /* arrows in a pane that holds a picture or a plot: the cross, panning */
    SPN_WANT_RIGHT,
    SPN_WANT_UP,
    SPN_WANT_DOWN,
    SPN_WANT_CAPITAL, /* a capital letter free for screens: N is the letter */
    SPN_WANT_COUNT
};

/* An act that a view answers: it stands in `?`, the footer and share/doc/keys.txt. */
struct spn_want_help {
    enum spn_want act;
    const char *pane; /* "": in every pane of the view */
    const char *what; /* one to three words for the footer: "next step" */
    int letter;       /* of SPN_WANT_CAPITAL, else 0 */
};

/* A command of the view: ":name args" in a pane and "/name args" in the line. */
struct spn_slash {
    const char *name, *args, *what; /* "think", "[on|off|TOKENS]", "limit the thinking" */
};

/* ---- the view ---- */
struct spn_view {
    const char *summary; /* one line, for the palette and help */
    /* Panes and where they lie: names, '|' beside, '/' below, parentheses, a number after a name is
       its share in percent: "list 60 | (detail / log 30)". `wide` holds from 160 columns on (NULL:
       as layout). Below `narrow` columns (0: 100) one pane is shown at a time. */
    const char *layout, *wide;
    int narrow;
    char place;         /* letter after C-o and g; 0: reached by the palette alone */
    const char *prompt; /* greyed in the empty line; NULL: this screen has no prompt of its own */
    const struct spn_want_help *acts; /* ends with { 0 } */
    const struct spn_slash *slashes;  /* ends with { 0 }; NULL: none */
    const struct spn_option *options; /* the form behind `o`; NULL: none. changed() is told */
    /* Make the state, fill the panes. ARGV: what the view was asked to show ("ckpt" "FILE" …);
     *OUT is handed to every function below. */
    spn_status (*open)(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                       void **out, struct spn_err *err);
    void (*close)(void *view); /* no job of it runs any more */
    /* P: the pane with the focus. false: nothing to do here, the host says so. */
    bool (*act)(void *view, struct spn_pane *p, enum spn_want act, int n);
    void (*chosen)(void *view, struct spn_pane *p, uint64_t id); /* another row; NULL: not told */
    void (*send)(void *view, const char *text);                  /* Enter in the line */
    bool (*slash)(void *view, const char *name, const char *args, struct spn_err *err);
    /* Append the `spinney …` line that gives the same in batch mode. */
    void (*command)(void *view, struct spn_buf *out);
    void (*changed)(void *view, const struct spn_values *v); /* of `options` */
    /* Append candidates for what stands before the cursor, a line each: "WORD<tab>what it is". */
    void (*complete)(void *view, const char *line, size_t cursor, struct spn_buf *out);
    void (*timer)(void *view); /* asked for with spn_pane_api.timer */
};

/* ---- rows: lists, trees and tables ---- */
struct spn_column {
    const char *name;
    int width;  /* cells; 0: as its widest shown, -1: takes what is left */
    bool right; /* figures */
    int rank;   /* 0 is shown at any width; the others go from the highest down when it is narrow */
};
struct spn_field {
    const char *text; /* NULL: empty */
    double number;    /* what it is sorted by; NaN: by text */
    enum spn_style style;
};
struct spn_row {
    uint64_t id;  /* stays the same over refills: the choice, marks and folds hang on it */
    int depth;    /* of a tree: rows below a row with more depth belong to it */
    bool group;   /* may be folded */
    bool folded;  /* at first */
    bool heading; /* cannot be chosen */
    bool warning; /* `n` goes there */
    char glyph;   /* state: 'o' '*' '=' '-' 'x' '!' '~', 0: none */
    const struct spn_field *fields;
    size_t n;
};

/* ---- text ---- */
enum spn_text_format { SPN_TEXT_PLAIN, SPN_TEXT_MARKDOWN, SPN_TEXT_CODE };

/* A stretch of a text in a style of its own. */
struct spn_span {
    size_t n; /* bytes */
    enum spn_style style;
    bool marked; /* turned round: what a cursor is on */
};

/* ---- plots ---- */
enum spn_plot_kind { SPN_PLOT_LINE, SPN_PLOT_BAR, SPN_PLOT_HISTOGRAM, SPN_PLOT_HEAT };
struct spn_series {
    const char *name;
    const double *x, *y; /* x NULL: 0, 1, 2 …; a y that is not finite is a gap */
    size_t n;
};
struct spn_plot {
    enum spn_plot_kind kind;
    const struct spn_series *series; /* BAR, HISTOGRAM: one. HISTOGRAM: y are the samples; with x,
                                        y are the counts of n equal bins and x their middles */
    size_t n;
    const char *const *labels; /* BAR: one a bar; NULL: numbers */
    const double *heat;        /* HEAT: [rows][columns] */
    size_t rows, columns;
    int bins;          /* HISTOGRAM: 0 chooses */
    bool log_x, log_y; /* values that are not above zero are gaps */
    const char *x_name, *y_name;
};

/* ---- pictures: drawn by the host's picture service ("picture/1") ---- */
enum spn_pixels_kind { SPN_PIXELS_RGB, SPN_PIXELS_PALETTE };
struct spn_pixels {
    enum spn_pixels_kind kind;
    int width, height;
    const uint8_t *data;    /* RGB: [height][width][3]; PALETTE: [height][width] */
    const uint8_t *palette; /* PALETTE: [256][3]; never dithered */
    const char *alt;        /* what it shows, in words: where no picture can be drawn */
};

/* ---- jobs ---- */
struct spn_work_spec {
    /* "reading layers": for the list of jobs and the row of state; copied. "": a look that nobody
       asked for, which is neither shown as under way nor asked about. */
    const char *what;
    void *ctx;
    /* On a thread of its own. */
    spn_status (*run)(void *ctx, struct spn_work *w, struct spn_err *err);
    /* On the main thread: one call a message of spn_work_post, in order; NULL: none is posted.
       It takes the message over. */
    void (*message)(void *ctx, void *message_take);
    /* On the main thread, last of all. SPN_ECANCEL: stopped; what there is, is kept. */
    void (*done)(void *ctx, spn_status st, const struct spn_err *err);
};

/* "pane/1". Text that goes in is copied and may hold anything: the host makes it visible. */
struct spn_pane_api {
    uint32_t size;
    /* The pane called NAME in the layout; asserts that there is one. */
    struct spn_pane *(*pane)(struct spn_screen *s, const char *name);
    const char *(*name)(const struct spn_pane *p);
    void (*title)(struct spn_pane *p, const char *text); /* at first its name */
    void (*focus)(struct spn_pane *p);

    /* Rows. A pane begins with one column of no name. begin, row …, end replaces them all: the
       choice stays on its id, at its place when that is gone. Without an end nothing changes. */
    void (*columns)(struct spn_pane *p, const struct spn_column *columns, size_t n);
    void (*begin)(struct spn_pane *p);
    void (*row)(struct spn_pane *p, const struct spn_row *row);
    void (*end)(struct spn_pane *p);
    bool (*choice)(const struct spn_pane *p, uint64_t *id); /* false: no row */
    void (*choose)(struct spn_pane *p, uint64_t id);
    bool (*marked)(const struct spn_pane *p, uint64_t id); /* with Space, where `marks` is on */
    void (*marks)(struct spn_pane *p, bool on);

    /* Text in blocks, one below the other: a message, a paragraph, a file. HEAD is a line above it
       (NULL: none) in STYLE. A block with that id is replaced. The choice of `j k` is a block. */
    void (*block)(struct spn_pane *p, uint64_t id, enum spn_text_format format, const char *head,
                  enum spn_style style, const char *text, size_t n);
    void (*append)(struct spn_pane *p, uint64_t id, const char *text, size_t n);
    void (*remove)(struct spn_pane *p, uint64_t id);
    void (*clear)(struct spn_pane *p); /* rows, blocks, plot and picture of the pane */

    void (*plot)(struct spn_pane *p, const struct spn_plot *plot);
    void (*picture)(struct spn_pane *p, const struct spn_pixels *pixels);
    /* Edit V, made of its table, in place; changed(ctx) after each change. */
    void (*form)(struct spn_pane *p, struct spn_values *v, void (*changed)(void *ctx), void *ctx);

    /* The screen. heading: row 1, what this screen shows; state: right in row 1; rule: the row
       above the line. NULL or "": nothing. */
    void (*heading)(struct spn_screen *s, const char *text);
    void (*state)(struct spn_screen *s, const char *text);
    void (*rule)(struct spn_screen *s, const char *text);
    void (*say)(struct spn_screen *s, const char *text); /* in the line; kept in the log */
    void (*fail)(struct spn_screen *s, const struct spn_err *err); /* with its cure */
    /* A question with "no" chosen; ANSWER is called once. */
    void (*ask)(struct spn_screen *s, const char *question, void (*answer)(void *ctx, bool yes),
                void *ctx);
    /* The text of the line. */
    void (*line)(struct spn_screen *s, const char *text);
    void (*copy)(struct spn_screen *s, const char *text, size_t n);
    /* Go to the view NAME, opened with ARGV unless it is there already. */
    void (*go)(struct spn_screen *s, const char *name, int argc, char **argv);
    /* Call timer() once, in MS; 0 takes it back. */
    void (*timer)(struct spn_screen *s, int ms);

    /* Start a job. */
    spn_status (*work)(struct spn_screen *s, const struct spn_work_spec *spec, struct spn_err *err);
    /* Run `spinney ARGV` as a job, its results to RECORD one by one (main thread; the reference is
       taken over), then DONE: a screen's figures are the command's. */
    spn_status (*command)(struct spn_screen *s, int argc, const char *const *argv,
                          void (*record)(void *ctx, json_t *object_take),
                          void (*done)(void *ctx, spn_status st, const struct spn_err *err),
                          void *ctx, struct spn_err *err);
    bool (*working)(const struct spn_screen *s); /* is a job of this screen under way? */

    /* From a job's thread. */
    struct spn_cancel *(*work_cancel)(struct spn_work *w);
    void (*work_progress)(struct spn_work *w, double done, double total); /* total 0: unknown */
    /* Waits while 256 messages of this job are on the way. */
    void (*work_post)(struct spn_work *w, void *message_take);

    /* A line below a block, dim: what it took. The block is there already; NULL: none. */
    void (*foot)(struct spn_pane *p, uint64_t id, const char *text);
    /* A block of plain text in spans, which together are as long as it; what is left of it is in
       the style of text. */
    void (*spans)(struct spn_pane *p, uint64_t id, const char *head, enum spn_style style,
                  const char *text, const struct spn_span *spans, size_t n);
    /* Hide a pane, or show it again: the others take its place. */
    void (*hide)(struct spn_pane *p, bool hidden);
    /* Draw lines from father to child in a tree. */
    void (*branches)(struct spn_pane *p, bool on);
    /* Text over the panes, closed with Esc. */
    void (*popup)(struct spn_screen *s, const char *title, enum spn_text_format format,
                  const char *text, size_t n);
    /* A form over the panes: V is edited in place, changed(ctx) after each change. */
    void (*popup_form)(struct spn_screen *s, const char *title, struct spn_values *v,
                       void (*changed)(void *ctx), void *ctx);
    /* One of LINES to choose, a line each: "WORD<tab>what it is". PICKED gets the word, on Enter
       alone. */
    void (*pick)(struct spn_screen *s, const char *title, const char *lines,
                 void (*picked)(void *ctx, const char *word), void *ctx);
};

#ifdef __cplusplus
}
#endif
#endif
