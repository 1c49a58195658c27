/* messages.c - what was said in the line since the program began. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "screen/views/views.h"

struct messages {
    struct spn_screen *screen;
    struct spn_pane *list, *detail;
    int shown;
};

static void show(struct messages *m, uint64_t id)
{
    const struct ui *ui = m->screen->ui;
    const struct log_entry *e = id >= 1 && id <= (uint64_t)ui->n_log ? &ui->log[id - 1] : NULL;
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    if (e == NULL)
        return;
    spn_buf_printf(&b, "%s\n", e->text);
    if (e->cure != NULL)
        spn_buf_printf(&b, "\ntry: %s\n", e->cure);
    pane_table.block(m->detail, 1, SPN_TEXT_PLAIN, e->when, SPN_STYLE_HEAD,
                     b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

static void fill(void *view)
{
    struct messages *m = view;
    const struct ui *ui = m->screen->ui;
    uint64_t id;
    int i;

    if (m->shown != ui->n_log) {
        pane_table.begin(m->list);
        for (i = ui->n_log - 1; i >= 0; i--) { /* the newest first */
            struct spn_field f[2] = { { ui->log[i].when, NAN, SPN_STYLE_DIM },
                                      { ui->log[i].text, NAN, ui->log[i].style } };
            struct spn_row row = { .id = (uint64_t)i + 1, .fields = f, .n = 2 };

            row.warning = ui->log[i].style == SPN_STYLE_BAD || ui->log[i].style == SPN_STYLE_WARN;
            row.glyph = row.warning ? '!' : ' ';
            pane_table.row(m->list, &row);
        }
        pane_table.end(m->list);
        m->shown = ui->n_log;
        if (pane_table.choice(m->list, &id))
            show(m, id);
    }
    pane_table.timer(m->screen, 500);
}

static spn_status open_messages(const struct spn_host *h, struct spn_screen *s, int argc,
                                char **argv, void **out, struct spn_err *err)
{
    static const struct spn_column columns[] = { { "when", 10, false, 0 },
                                                 { "message", -1, false, 0 } };
    struct messages *m = spn_calloc(1, sizeof *m);

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "messages: no memory");
    *m = (struct messages){ s, pane_table.pane(s, "list"), pane_table.pane(s, "detail"), -1 };
    pane_table.columns(m->list, columns, 2);
    pane_table.title(m->list, "messages");
    fill(m);
    *out = m;
    return SPN_OK;
}

static void close_messages(void *view)
{
    spn_free(view);
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct messages *m = view;

    if (p == m->list)
        show(m, id);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct messages *m = view;

    if (a == SPN_WANT_OPEN)
        pane_table.focus(m->detail);
    return a == SPN_WANT_OPEN;
}

static const struct spn_want_help acts[] = { { SPN_WANT_OPEN, "list", "read", 0 }, { 0 } };

const struct spn_view view_messages = {
    .summary = "messages and errors since the program began",
    .layout = "list 70 / detail",
    .narrow = 30,
    .place = 'e',
    .acts = acts,
    .open = open_messages,
    .close = close_messages,
    .act = act,
    .chosen = chosen,
    .timer = fill,
};
