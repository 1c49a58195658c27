/* work.h - jobs of the screens; what view.h promises of them. */
#ifndef APP_SCREEN_WORK_H
#define APP_SCREEN_WORK_H
#include "screen/ui.h"

spn_status work_start(struct spn_screen *s, const struct spn_work_spec *spec, struct spn_err *err);
struct spn_cancel *work_cancel(struct spn_work *w);
void work_progress(struct spn_work *w, double done, double total);
void work_post(struct spn_work *w, void *message_take);
void work_end(struct ui *ui); /* stops all and waits for them */

/* Of a job that work_list lent. */
const char *work_what(const struct spn_work *w);
const char *work_screen(const struct spn_work *w);
const char *work_owner(const struct spn_work *w); /* plugin of its screen; "spinney": the program */
double work_seconds(const struct spn_work *w);
void work_stop_one(struct ui *ui, const struct spn_work *which);

/* `spinney ARGV` as a job (command_job.c). */
spn_status command_start(struct spn_screen *s, int argc, const char *const *argv,
                         void (*record)(void *ctx, json_t *object_take),
                         void (*done)(void *ctx, spn_status st, const struct spn_err *err),
                         void *ctx, struct spn_err *err);

#endif
