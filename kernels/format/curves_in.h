/* curves_in.h - how the readers of curves hand on what they find.  Private to kernels/format. */
#ifndef SPN_CURVES_IN_H
#define SPN_CURVES_IN_H
#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "format/curves.h"

enum { CURVES_MAX = 4096, CURVES_COLUMNS_MAX = 1024, CURVES_LINE_MAX = 4 << 20 };

enum k_curve_kind { K_CURVES_LINES, K_CURVES_STATE, K_CURVES_CSV, K_CURVES_EVENTS };

/* One file: how far it is read, and what it was then. */
struct k_curve_file {
    char *path;
    enum k_curve_kind kind;
    int64_t offset;                    /* everything before is taken */
    int64_t size, inode, changed_ns;   /* at the last look */
    int64_t line;                      /* of the next line */
    char separator;                    /* CSV */
    char **column;                     /* CSV: heads, NULL-terminated; NULL: not read */
    int step_column;                   /* -1: lines are counted */
};

/* A point more of NAME. SPN_EFORMAT: too many curves. */
spn_status k_curves_add(struct spn_curves *c, const char *name, double step, double value,
                        struct spn_err *err);
bool k_curves_has(const struct spn_curves *c, const char *name);
/* A session starts at STEP. Unless it is the first, points there and later are no more: the run was
 * taken up again. */
void k_curves_session(struct spn_curves *c, double step);

/* All numbers of the object O under their names; COUNT is the step where none is named. */
spn_status k_curves_object(struct spn_curves *c, const json_t *o, double count,
                           struct spn_err *err);
/* A whole trainer_state.json. */
spn_status k_curves_state(struct spn_curves *c, const char *place, const char *text, size_t n,
                          struct spn_err *err);
/* A line, without its end, of JSON Lines or CSV. */
spn_status k_curves_line(struct spn_curves *c, struct k_curve_file *f, const char *line, size_t n,
                         struct spn_err *err);
spn_status k_curves_csv(struct spn_curves *c, struct k_curve_file *f, const char *line, size_t n,
                        struct spn_err *err);
void k_curves_csv_end(struct k_curve_file *f); /* forget its heads */
/* Records of the event file FD from F->offset on, as far as they are whole. */
spn_status k_curves_events(struct spn_curves *c, struct k_curve_file *f, int fd,
                           struct spn_err *err);
/* One event, as protocol bytes: what fuzzing and tests call too. */
spn_status k_curves_event(struct spn_curves *c, const char *place, const unsigned char *bytes,
                          size_t n, struct spn_err *err);
uint32_t k_crc32c(const unsigned char *bytes, size_t n);

/* Does a head of a column or member name the step? The smaller, the surer; -1: no. */
int k_curves_step_rank(const char *name);

#endif
