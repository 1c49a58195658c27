/* jobs.c - what is under way on any screen. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/views/views.h"
#include "screen/work.h"

struct jobs {
    struct spn_screen *screen;
    struct spn_pane *list;
};

static void fill(void *view)
{
    struct jobs *j = view;
    const struct spn_work *w;
    char progress[64], seconds[32];
    size_t i;

    pane_table.begin(j->list);
    for (i = 0; work_list(j->screen->ui, i, &w, progress, sizeof progress) > 0 && w != NULL; i++) {
        struct spn_field f[4] = { { work_what(w), NAN, SPN_STYLE_TEXT },
                                  { work_screen(w), NAN, SPN_STYLE_DIM },
                                  { progress, NAN, SPN_STYLE_TEXT },
                                  { seconds, work_seconds(w), SPN_STYLE_TEXT } };
        struct spn_row row = { .id = (uint64_t)(uintptr_t)w, .glyph = 'o', .fields = f, .n = 4 };

        snprintf(seconds, sizeof seconds, "%.1f s", work_seconds(w));
        pane_table.row(j->list, &row);
    }
    pane_table.end(j->list);
    pane_table.timer(j->screen, 250);
}

static spn_status open_jobs(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    static const struct spn_column columns[] = { { "job", -1, false, 0 },
                                                 { "screen", 0, false, 2 },
                                                 { "done", 0, true, 0 },
                                                 { "time", 9, true, 1 } };
    struct jobs *j = spn_calloc(1, sizeof *j);

    if (j == NULL)
        return spn_fail(err, SPN_ENOMEM, "jobs: no memory");
    *j = (struct jobs){ s, pane_table.pane(s, "jobs") };
    pane_table.columns(j->list, columns, 4);
    fill(j);
    *out = j;
    return SPN_OK;
}

static void close_jobs(void *view)
{
    spn_free(view);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct jobs *j = view;
    const struct spn_work *w;
    char text[64];
    uint64_t id;
    size_t i;

    if (!pane_table.choice(j->list, &id))
        return false;
    for (i = 0; work_list(j->screen->ui, i, &w, text, sizeof text) > 0 && w != NULL; i++)
        if ((uint64_t)(uintptr_t)w == id && a == SPN_WANT_REMOVE) {
            work_stop_one(j->screen->ui, w);
            return true;
        } else if ((uint64_t)(uintptr_t)w == id && a == SPN_WANT_OPEN) {
            pane_table.go(j->screen, work_screen(w), 0, NULL);
            return true;
        }
    return false;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "", "go there", 0 },
    { SPN_WANT_REMOVE, "", "stop, keep", 0 },
    { 0 },
};

const struct spn_view view_jobs = {
    .summary = "what is under way on any screen",
    .layout = "jobs",
    .place = 'j',
    .acts = acts,
    .open = open_jobs,
    .close = close_jobs,
    .act = act,
    .timer = fill,
};
