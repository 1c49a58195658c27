/* view.c - the chat screen: what a person sends, asks for by key and by name. */
#include "config.h"

#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "talk.h"

#define TEXT_MAX ((size_t)256 << 20) /* bytes of a conversation that is written */

/* Options that are kept with a conversation and shown by `=`. */
static const char *const kept_options[] = { "model",  "reason", "task", "system",
                                            "budget", "temp",   "seed" };
#define N_KEPT (sizeof kept_options / sizeof *kept_options)

static void send(void *view, const char *text)
{
    if (text[0] != '\0')
        talk_send(view, text);
}

/* ---- options ---- */

/* The engine is read again with the next question. */
static void changed(void *ctx)
{
    struct talk *t = ctx;

    if (t->open && t->call == NULL && !t->probing) {
        probe_end(t);
        chat_close(&t->c);
        t->open = false;
    }
    show_rule(t);
}

spn_status talk_set(struct talk *t, const char *name, const char *value, struct spn_err *err)
{
    spn_status st = t->call != NULL || t->probing
                        ? spn_fail(err, SPN_EUSAGE, "%s: an answer is under way", name)
                        : t->values_api->set(t->values, name, value, err);

    if (st == SPN_OK)
        changed(t);
    return st;
}

static bool given(const struct talk *t, const char *name, struct spn_buf *value)
{
    const struct spn_option *o = spn_option_find(t->table, name, strlen(name));

    if (o == NULL || !spn_value_given(t->values, o->name))
        return false;
    spn_buf_trim(value, 0);
    if (o->kind == SPN_OPT_INT)
        spn_buf_printf(value, "%lld", (long long)spn_value_int(t->values, o->name));
    else if (o->kind == SPN_OPT_FLOAT)
        spn_buf_printf(value, "%.9g", spn_value_float(t->values, o->name));
    else
        spn_buf_puts(value, spn_value_str(t->values, o->name));
    return value->data != NULL;
}

void talk_settings(const struct talk *t, struct spn_buf *out)
{
    struct spn_buf value = SPN_BUF_INIT(1 << 16);
    json_t *o = json_object();
    char *text;

    for (size_t i = 0; i < N_KEPT; i++)
        if (given(t, kept_options[i], &value))
            json_object_set_new(o, kept_options[i], json_string(value.data));
    text = json_dumps(o, JSON_COMPACT);
    spn_buf_puts(out, text != NULL ? text : "{}");
    free(text);
    json_decref(o);
    spn_buf_free(&value);
}

/* What a conversation was held with holds again, where nothing else was asked for. */
static void take_settings(struct talk *t, const char *text)
{
    json_t *o = json_loads(text, 0, NULL);

    for (size_t i = 0; i < N_KEPT; i++) {
        const char *value = json_string_value(json_object_get(o, kept_options[i]));

        if (value != NULL && !spn_value_given(t->values, kept_options[i]))
            t->values_api->set(t->values, kept_options[i], value, NULL);
    }
    json_decref(o);
}

/* ---- commands ---- */

static spn_status save(struct talk *t, const char *path, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);
    size_t n = strlen(path);
    spn_status st;

    if (n == 0)
        return spn_fail(err, SPN_EUSAGE,
                        "save: a file is needed: .md is Markdown, .json all of it");
    if (n > 5 && strcmp(path + n - 5, ".json") == 0) {
        json_t *j = sayings_json(&t->said, t->keep.title);
        char *text = j != NULL ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;

        if (text != NULL)
            spn_buf_printf(&b, "%s\n", text);
        else
            b.failed = true;
        free(text);
        json_decref(j);
    } else {
        sayings_markdown(&t->said, t->keep.title, &b);
    }
    st = b.failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory for the conversation", path)
                  : spn_file_write(path, b.data != NULL ? b.data : "", b.length, err);
    spn_buf_free(&b);
    if (st == SPN_OK)
        talk_say(t, "saved: %s", path);
    return st;
}

static void forget(struct talk *t)
{
    probe_end(t);
    panel_clear(t);
    sayings_clear(&t->said);
    keep_free(&t->keep);
    t->keep = (struct keep){ .api = t->keep.api, .private = t->keep.private };
    t->editing = false;
    t->branch = t->undo = SAID_NONE;
    t->api->clear(t->transcript);
    t->shown = 0;
    show_transcript(t);
    show_heading(t);
    show_rule(t);
}

