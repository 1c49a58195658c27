/* view.c - the chat screen: a conversation, and the forest of the answer under way. */
#include "config.h"

#include "view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "turn.h"

#define TEXT_MAX    ((size_t)64 << 20) /* bytes of a saved conversation */
#define REDRAW_S    0.1                /* a growing forest is drawn so often at most */
#define FOREST      1                  /* block of the forest pane */
#define OPTIONS_MAX 128

struct talk {
    const struct spn_host *host;
    const struct spn_pane_api *api;
    const struct spn_values_api *values_api;
    struct spn_screen *screen;
    struct spn_pane *transcript, *forest;
    struct spn_option table[OPTIONS_MAX]; /* those of the command, with model and seed */
    struct spn_values *values;
    struct chat c;
    bool open;                   /* C is read and its engine open */
    struct spn_message *message; /* owned: what was said */
    size_t n;
    uint64_t reply; /* its block, while it is under way */
    int again;      /* how often the last question was asked again */
    char *waiting;  /* a message sent while an answer was under way */
    bool busy;
};

enum post_kind { POST_TEXT, POST_FOREST, POST_MODEL };
struct post {
    enum post_kind kind;
    char *text;
    size_t n;
};

struct call { /* one question on its way; its thread's until done() */
    struct talk *talk;
    struct spn_work *work;
    struct turn turn;
    bool asked; /* TURN holds something */
    double drawn;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- on the thread of the call ---- */

static void post(struct call *call, enum post_kind kind, const char *text, size_t n)
{
    struct post *p = spn_calloc(1, sizeof *p);

    if (p == NULL)
        return;
    *p = (struct post){ kind, spn_strndup(text, n), n };
    if (p->text != NULL)
        call->talk->api->work_post(call->work, p);
    else
        spn_free(p);
}

static void on_text(void *ctx, const char *bytes, size_t n)
{
    post(ctx, POST_TEXT, bytes, n);
}

static void post_forest(struct call *call, const struct spn_thoughts *t, int64_t winner)
{
    char *text = call->talk->c.thoughts_api->outline(t, winner);

    if (text != NULL)
        post(call, POST_FOREST, text, strlen(text));
    spn_free(text);
}

static void on_change(void *ctx)
{
    struct call *call = ctx;
    double t = now();

    if (t - call->drawn < REDRAW_S || call->talk->c.growing == NULL)
        return;
    call->drawn = t;
    post_forest(call, call->talk->c.growing, -1);
}

static spn_status open_engine(struct call *call, struct spn_err *err)
{
    struct talk *t = call->talk;
    struct spn_buf text = SPN_BUF_INIT(1000);
    const struct spn_caps *caps;
    spn_status st;

    memset(&t->c, 0, sizeof t->c);
    st = chat_read(&t->c, t->host, NULL, t->values, err);
    if (st == SPN_OK)
        st = t->c.engine_api->open(&t->c.engine, spn_value_str(t->values, "model"), err);
    if (st != SPN_OK) {
        chat_close(&t->c);
        return st;
    }
    t->open = true;
    caps = t->c.engine_api->caps(t->c.engine);
    if (caps != NULL)
        spn_buf_printf(&text, "%s %s  %s  ctx %lld", caps->model, caps->type, caps->device,
                       (long long)caps->context);
    if (text.data != NULL)
        post(call, POST_MODEL, text.data, text.length);
    spn_buf_free(&text);
    return SPN_OK;
}

static spn_status ask_held(struct call *call, struct spn_err *err)
{
    struct talk *t = call->talk;
    const struct spn_answer *a = NULL;
    spn_status st;

    t->c.cancel = t->api->work_cancel(call->work);
    t->c.on_text = on_text;
    t->c.on_change = on_change;
    t->c.ctx = call;
    t->c.seed = (uint64_t)spn_value_int(t->values, "seed") + (uint64_t)t->again;
    call->asked = true;
    st = turn_of_messages(&call->turn, &t->c, t->message, t->n, err);
    if (st == SPN_OK && t->c.reasoner != NULL) {
        st = turn_reason(&call->turn, &t->c, err);
        if (call->turn.thoughts != NULL)
            post_forest(call, call->turn.thoughts, st == SPN_OK ? call->turn.winner : -1);
        return st;
    }
    if (st == SPN_OK)
        st = turn_submit(&call->turn, &t->c, true, err);
    if (st == SPN_OK)
        st = t->c.engine_api->next(t->c.engine, &a, err);
    return st == SPN_OK ? turn_take(&call->turn, &t->c, a, err) : st;
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct call *call = ctx;
    struct talk *t = call->talk;
    spn_status st = SPN_OK;

    call->work = w;
    if (!t->open)
        st = open_engine(call, err);
    if (st == SPN_OK) /* another chat may be asking it */
        st = t->c.engine_api->hold(t->c.engine, t->api->work_cancel(w), err);
    if (st != SPN_OK)
        return st;
    st = ask_held(call, err);
    t->c.engine_api->release(t->c.engine);
    return st;
}

/* ---- on the main thread ---- */

static bool add_message(struct talk *t, const char *role, const char *content)
{
    struct spn_message m = { spn_strdup(role), spn_strdup(content), NULL };
    struct spn_message *more = spn_realloc(t->message, t->n + 1, sizeof *more);

    if (more != NULL)
        t->message = more;
    if (more == NULL || m.role == NULL || m.content == NULL) {
        spn_free((char *)m.role);
        spn_free((char *)m.content);
        return false;
    }
    t->message[t->n++] = m;
    return true;
}

/* Forget all but the first N messages. */
static void cut_messages(struct talk *t, size_t n)
{
    while (t->n > n) {
        t->n--;
        spn_free((char *)t->message[t->n].role);
        spn_free((char *)t->message[t->n].content);
    }
}

/* Marks of Markdown; a text without them keeps its lines. */
static enum spn_text_format format_of(const char *text)
{
    return strstr(text, "```") != NULL || strstr(text, "**") != NULL ||
                   strstr(text, "\n\n") != NULL || strncmp(text, "# ", 2) == 0
               ? SPN_TEXT_MARKDOWN
               : SPN_TEXT_PLAIN;
}

static void show_rule(struct talk *t)
{
    const char *budget = spn_value_str(t->values, "budget");
    struct spn_buf b = SPN_BUF_INIT(1000);

    spn_buf_printf(&b, "reason %s   task %s", spn_value_str(t->values, "reason"),
                   spn_value_str(t->values, "task"));
    if (budget != NULL)
        spn_buf_printf(&b, "   budget %s", budget);
    if (t->waiting != NULL)
        spn_buf_puts(&b, "   1 message waits");
    t->api->rule(t->screen, b.data);
    spn_buf_free(&b);
}

static void message(void *ctx, void *message_take)
{
    struct call *call = ctx;
    struct talk *t = call->talk;
    struct post *p = message_take;

    switch (p->kind) {
    case POST_TEXT:
        t->api->append(t->transcript, t->reply, p->text, p->n);
        break;
    case POST_FOREST:
        t->api->block(t->forest, FOREST, SPN_TEXT_CODE, NULL, SPN_STYLE_TEXT, p->text, p->n);
        break;
    case POST_MODEL:
        t->api->state(t->screen, p->text);
        break;
    }
    spn_free(p->text);
    spn_free(p);
}

static void ask(struct talk *t);

static void show_reply(struct talk *t, const struct turn *turn)
{
    const char *text = turn->text != NULL ? turn->text : "";
    struct spn_buf head = SPN_BUF_INIT(1000);

    spn_buf_printf(&head, "%lld tokens  %.1f s", (long long)turn->tokens_out, turn->seconds);
    if (turn->calls > 1)
        spn_buf_printf(&head, "  %lld calls", (long long)turn->calls);
    if (turn->checked >= 0)
        spn_buf_puts(&head, turn->checked == 1 ? "  checked: true" : "  checked: false");
    if (strcmp(turn->ended, "answer") != 0)
        spn_buf_printf(&head, "  ended by: %s", turn->ended);
    t->api->block(t->transcript, t->reply, format_of(text), head.data, SPN_STYLE_MODEL, text,
                  strlen(text));
    spn_buf_free(&head);
    if (!add_message(t, "assistant", text))
        t->api->say(t->screen, "no memory to keep this answer");
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct call *call = ctx;
    struct talk *t = call->talk;

    t->busy = false;
    if (call->turn.done) {
        show_reply(t, &call->turn);
    } else {
        t->api->block(t->transcript, t->reply, SPN_TEXT_PLAIN, "no answer", SPN_STYLE_DIM, "", 0);
        if (st != SPN_OK && st != SPN_ECANCEL)
            t->api->fail(t->screen, err);
        cut_messages(t, t->n - 1); /* it can be sent again: history has it */
    }
    if (call->asked)
        turn_free(&call->turn, &t->c);
    spn_free(call);
    if (t->waiting != NULL && add_message(t, "user", t->waiting)) {
        spn_free(t->waiting);
        t->waiting = NULL;
        ask(t);
    }
    show_rule(t);
}

/* Answer the last message, which is the person's. */
static void ask(struct talk *t)
{
    const char *text = t->message[t->n - 1].content;
    struct call *call = spn_calloc(1, sizeof *call);
    struct spn_work_spec spec = { "answering", call, run, message, done };
    struct spn_err err = SPN_ERR_INIT;

    t->api->block(t->transcript, 2 * t->n, SPN_TEXT_PLAIN, "you", SPN_STYLE_USER, text,
                  strlen(text));
    t->reply = 2 * t->n + 1;
    t->api->block(t->transcript, t->reply, SPN_TEXT_PLAIN, "...", SPN_STYLE_MODEL, "", 0);
    t->api->clear(t->forest);
    if (call == NULL) {
        t->api->say(t->screen, "no memory for a question");
        return;
    }
    call->talk = t;
    t->busy = true;
    if (t->api->work(t->screen, &spec, &err) != SPN_OK) {
        t->busy = false;
        t->api->fail(t->screen, &err);
        cut_messages(t, t->n - 1);
        spn_free(call);
    }
}

static void send(void *view, const char *text)
{
    struct talk *t = view;

    if (text[0] == '\0')
        return;
    if (t->busy) {
        spn_free(t->waiting);
        t->waiting = spn_strdup(text);
        show_rule(t);
        return;
    }
    t->again = 0;
    if (add_message(t, "user", text))
        ask(t);
    else
        t->api->say(t->screen, "no memory for a question");
}

static void again(struct talk *t)
{
    if (t->busy || t->n == 0) {
        t->api->say(t->screen, t->busy ? "an answer is under way" : "nothing was asked yet");
        return;
    }
    if (strcmp(t->message[t->n - 1].role, "assistant") == 0)
        cut_messages(t, t->n - 1);
    t->again++;
    ask(t);
}

/* An option for the answers from now on. */
static spn_status set(struct talk *t, const char *name, const char *value, struct spn_err *err)
{
    spn_status st = t->busy ? spn_fail(err, SPN_EUSAGE, "%s: an answer is under way", name)
                            : t->values_api->set(t->values, name, value, err);

    if (st == SPN_OK && t->open) {
        chat_close(&t->c);
        t->open = false;
    }
    show_rule(t);
    return st;
}

static spn_status save(struct talk *t, const char *path, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);
    spn_status st;

