/* pane.h - a part of a screen that holds one kind of content, and the kinds. */
#ifndef APP_SCREEN_PANE_H
#define APP_SCREEN_PANE_H
#include <stdbool.h>
#include <stdint.h>
#include "screen/cells.h"
#include "screen/keys.h"
#include "spinney/view.h"

struct spn_pane;

/* What happened in a pane that its screen should hear of. */
enum pane_told {
    PANE_NOT_MINE, /* the kind does not know this command */
    PANE_DONE,
    PANE_CHOSEN, /* another row or block is chosen */
    PANE_OPENED, /* the chosen row is to be opened */
    PANE_CHANGED /* a value of a form */
};

struct pane_kind {
    void (*free_)(struct spn_pane *p);
    void (*draw)(struct spn_pane *p, struct area a, bool focused);
    enum pane_told (*command)(struct spn_pane *p, enum command c, int n);
    /* A click at a cell of the pane; TWICE: the second of a double click. */
    enum pane_told (*click)(struct spn_pane *p, int row, int column, bool twice);
    void (*scroll)(struct spn_pane *p, int rows);
    /* Show what holds TEXT: rows are filtered, text is searched. "" ends it. */
    void (*find)(struct spn_pane *p, const char *text);
    /* All of it as text, or JSON; false: the kind has no such form. */
    bool (*write)(struct spn_pane *p, struct spn_buf *out, bool json);
    /* The chosen row or block as text. */
    bool (*copy)(struct spn_pane *p, struct spn_buf *out, bool json);
};

struct spn_pane {
    struct spn_screen *screen;
    char name[32];
    char *title;
    const struct pane_kind *kind; /* NULL: nothing is in it */
    void *content;                /* of the kind; freed by it */
    struct area area;             /* where its content was drawn last */
    bool shown;
    bool hidden;   /* by its view */
    char *search;  /* what `/` looks for; NULL: nothing */
    char note[48]; /* the kind's word beside the title: "3 of 292" */
    int hit, hits; /* of a search in text */
};

extern const struct pane_kind pane_rows, pane_text, pane_plot, pane_picture, pane_form;

/* The content of KIND, made when the pane holds another or none; NULL: no memory. */
void *pane_content(struct spn_pane *p, const struct pane_kind *kind, size_t size);
void pane_clear(struct spn_pane *p);
void pane_free(struct spn_pane *p);
void pane_title(struct spn_pane *p, const char *text);
void pane_search(struct spn_pane *p, const char *text);
/* Does TEXT [N] hold WHAT, letters large or small alike? Offset of the first place, or -1. */
ptrdiff_t find_text(const char *text, size_t n, const char *what);

/* ---- rows (rows.c, rows_draw.c) ---- */
void rows_columns(struct spn_pane *p, const struct spn_column *c, size_t n);
void rows_begin(struct spn_pane *p);
void rows_add(struct spn_pane *p, const struct spn_row *r);
void rows_end(struct spn_pane *p);
bool rows_choice(const struct spn_pane *p, uint64_t *id);
void rows_choose(struct spn_pane *p, uint64_t id);
bool rows_marked(const struct spn_pane *p, uint64_t id);
void rows_marks(struct spn_pane *p, bool on);
void rows_branches(struct spn_pane *p, bool on);
size_t rows_count(const struct spn_pane *p); /* shown */

/* ---- text (text.c) ---- */
void text_block(struct spn_pane *p, uint64_t id, enum spn_text_format format, const char *head,
                enum spn_style style, const char *text, size_t n);
void text_append(struct spn_pane *p, uint64_t id, const char *text, size_t n);
void text_remove(struct spn_pane *p, uint64_t id);
void text_foot(struct spn_pane *p, uint64_t id, const char *text);
void text_spans(struct spn_pane *p, uint64_t id, const struct spn_span *spans, size_t n);
bool text_choice(const struct spn_pane *p, uint64_t *id);
void text_choose(struct spn_pane *p, uint64_t id);

/* ---- the others ---- */
void plot_set(struct spn_pane *p, const struct spn_plot *plot);
void picture_set(struct spn_pane *p, const struct spn_pixels *pixels);
void form_set(struct spn_pane *p, struct spn_values *v, void (*changed)(void *ctx), void *ctx);
/* The option that the choice of a form stands on: its name and text; NULL: none. */
const struct spn_option *form_choice(struct spn_pane *p, struct spn_buf *value);
/* Give it VALUE as typed. */
spn_status form_give(struct spn_pane *p, const char *value, struct spn_err *err);

#endif