static spn_status load(struct talk *t, int64_t id, struct spn_err *err)
{
    struct sayings said = { .leaf = SAID_NONE };
    struct keep keep = { .api = t->keep.api };
    char *settings = NULL, *model = NULL;
    spn_status st = keep_load(&keep, &said, id, &model, &settings, err);

    if (st != SPN_OK) {
        sayings_clear(&said);
        keep_free(&keep);
    } else {
        forget(t);
        keep_free(&t->keep);
        t->keep = keep;
        t->said = said;
        if (settings != NULL)
            take_settings(t, settings);
        show_transcript(t);
        panel_turn(t, t->said.leaf);
        show_heading(t);
        show_rule(t);
    }
    spn_free(settings);
    spn_free(model);
    return st;
}

static spn_status private(struct talk *t, struct spn_err *err)
{
    if (t->keep.chat != 0)
        return spn_fail(err, SPN_EUSAGE,
                        "private: this conversation is on the disk already; /new "
                        "begins one, then /private");
    t->keep.private = !t->keep.private;
    talk_say(t, t->keep.private ? "this conversation stays off the disk"
                                : "this conversation is kept");
    show_rule(t);
    return SPN_OK;
}

static bool slash(void *view, const char *name, const char *args, struct spn_err *err)
{
    static const char *const options[] = { "reason", "task",  "system", "budget",
                                           "temp",   "think", "seed",   "max-tokens" };
    struct talk *t = view;

    if (strcmp(name, "model") == 0 && args[0] == '\0') {
        talk_models(t);
        return true;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i], name) == 0)
            return talk_set(t, name, args, err) == SPN_OK;
    if (strcmp(name, "model") == 0)
        return talk_set(t, name, args, err) == SPN_OK;
    if (strcmp(name, "save") == 0)
        return save(t, args, err) == SPN_OK;
    if (strcmp(name, "private") == 0)
        return private(t, err) == SPN_OK;
    if (t->call != NULL || t->probing)
        return spn_fail(err, SPN_EUSAGE, "%s: an answer is under way", name) == SPN_OK;
    if (strcmp(name, "new") == 0)
        forget(t);
    else if (strcmp(name, "continue") == 0)
        return load(t, strtoll(args, NULL, 10), err) == SPN_OK;
    else if (strcmp(name, "title") == 0)
        return keep_rename(&t->keep, args, err) == SPN_OK ? (show_heading(t), true) : false;
    else if (strcmp(name, "retry") == 0)
        talk_again(t, t->said.leaf);
    else if (strcmp(name, "undo") == 0)
        talk_undo(t);
    return true;
}

/* ---- keys ---- */

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct talk *t = view;
    size_t i = show_chosen(t);

    if (p != NULL && panel_is(t, p) && panel_act(t, p, a, n))
        return true;
    if (p == t->transcript && probe_act(t, a))
        return true;
    switch (a) {
    case SPN_WANT_RUN_AGAIN:
        talk_again(t, i);
        return true;
    case SPN_WANT_EDIT:
        talk_edit(t, i);
        return true;
    case SPN_WANT_BRANCH:
        talk_branch(t, i);
        return true;
    case SPN_WANT_UNDO:
        talk_undo(t);
        return true;
    case SPN_WANT_SERIES_BACK:
    case SPN_WANT_SERIES_ON:
        talk_version(t, i, a == SPN_WANT_SERIES_ON ? 1 : -1);
        return true;
    case SPN_WANT_FOLD:
        talk_fold(t, i);
        return true;
    case SPN_WANT_PROBE:
        probe_start(t, i);
        return true;
    case SPN_WANT_MODEL:
        talk_models(t);
        return true;
    case SPN_WANT_OPTIONS:
        if (talk_idle(t))
            t->api->popup_form(t->screen, "options of the answers from now on", t->values, changed,
                               t);
        return true;
    case SPN_WANT_OPEN: /* a message: its forest beside */
        panel_turn(t, i);
        return true;
    default:
        return false;
    }
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct talk *t = view;

    if (panel_is(t, p))
        panel_chosen(t, p, id);
    else if (!t->probe.on)
        panel_turn(t, show_chosen(t));
}

static void timer(void *view)
{
    panel_timer(view);
}

/* ---- the equal command ---- */

/* TEXT in single quotes for a shell. */
static void put_quoted(struct spn_buf *out, const char *text)
{
    spn_buf_puts(out, "'");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            spn_buf_puts(out, "'\\''");
        else
            spn_buf_add(out, text, 1);
    spn_buf_puts(out, "'");
}