    for (size_t i = 0; i < t->n; i++)
        spn_buf_printf(&b, "## %s\n\n%s\n\n", t->message[i].role, t->message[i].content);
    st = b.failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory for the conversation", path)
                  : spn_file_write(path, b.data != NULL ? b.data : "", b.length, err);
    spn_buf_free(&b);
    if (st == SPN_OK)
        t->api->say(t->screen, "saved");
    return st;
}

static bool slash(void *view, const char *name, const char *args, struct spn_err *err)
{
    static const char *const options[] = { "reason", "task", "system", "budget", "temp", "model" };
    struct talk *t = view;

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i], name) == 0)
            return set(t, name, args, err) == SPN_OK;
    if (strcmp(name, "save") == 0)
        return save(t, args, err) == SPN_OK;
    if (strcmp(name, "new") == 0 && !t->busy) {
        cut_messages(t, 0);
        t->api->clear(t->transcript);
        t->api->clear(t->forest);
        return true;
    }
    return spn_fail(err, SPN_EUSAGE, "%s: an answer is under way", name) == SPN_OK;
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    if (a == SPN_WANT_RUN_AGAIN) {
        again(view);
        return true;
    }
    return false;
}

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

static void command(void *view, struct spn_buf *out)
{
    static const char *const options[] = { "model",  "reason", "task", "system",
                                           "budget", "temp",   "seed" };
    struct talk *t = view;
    size_t last = t->n;

    spn_buf_puts(out, "spinney chat");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct spn_option *o = spn_option_find(t->table, options[i], strlen(options[i]));

        if (o == NULL || !spn_value_given(t->values, o->name))
            continue;
        spn_buf_printf(out, " --%s ", o->name);
        if (o->kind == SPN_OPT_INT)
            spn_buf_printf(out, "%lld", (long long)spn_value_int(t->values, o->name));
        else if (o->kind == SPN_OPT_FLOAT)
            spn_buf_printf(out, "%.9g", spn_value_float(t->values, o->name));
        else
            put_quoted(out, spn_value_str(t->values, o->name));
    }
    while (last > 0 && strcmp(t->message[last - 1].role, "user") != 0)
        last--;
    if (last > 0) {
        spn_buf_puts(out, " -p ");
        put_quoted(out, t->message[last - 1].content);
    }
}

