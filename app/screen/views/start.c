/* start.c - the first screen: the models here, what to try, and what is off. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "screen/views/views.h"

enum what { HEADING, MODEL, TRY, NOTE };
struct entry {
    enum what what;
    char *name, *second, *third; /* columns */
    char *go, *argument;         /* a view and what it shows; NULL: none */
    char *detail;                /* Markdown */
};
struct start {
    struct spn_screen *screen;
    struct spn_pane *list, *detail;
    struct entry *entry;
    size_t n;
};

static void add(struct start *t, enum what what, const char *name, const char *second,
                const char *third, const char *go, const char *argument, const char *detail)
{
    struct entry *grown = spn_realloc(t->entry, t->n + 1, sizeof *grown);

    if (grown == NULL)
        return;
    t->entry = grown;
    grown[t->n++] = (struct entry){ what,
                                    spn_strdup(name),
                                    spn_strdup(second),
                                    spn_strdup(third),
                                    go != NULL ? spn_strdup(go) : NULL,
                                    argument != NULL ? spn_strdup(argument) : NULL,
                                    spn_strdup(detail) };
}

static void clear(struct start *t)
{
    size_t i;

    for (i = 0; i < t->n; i++) {
        spn_free(t->entry[i].name);
        spn_free(t->entry[i].second);
        spn_free(t->entry[i].third);
        spn_free(t->entry[i].go);
        spn_free(t->entry[i].argument);
        spn_free(t->entry[i].detail);
    }
    t->n = 0;
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct start *t = view;

    if (p != t->list || id < 1 || id > t->n)
        return;
    pane_table.title(t->detail, t->entry[id - 1].name);
    pane_table.block(t->detail, 1, SPN_TEXT_MARKDOWN, NULL, SPN_STYLE_TEXT, t->entry[id - 1].detail,
                     strlen(t->entry[id - 1].detail));
}

static void fill(struct start *t)
{
    uint64_t id;
    size_t i;

    pane_table.begin(t->list);
    for (i = 0; i < t->n; i++) {
        const struct entry *e = &t->entry[i];
        struct spn_field f[3] = { { e->name, NAN,
                                    e->what == HEADING ? SPN_STYLE_HEAD : SPN_STYLE_TEXT },
                                  { e->second, NAN, SPN_STYLE_DIM },
                                  { e->third, NAN, SPN_STYLE_DIM } };
        struct spn_row row = { .id = i + 1, .heading = e->what == HEADING, .fields = f, .n = 3 };

        pane_table.row(t->list, &row);
    }
    pane_table.end(t->list);
    if (pane_table.choice(t->list, &id))
        chosen(t, t->list, id);
}

static void add_models(struct start *t, json_t *records)
{
    char room[400], size[40], head[80];
    const json_t *m;
    size_t i;

    snprintf(head, sizeof head, "YOUR MODELS   %zu here, all of them: C-o m",
             json_array_size(records));
    add(t, HEADING, head, "", "", NULL, NULL, "");
    json_array_foreach(records, i, m)
    {
        const char *name = json_string_value(json_object_get(m, "name"));
        const char *path = json_string_value(json_object_get(m, "path"));
        const char *type = json_string_value(json_object_get(m, "type"));
        const char *source = json_string_value(json_object_get(m, "source"));

        if (name == NULL || path == NULL)
            continue;
        snprintf(size, sizeof size, "%-8s %.3g MB", type != NULL ? type : "",
                 json_number_value(json_object_get(m, "bytes")) / 1e6);
        snprintf(room, sizeof room,
                 "# %s\n\n`%s`\n\nEnter: chat\n\n```sh\nspinney chat -m %s\n```\n", name, path,
                 name);
        add(t, MODEL, name, size, source != NULL ? source : "", "chat", path, room);
    }
    if (json_array_size(records) == 0)
        add(t, NOTE, "none found: ollama pull NAME, or spinney chat -m FILE.gguf", "", "", NULL,
            NULL, "");
}

