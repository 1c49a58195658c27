/* runlog.h - RUN/log.jsonl, a line a logged step, and the lock that keeps a second process out.
 * Private to train/. */
#ifndef SPN_TRAIN_RUNLOG_H
#define SPN_TRAIN_RUNLOG_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "train/loop.h"

struct train_log { int fd; char *path; };
#define TRAIN_LOG_INIT { -1, NULL }

/* Open or make RUN/log.jsonl and lock it. SPN_EIO: another process holds it, or it cannot be
 * written. */
spn_status train_log_open(struct train_log *l, const char *run, struct spn_err *err);
void       train_log_close(struct train_log *l);         /* twice is fine */
bool       train_log_empty(const struct train_log *l);
/* Drop the lines of steps above STEP and a half line at the end. SPN_EFORMAT: a line that is not
 * one of a run's log. */
spn_status train_log_cut(struct train_log *l, int64_t step, struct spn_err *err);
spn_status train_log_add(struct train_log *l, const struct spn_train_step *s, struct spn_err *err);
spn_status train_log_sync(struct train_log *l,
                          struct spn_err *err); /* before the checkpoint that the lines belong to */

#endif