static void close_view(void *view)
{
    struct talk *t = view;

    if (t->open)
        chat_close(&t->c);
    cut_messages(t, 0);
    spn_free(t->message);
    spn_free(t->waiting);
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

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    static const char hint[] =
        "Ask below; the answer comes here. /reason fot:trees=8 lets a forest "
        "of thoughts answer, and shows it beside.";
    struct talk *t = spn_calloc(1, sizeof *t);
    const char *text = NULL;
    spn_status st;

    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat: no memory");
    t->host = h;
    t->api = h->query("pane", 1);
    t->values_api = h->query("values", 1);
    t->screen = s;
    t->transcript = t->api->pane(s, "transcript");
    t->forest = t->api->pane(s, "forest");
    st = make_values(t, err);
    for (int i = 0; i < argc && st == SPN_OK; i++) {
        bool two = i + 1 < argc;

        if (two && strcmp(argv[i], "-m") == 0)
            st = t->values_api->set(t->values, "model", argv[++i], err);
        else if (two && strcmp(argv[i], "--reason") == 0)
            st = t->values_api->set(t->values, "reason", argv[++i], err);
        else
            text = argv[i];
    }
    if (st != SPN_OK) {
        close_view(t);
        return st;
    }
    *out = t;
    t->api->heading(s, "chat");
    t->api->block(t->transcript, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_DIM, hint, sizeof hint - 1);
    show_rule(t);
    if (text != NULL)
        send(t, text);
    return SPN_OK;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_RUN_AGAIN, "transcript", "ask again", 0 },
    { 0 },
};

static const struct spn_slash slashes[] = {
    { "reason", "NAME[:OPTIONS]|none", "how a question is turned into calls" },
    { "task", "NAME|auto", "what kind of question it is" },
    { "model", "NAME|PATH", "who answers from now on" },
    { "system", "TEXT", "what is said to the model first" },
    { "budget", "time=60s,calls=N,tokens=N", "where an answer ends" },
    { "temp", "T", "temperature of a plain reply" },
    { "save", "FILE", "the conversation as Markdown" },
    { "new", "", "forget this conversation" },
    { 0 },
};

const struct spn_view chat_view = {
    .summary = "converse with a model; see its forest grow",
    .layout = "transcript 58 | forest",
    .place = 'c',
    .prompt = "ask; / for commands",
    .acts = acts,
    .slashes = slashes,
    .open = open_view,
    .close = close_view,
    .act = act,
    .send = send,
    .slash = slash,
    .command = command,
};
