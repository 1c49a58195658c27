/* screen.c - the screen of checkpoints: what its keys do, and the batch command that gives the
 * same. */
#include "config.h"

#include "screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

static void set_tab(struct look *l, enum tab tab)
{
    if (!tabs_has(l, tab)) {
        l->api->say(l->screen, tab == TAB_CODEC    ? "7 excp: only of a step with one before it"
                               : tab == TAB_PICKLE ? "6 pickle: this file has none"
                                                   : "this has no such tab");
        return;
    }
    l->tab = tab;
    if (tab != TAB_HEAT && tab != TAB_PAIR)
        tree_rule(l);
    look_ask(l);
}

/* With what? The steps beside, the files beside. */
static void difference(struct look *l)
{
    const char *slash;
    char *folder;

    if (l->mode == MODE_DIFF || l->asking) {
        bool was = l->mode == MODE_DIFF;

        l->asking = false;
        l->mode = MODE_TREE;
        if (was)
            diff_end(l);
        l->tab = TAB_STAT;
        tree_fill(l);
        look_heading(l);
        if (l->chosen != NULL)
            tree_choose_name(l, l->chosen);
        else
            tree_chosen(l, 1);
        return;
    }
    if (l->sheet == NULL)
        return;
    slash = strrchr(l->sheet->c.path, '/');
    folder = slash != NULL ? spn_strndup(l->sheet->c.path, (size_t)(slash - l->sheet->c.path) + 1)
                           : spn_strdup(".");
    if (folder == NULL)
        return;
    if (folder[0] != '\0' && folder[1] != '\0' && folder[strlen(folder) - 1] == '/')
        folder[strlen(folder) - 1] = '\0';
    l->asking = true;
    browse_show(l, folder);
    spn_free(folder);
    l->api->say(l->screen, "compare with: Enter chooses, d goes back; or :diff PATH");
}

static void again(struct look *l)
{
    char *path = l->path != NULL ? spn_strdup(l->path) : NULL;

    if (l->mode == MODE_BROWSE && !l->asking)
        browse_show(l, l->folder != NULL ? l->folder : ".");
    else if (path != NULL)
        look_open(l, path);
    spn_free(path);
}

static void next_look(struct look *l)
{
    if (l->tab == TAB_STAT && l->n_step > 1 && l->mode == MODE_TREE) {
        l->tab = TAB_STEPS;
        look_ask(l);
    } else if (l->tab == TAB_STEPS) {
        l->tab = TAB_STAT;
        look_ask(l);
    } else if (l->tab == TAB_HIST || l->tab == TAB_HEAT) {
        l->log = !l->log;
        tabs_show(l);
        l->api->say(l->screen, l->log ? "on a logarithmic scale" : "on a straight scale");
    } else {
        l->api->say(l->screen, "v: of a run, the tensor over its steps; of 2 and 3, the scale");
    }
}

/* Signed mean, signed peak, magnitude of the rms. */
static void next_colour(struct look *l)
{
    static const char *const said[] = { "signed, mean of a cell", "signed, peak of a cell",
                                        "magnitude, rms of a cell" };
    int k = l->colours == 1 ? 0 : l->cell == 0 ? 1 : 2;

    l->colours = k == 2;
    l->cell = k;
    tabs_show(l);
    l->api->say(l->screen, said[k]);
}