static void add_rest(struct start *t)
{
    add(t, HEADING, "TRY   with small models of our own, each good at one thing only", "", "", NULL,
        NULL, "");
    add(t, TRY, "Game of 24", "4 5 6 10", "8 trees", "chat", "4 5 6 10",
        "# Game of 24\n\nA forest of eight trees on a hand of four numbers.\n\n```sh\nspinney chat "
        "-p "
        "\"4 5 6 10\" --reason fot:trees=8\n```\n");
    add(t, TRY, "the papers", "read and try", "papers", "papers", NULL,
        "# the papers\n\nEvery method here comes from a paper; this is the list.\n");
    add(t, TRY, "this machine", "what it has", "doctor", "doctor", NULL,
        "# this machine\n\nProcessor, memory, modules, terminal, and what is off.\n");
}

struct search {
    struct start *start;
    json_t *records;
};

static void found(void *ctx, json_t *object_take)
{
    struct search *f = ctx;

    json_array_append_new(f->records, object_take);
}

static void searched(void *ctx, spn_status st, const struct spn_err *err)
{
    struct search *f = ctx;
    struct start *t = f->start;

    clear(t);
    add_models(t, f->records);
    add_rest(t);
    fill(t);
    json_decref(f->records);
    spn_free(f);
}

static spn_status open_start(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                             void **out, struct spn_err *err)
{
    static const struct spn_column columns[] = { { "", -1, false, 0 },
                                                 { "", 18, false, 1 },
                                                 { "", 12, false, 2 } };
    static const char *const models[] = { "models" };
    struct start *t = spn_calloc(1, sizeof *t);
    struct search *f = spn_calloc(1, sizeof *f);
    char text[120];

    if (t == NULL || f == NULL || (f->records = json_array()) == NULL) {
        spn_free(t);
        spn_free(f);
        return spn_fail(err, SPN_ENOMEM, "start: no memory");
    }
    t->screen = s;
    t->list = pane_table.pane(s, "start");
    t->detail = pane_table.pane(s, "detail");
    pane_table.columns(t->list, columns, 3);
    add_rest(t);
    fill(t);
    snprintf(text, sizeof text, "%d threads %s   %.1f GiB free", spn_threads_allowed(),
             spn_isa_name(spn_isa_get()), (double)spn_memory_free_bytes() / (1 << 30));
    pane_table.state(s, text);
    f->start = t;
    if (pane_table.command(s, 1, models, found, searched, f, err) != SPN_OK) {
        json_decref(f->records);
        spn_free(f);
        pane_table.fail(s, err);
    }
    *out = t;
    return SPN_OK;
}

static void close_start(void *view)
{
    struct start *t = view;

    clear(t);
    spn_free(t->entry);
    spn_free(t);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct start *t = view;
    char *model[2] = { "-m", NULL }, *question[3] = { "--reason", "fot:trees=8", NULL };
    const struct entry *e;
    uint64_t id;

    if (a != SPN_WANT_OPEN || !pane_table.choice(t->list, &id) || id < 1 || id > t->n)
        return false;
    e = &t->entry[id - 1];
    if (e->go == NULL)
        return false;
    model[1] = question[2] = e->argument;
    if (e->what == MODEL)
        pane_table.go(t->screen, e->go, 2, model);
    else
        pane_table.go(t->screen, e->go, e->argument != NULL ? 3 : 0, question);
    return true;
}

static void send(void *view, const char *text)
{
    struct start *t = view;
    char *argv[1] = { (char *)text };

    pane_table.go(t->screen, "chat", 1, argv);
}

static const struct spn_want_help acts[] = { { SPN_WANT_OPEN, "", "open", 0 }, { 0 } };

const struct spn_view view_start = {
    .summary = "where to begin",
    .layout = "start 60 | detail",
    .place = 'h',
    .prompt = "ask a model; or a path, or a /command",
    .acts = acts,
    .open = open_start,
    .close = close_start,
    .act = act,
    .chosen = chosen,
    .send = send,
};