/* The branch up to the question before I as a record. */
static void put_messages(struct spn_buf *out, const struct talk *t, const size_t *path, size_t n)
{
    json_t *list = json_array(), *o = json_object();
    char *text;

    for (size_t i = 0; i < n; i++) {
        const struct said *s = &t->said.item[path[i]];
        bool open;

        json_array_append_new(list, json_pack("{s:s, s:s}", "role", s->user ? "user" : "assistant",
                                              "content",
                                              s->user ? s->text
                                                      : s->text + said_thinking(s->text, &open)));
    }
    json_object_set_new(o, "messages", list);
    text = json_dumps(o, JSON_COMPACT);
    spn_buf_puts(out, "printf '%s\\n' ");
    put_quoted(out, text != NULL ? text : "");
    spn_buf_puts(out, " | ");
    free(text);
    json_decref(o);
}

static void command(void *view, struct spn_buf *out)
{
    struct talk *t = view;
    struct spn_buf value = SPN_BUF_INIT(1 << 16);
    size_t *path = spn_calloc(t->said.n + 1, sizeof *path), n = 0, i = show_chosen(t);
    int which = 1, of;

    if (path != NULL && i != SAID_NONE) {
        if (!t->said.item[i].user) { /* the answer that is looked at, with the seed it had */
            sayings_versions(&t->said, i, &which, &of);
            i = t->said.item[i].parent;
        }
        if (i != SAID_NONE)
            n = sayings_path(&t->said, i, path);
    }
    if (n > 1 && strcmp(spn_value_str(t->values, "reason"), "none") != 0) {
        path[0] = path[n - 1]; /* a reasoner is asked the question alone */
        n = 1;
    }
    if (n > 1)
        put_messages(out, t, path, n);
    spn_buf_puts(out, "spinney chat");
    for (i = 0; i < N_KEPT; i++) {
        if (strcmp(kept_options[i], "seed") == 0 || !given(t, kept_options[i], &value))
            continue;
        spn_buf_printf(out, " --%s ", kept_options[i]);
        if (value.data[strspn(value.data, "0123456789.")] == '\0')
            spn_buf_puts(out, value.data);
        else
            put_quoted(out, value.data);
    }
    if (which > 1 || spn_value_given(t->values, "seed"))
        spn_buf_printf(out, " --seed %lld",
                       (long long)spn_value_int(t->values, "seed") + which - 1);
    if (n == 1) {
        spn_buf_puts(out, " -p ");
        put_quoted(out, t->said.item[path[0]].text);
    }
    spn_free(path);
    spn_buf_free(&value);
}

/* ---- life ---- */

static void close_view(void *view)
{
    struct talk *t = view;

    probe_end(t);
    if (t->transcript != NULL)
        panel_clear(t);
    if (t->open)
        chat_close(&t->c);
    sayings_clear(&t->said);
    keep_free(&t->keep);
    spn_free(t->waiting);
    spn_free(t->prefill);
    spn_free(t->model);
    if (t->values != NULL)
        t->values_api->free_(t->values);
    spn_free(t);
}