/* The window of numbers by so many columns. */
static bool move_numbers(struct look *l, int way)
{
    int64_t cols;

    if (l->tab != TAB_VALS || l->answer == NULL)
        return false;
    cols = spn_matrix_cols(&l->answer->e->t);
    if (l->vals_col + way * VALS_COLS < 0 || l->vals_col + way * VALS_COLS >= cols) {
        l->api->say(l->screen, way < 0 ? "these are the first columns" : "these are the last ones");
        return true;
    }
    l->vals_col += way * VALS_COLS;
    look_ask(l);
    return true;
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct look *l = view;
    uint64_t id;

    switch (a) {
    case SPN_WANT_OPEN:
        if (l->mode == MODE_BROWSE && p == l->tree && l->api->choice(p, &id))
            browse_open(l, id);
        else if (p == l->warnings && l->api->choice(p, &id) && id - 1 < l->n_warning)
            tree_choose_name(l, l->warning[id - 1].name);
        else if (p == l->tree)
            l->api->focus(l->detail);
        else
            return false;
        return true;
    case SPN_WANT_PART:
        if (l->mode == MODE_BROWSE)
            return false;
        set_tab(l, (enum tab)n);
        return true;
    case SPN_WANT_LESS:
    case SPN_WANT_MORE:
    case SPN_WANT_LESS_BIG:
    case SPN_WANT_MORE_BIG:
        if (l->mode == MODE_BROWSE)
            return false;
        if (l->tab == TAB_CODEC && p == l->detail)
            return codec_act(l, a);
        if (a == SPN_WANT_LESS_BIG || a == SPN_WANT_MORE_BIG) {
            if (move_numbers(l, a == SPN_WANT_MORE_BIG ? 1 : -1))
                return true;
            tree_layer(l, a == SPN_WANT_MORE_BIG ? 4 : -4);
            return true;
        }
        tree_layer(l, a == SPN_WANT_MORE ? 1 : -1);
        return true;
    case SPN_WANT_SERIES_BACK:
    case SPN_WANT_SERIES_ON:
        look_steps(l, a == SPN_WANT_SERIES_ON ? 1 : -1);
        return true;
    case SPN_WANT_DIFFERENCE:
        difference(l);
        return true;
    case SPN_WANT_RUN_AGAIN:
        again(l);
        return true;
    case SPN_WANT_NEXT_LOOK:
        if (l->mode == MODE_BROWSE)
            return false;
        next_look(l);
        return true;
    case SPN_WANT_COLOUR:
        if (l->tab != TAB_HEAT)
            return false;
        next_colour(l);
        return true;
    case SPN_WANT_MODEL:
        l->asking = false;
        browse_show(l, l->folder != NULL ? l->folder : ".");
        return true;
    case SPN_WANT_WARNING:
        l->api->say(l->screen, l->counting != NULL ? "no warning so far" : "no warning");
        return true;
    case SPN_WANT_LEFT:
    case SPN_WANT_RIGHT:
    case SPN_WANT_UP:
    case SPN_WANT_DOWN:
        return p == l->detail && l->tab == TAB_HEAT && heat_act(l, a);
    case SPN_WANT_ZOOM_IN:
    case SPN_WANT_ZOOM_OUT:
    case SPN_WANT_ZOOM_FIT:
        return l->tab == TAB_HEAT && heat_act(l, a);
    default:
        return false;
    }
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct look *l = view;

    if (p == l->tree && l->mode == MODE_TREE)
        tree_chosen(l, id);
    else if (p == l->tree && l->mode == MODE_DIFF)
        diff_chosen(l, id);
    else if (p == l->detail && l->tab == TAB_VALS && l->answer != NULL) {
        const struct spn_window *w = &l->answer->w;
        int64_t row = (int64_t)id - 1, rows = spn_matrix_rows(&l->answer->e->t);

        /* At an end of the window it moves by half its height. */
        if (row == w->row + w->rows - 1 && row + 1 < rows)
            l->vals_row = row - VALS_ROWS / 2;
        else if (row == w->row && row > 0)
            l->vals_row = row > VALS_ROWS / 2 ? row - VALS_ROWS / 2 : 0;
        else
            return;
        look_ask(l);
    }
}

static bool slash(void *view, const char *name, const char *args, struct spn_err *err)
{
    struct look *l = view;
    long long row = 0, col = 0;

    if (strcmp(name, "diff") == 0) {
        if (l->sheet == NULL || args[0] == '\0')
            return spn_fail(err, SPN_EUSAGE, "diff: a path to compare with is wanted") == SPN_OK;
        l->asking = false;
        if (l->mode == MODE_BROWSE)
            l->mode = MODE_TREE;
        diff_start(l, args);
        return true;
    }
    if (strcmp(name, "at") == 0) {
        if (sscanf(args, "%lld,%lld", &row, &col) < 1 || row < 0 || col < 0)
            return spn_fail(err, SPN_EUSAGE, "at: \"%.60s\" is not ROW,COLUMN", args) == SPN_OK;
        l->vals_row = row;
        l->vals_col = col;
        set_tab(l, TAB_VALS);
        return true;
    }
    if (args[0] == '\0')
        return spn_fail(err, SPN_EUSAGE, "open: a path is wanted") == SPN_OK;
    spn_free(l->chosen);
    l->chosen = NULL;
    l->asking = false;
    look_open(l, args);
    return true;
}

/* ---- the equal command ---- */

/* In quotes where a shell would take it apart. */
static void put_word(struct spn_buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-/+:,=@%";

    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        spn_buf_puts(out, text);
        return;
    }
    spn_buf_puts(out, "'");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            spn_buf_puts(out, "'\\''");
        else
            spn_buf_add(out, text, 1);
    spn_buf_puts(out, "'");
}

static void put_command(struct spn_buf *out, const char *verb, const char *path, const char *name)
{
    spn_buf_printf(out, "spinney ckpt %s ", verb);
    put_word(out, path);
    if (name != NULL) {
        spn_buf_puts(out, " ");
        put_word(out, name);
    }
}

/* The folder of the run. */
static void put_run(struct look *l, struct spn_buf *out, const char *verb, const char *name)
{
    const char *slash = strrchr(l->step[0].path, '/');
    char *folder = slash != NULL ? spn_strndup(l->step[0].path, (size_t)(slash - l->step[0].path))
                                 : spn_strdup(".");

    if (folder != NULL)
        put_command(out, verb, folder, name);
    spn_free(folder);
}

