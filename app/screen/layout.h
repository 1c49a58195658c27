/* layout.h - "list 60 | (detail / log 30)": names of panes, and where they lie in a rectangle. */
#ifndef APP_SCREEN_LAYOUT_H
#define APP_SCREEN_LAYOUT_H
#include <stdbool.h>
#include "base/err.h"

#define LAYOUT_NODES_MAX 32
#define LAYOUT_NAME_MAX  32

struct layout_node {
    char name[LAYOUT_NAME_MAX]; /* "": a group */
    bool beside;                /* of a group: its parts lie beside each other, else below */
    int share;       /* percent of the group it is in; 0: an equal part of what is left */
    int first, next; /* first part of a group, next part of the same group; -1: none */
    bool hidden;     /* a pane that is not placed; so is a group of such panes alone */
};
struct layout {
    struct layout_node node[LAYOUT_NODES_MAX];
    int n; /* node 0 is the whole */
};
/* SPN_EFORMAT: not of this form, or a name twice. */
spn_status layout_parse(struct layout *l, const char *text, struct spn_err *err);
/* Where NAME is, -1: nowhere. */
int layout_find(const struct layout *l, const char *name);

struct layout_box {
    int node, top, left, rows, columns; /* of a pane: its title is the first row */
};
struct layout_split { /* the border after a part: what a drag moves */
    int node, top, left, length;
    bool upright;
    int from, size; /* of the group along the drag */
};
/* Boxes of the panes and the borders between in ROWS x COLUMNS at TOP, LEFT. Returns the number of
   boxes. */
int layout_place(const struct layout *l, int top, int left, int rows, int columns,
                 struct layout_box box[LAYOUT_NODES_MAX],
                 struct layout_split split[LAYOUT_NODES_MAX], int *n_splits);

#endif
