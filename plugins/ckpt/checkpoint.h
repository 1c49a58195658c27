/* checkpoint.h - a checkpoint as its rows: opened, chosen, sorted, folded.  Knows no output, so
 * that a screen and a command show the same thing.
 */
#ifndef CKPT_CHECKPOINT_H
#define CKPT_CHECKPOINT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/reader.h"

struct ckpt_row {
    const struct spn_entry *e; /* lent by the reader */
    uint64_t bytes;
    int64_t numbers;
};
struct ckpt {
    struct spn_reader *reader;
    char *path;   /* what was opened: of a run, its newest step */
    int64_t step; /* of a run; -1: none */
    struct ckpt_row *row;
    size_t n;
};

/* One step of a run. */
struct ckpt_step {
    int64_t step;
    char *path;
};
/* The steps in folder DIR, ascending: what is named checkpoint-N, global_stepN, iter_N, step-N,
   epoch-N or ckpt-N, a folder or a file of tensors.  None there is no failure.  Free with
   ckpt_steps_free. */
spn_status ckpt_steps(struct ckpt_step **out, size_t *n, const char *dir, struct spn_err *err);
void ckpt_steps_free(struct ckpt_step *s, size_t n);

/* PATH is a file or folder of tensors, or a run: then the newest step that opens. */
spn_status ckpt_open(struct ckpt *c, const char *path, struct spn_err *err);
/* The same of what may still be being written; *SHORT_OF, to be freed with spn_free, says what is
   not there yet, NULL: all is. */
spn_status ckpt_open_partial(struct ckpt *c, const char *path, char **short_of,
                             struct spn_err *err);
void ckpt_close(struct ckpt *c); /* twice is fine */

/* The numbers of E, an entry of C, as a contiguous tensor in memory, by rows; *COPY is to be freed
   with spn_free.  A complex element is two numbers, in a dimension of their own. */
spn_status ckpt_view(struct spn_tensor *t, void **copy, const struct ckpt *c,
                     const struct spn_entry *e, struct spn_err *err);

/* A shell pattern, or a plain name: that is a prefix of NAME up to a dot, or all of it. */
bool ckpt_matches(const char *pattern, const char *name);
/* Keep the rows that one of the N patterns matches.  SPN_ENOTFOUND when one matches nothing. */
spn_status ckpt_select(struct ckpt *c, char *const *pattern, size_t n, struct spn_err *err);

enum ckpt_key { CKPT_BY_FILE, CKPT_BY_NAME, CKPT_BY_SIZE, CKPT_BY_DTYPE };
/* Sort the rows; numbers in names count as numbers.  Sizes: the largest first. */
void ckpt_sort(struct ckpt *c, enum ckpt_key key, bool reverse);
int ckpt_compare_names(const char *a, const char *b);

/* NAME with every part that is a number as "*": tensors of repeated layers have one kind. */
spn_status ckpt_kind(struct spn_buf *out, const char *name);

/* One line of the tree. */
struct ckpt_node {
    char *label;  /* "layers", "0..23", "weight" */
    char *prefix; /* the whole name up to here */
    int depth;
    bool leaf;
    size_t tensors;
    int64_t numbers;
    uint64_t bytes;
    size_t at;                     /* its tensors are order[at .. at + tensors) of the tree */
    const struct spn_entry *first; /* of its tensors, the first by name */
    bool mixed;                    /* its tensors differ in type or shape */
};
struct ckpt_tree {
    struct ckpt_node *node;
    size_t n, room;
    const struct ckpt_row **order; /* all rows, those of one node beside each other */
};
/* Rows of C by the parts of their names, FOLD: layers that repeat are one line.  DEPTH: levels
   shown, 0 all. */
spn_status ckpt_tree_build(struct ckpt_tree *t, const struct ckpt *c, bool fold, int depth,
                           struct spn_err *err);
void ckpt_tree_free(struct ckpt_tree *t);

#endif