static void heat_command(struct look *l, struct spn_buf *out, const char *path)
{
    static const char *const cells[] = { "mean", "peak", "rms" };
    const struct spn_window *w = &l->window;

    put_command(out, "heat", path, l->chosen);
    if (w->rows > 0)
        spn_buf_printf(out, " --slice %" PRId64 ":%" PRId64 ",%" PRId64 ":%" PRId64, w->row,
                       w->row + w->rows, w->col, w->col + w->cols);
    spn_buf_printf(out, " --cell %s%s", cells[l->cell], l->log ? " --log" : "");
}

static void command(void *view, struct spn_buf *out)
{
    struct look *l = view;
    const char *path = l->sheet != NULL ? l->sheet->c.path : NULL;

    if (path == NULL || l->mode == MODE_BROWSE)
        return;
    if (l->mode == MODE_DIFF) {
        put_command(out, "diff", path, l->other_path);
        return;
    }
    if (l->tab == TAB_META || l->tab == TAB_PICKLE) {
        put_command(out, l->tab == TAB_META ? "meta" : "verify", path, NULL);
    } else if (l->tab == TAB_CODEC) {
        put_run(l, out, "compress", NULL);
        spn_buf_puts(out, " -o STORE --codec ");
        codec_text(l, out);
    } else if (l->chosen == NULL) {
        put_command(out, "ls", path, NULL);
        spn_buf_puts(out, " --tree");
    } else if (l->tab == TAB_STEPS) {
        put_run(l, out, "series", l->chosen);
    } else if (l->tab == TAB_HEAT) {
        heat_command(l, out, path);
    } else if (l->tab == TAB_VALS && l->answer != NULL && l->answer->e->t.ndim == 2) {
        put_command(out, "show", path, l->chosen);
        spn_buf_printf(out, " --slice %" PRId64 ":%" PRId64 ",%" PRId64 ":%" PRId64,
                       l->answer->w.row, l->answer->w.row + l->answer->w.rows, l->answer->w.col,
                       l->answer->w.col + l->answer->w.cols);
    } else if (l->tab == TAB_HIST) {
        put_command(out, "hist", path, l->chosen);
        spn_buf_printf(out, " --bins %d",
                       l->answer != NULL && l->answer->f != NULL ? l->answer->f[0].spread.bins
                                                                 : HIST_BINS);
    } else {
        put_command(out, l->tab == TAB_VALS ? "show" : "stats", path, l->chosen);
    }
}

/* ---- the view ---- */

static void timer(void *view)
{
    struct look *l = view;

    if (l->dirty) {
        tree_fill(l);
        tree_warnings(l);
    }
    look_check(l);
}

static void close_view(void *view)
{
    struct look *l = view;

    codec_free(l);
    diff_end(l);
    series_forget(l);
    browse_forget(l);
    look_forget_warnings(l);
    inquiry_free(l->answer);
    ckpt_steps_free(l->step, l->n_step);
    sheet_drop(l->sheet);
    spn_free(l->path);
    spn_free(l->folder);
    spn_free(l->wanted);
    spn_free(l->chosen);
    spn_free(l);
}

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    struct look *l = spn_calloc(1, sizeof *l);

    if (l == NULL)
        return spn_fail(err, SPN_ENOMEM, "ckpt: no memory");
    l->host = h;
    l->api = h->query("pane", 1);
    l->screen = s;
    l->tree = l->api->pane(s, "tensors");
    l->warnings = l->api->pane(s, "warnings");
    l->detail = l->api->pane(s, "detail");
    l->plot = l->api->pane(s, "plot");
    l->tab = TAB_STAT;
    *out = l;
    l->api->focus(l->tree);
    if (argc > 0)
        look_open(l, argv[0]);
    else
        browse_show(l, ".");
    return SPN_OK;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_PART, "", "tab", 0 },
    { SPN_WANT_LESS, "", "layer before", 0 },
    { SPN_WANT_MORE, "", "layer", 0 },
    { SPN_WANT_SERIES_BACK, "", "step before", 0 },
    { SPN_WANT_SERIES_ON, "", "step", 0 },
    { SPN_WANT_DIFFERENCE, "", "compare", 0 },
    { SPN_WANT_NEXT_LOOK, "", "scale, steps", 0 },
    { SPN_WANT_COLOUR, "detail", "colours", 0 },
    { SPN_WANT_ZOOM_IN, "detail", "zoom", 0 },
    { SPN_WANT_RUN_AGAIN, "", "read again", 0 },
    { SPN_WANT_MODEL, "", "another file", 0 },
    { 0 },
};

static const struct spn_slash slashes[] = {
    { "open", "PATH", "another file, folder or run" },
    { "diff", "PATH", "compare with this" },
    { "at", "ROW,COLUMN", "numbers from there on" },
    { 0 },
};

const struct spn_view ckpt_view_screen = {
    .summary = "look into checkpoints: tensors, statistics, heat maps, differences",
    .layout = "(tensors 82 / warnings) 59 | detail",
    .wide = "(tensors 82 / warnings) 42 | detail 34 | plot",
    .place = 'k',
    .acts = acts,
    .slashes = slashes,
    .open = open_view,
    .close = close_view,
    .act = act,
    .chosen = chosen,
    .slash = slash,
    .command = command,
    .timer = timer,
};