/* The options of the command and the two that the host adds to it. */
static spn_status make_values(struct talk *t, struct spn_err *err)
{
    static const struct spn_option more[] = {
        { "model", SPN_OPT_STRING, .letter = 'm', .help = "the model that answers" },
        { "seed", SPN_OPT_INT, .dflt.i = 1, .help = "seed of what is drawn" },
    };
    size_t n = 0;

    while (chat_options[n].name != NULL && n + 3 < OPTIONS_MAX) {
        t->table[n] = chat_options[n];
        n++;
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (spn_option_find(t->table, more[i].name, strlen(more[i].name)) == NULL)
            t->table[n++] = more[i];
    return t->values_api->parse(&t->values, t->table, NULL, "chat", err);
}

/* "-m MODEL", "--reason R", "--continue ID", or the first question. */
static spn_status take_arguments(struct talk *t, int argc, char **argv, const char **text,
                                 struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int i = 0; i < argc && st == SPN_OK; i++) {
        bool two = i + 1 < argc;

        if (two && strcmp(argv[i], "-m") == 0)
            st = t->values_api->set(t->values, "model", argv[++i], err);
        else if (two && strncmp(argv[i], "--", 2) == 0 &&
                 spn_option_find(t->table, argv[i] + 2, strlen(argv[i] + 2)) != NULL &&
                 strcmp(argv[i], "--continue") != 0) {
            st = t->values_api->set(t->values, argv[i] + 2, argv[i + 1], err);
            i++;
        } else if (strcmp(argv[i], "--continue") == 0) {
            st = load(t, two ? strtoll(argv[i + 1], NULL, 10) : 0, err);
            i += two;
        } else {
            *text = argv[i];
        }
    }
    return st;
}

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    struct talk *t = spn_calloc(1, sizeof *t);
    const char *text = NULL;
    spn_status st;

    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat: no memory");
    t->host = h;
    t->api = h->query("pane", 1);
    t->values_api = h->query("values", 1);
    t->keep.api = h->query("store", 1);
    t->screen = s;
    t->said.leaf = t->branch = t->undo = t->grove_turn = SAID_NONE;
    t->tree = -1;
    t->transcript = t->api->pane(s, "transcript");
    t->trees = t->api->pane(s, "trees");
    t->outline = t->api->pane(s, "tree");
    t->answers = t->api->pane(s, "answers");
    t->node = t->api->pane(s, "node");
    panel_clear(t);
    st = make_values(t, err);
    show_heading(t);
    if (st == SPN_OK)
        show_transcript(t);
    if (st == SPN_OK)
        st = take_arguments(t, argc, argv, &text, err);
    if (st != SPN_OK) {
        close_view(t);
        return st;
    }
    *out = t;
    show_rule(t);
    if (text != NULL)
        send(t, text);
    return SPN_OK;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_RUN_AGAIN, "transcript", "ask again", 0 },
    { SPN_WANT_EDIT, "transcript", "edit", 0 },
    { SPN_WANT_BRANCH, "transcript", "branch here", 0 },
    { SPN_WANT_SERIES_BACK, "transcript", "version before", 0 },
    { SPN_WANT_SERIES_ON, "transcript", "next version", 0 },
    { SPN_WANT_PROBE, "transcript", "probabilities", 0 },
    { SPN_WANT_FOLD, "transcript", "thinking", 0 },
    { SPN_WANT_UNDO, "transcript", "undo", 0 },
    { SPN_WANT_MODEL, "", "model", 0 },
    { SPN_WANT_OPTIONS, "", "options", 0 },
    { SPN_WANT_OPEN, "trees", "this tree", 0 },
    { SPN_WANT_OPEN, "tree", "the thought", 0 },
    { SPN_WANT_SPACE, "trees", "replay", 0 },
    { SPN_WANT_SPACE, "tree", "replay", 0 },
    { SPN_WANT_SERIES_BACK, "trees", "step back", 0 },
    { SPN_WANT_SERIES_ON, "trees", "step on", 0 },
    { SPN_WANT_SERIES_BACK, "tree", "step back", 0 },
    { SPN_WANT_SERIES_ON, "tree", "step on", 0 },
    { SPN_WANT_ADD, "trees", "a tree more", 0 },
    { SPN_WANT_REMOVE, "trees", "end this tree", 0 },
    { SPN_WANT_PART, "trees", "that tree", 0 },
    { SPN_WANT_FOLLOW, "trees", "follow the best", 0 },
    { SPN_WANT_PROBE, "tree", "its prompt", 0 },
    { 0 },
};

static const struct spn_slash slashes[] = {
    { "reason", "NAME[:OPTIONS]|none", "how a question is turned into calls" },
    { "task", "NAME|auto", "what kind of question it is" },
    { "model", "[NAME|PATH|URL]", "who answers from now on; alone: choose one" },
    { "system", "TEXT", "what is said to the model first" },
    { "budget", "time=60s,calls=N,tokens=N", "where an answer ends" },
    { "temp", "T", "temperature of a plain reply" },
    { "seed", "N", "seed of what is drawn" },
    { "think", "on|off|auto", "thinking before the answer, where the model can" },
    { "max-tokens", "N", "the longest answer" },
    { "retry", "", "ask the last question again" },
    { "undo", "", "back to the branch before" },
    { "save", "FILE", "the conversation as Markdown, or JSON where FILE ends in .json" },
    { "title", "TEXT", "what the conversation is called" },
    { "continue", "[ID]", "an earlier conversation; alone: the last one" },
    { "private", "", "keep this conversation off the disk, or again on it" },
    { "new", "", "begin another conversation" },
    { 0 },
};

const struct spn_view chat_view = {
    .summary = "converse with a model; see its forest grow",
    .layout = "transcript 52 | (trees 34 / tree / answers 18)",
    .wide = "transcript 38 | (trees 28 / tree / answers 20) 36 | node",
    .place = 'c',
    .prompt = "ask; / for commands",
    .acts = acts,
    .slashes = slashes,
    .open = open_view,
    .close = close_view,
    .act = act,
    .chosen = chosen,
    .send = send,
    .slash = slash,
    .command = command,
    .timer = timer,
};
