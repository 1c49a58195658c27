/* show.c - the transcript, and the rows around it: heading, rule. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "talk.h"

#define HINT_BLOCK  1
#define FIRST_BLOCK 16 /* block of turn 0 */
#define REPLY_BLOCK 2  /* of an answer under way */

static const char hint[] =
    "Ask below; the answer comes here. /reason fot:trees=8 lets a forest of thoughts answer, and "
    "shows it beside. Esc, then ? for the keys: e edit, r again, b branch, , . versions, p "
    "probabilities, m model.";

void talk_say(struct talk *t, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->api->say(t->screen, text);
}

/* Marks of Markdown; a text without them keeps its lines. */
static enum spn_text_format format_of(const char *text)
{
    return strstr(text, "```") != NULL || strstr(text, "**") != NULL ||
                   strstr(text, "\n\n") != NULL || strncmp(text, "# ", 2) == 0 ||
                   strstr(text, "\n- ") != NULL || strstr(text, "\n| ") != NULL
               ? SPN_TEXT_MARKDOWN
               : SPN_TEXT_PLAIN;
}

static size_t words_in(const char *text, size_t n)
{
    size_t words = 0;
    bool inside = false;

    for (size_t i = 0; i < n; i++) {
        bool blank = text[i] == ' ' || text[i] == '\n' || text[i] == '\t';

        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

/* The thinking of an answer: a line, or all of it as a quotation. */
static void put_thinking(struct spn_buf *b, const struct said *s, size_t n, bool open)
{
    const char *text = s->text;

    if (!s->unfolded) {
        spn_buf_printf(b, "> thinking, %zu words%s: t shows them\n\n", words_in(text, n),
                       open ? ", not ended" : "");
        return;
    }
    for (size_t i = 0; i < n;) {
        size_t k = strcspn(text + i, "\n");

        if (i + k > n)
            k = n - i;
        spn_buf_puts(b, "> ");
        spn_buf_add(b, text + i, k);
        spn_buf_puts(b, "\n");
        i += k + 1;
    }
    spn_buf_puts(b, "\n");
}

static void put_head(struct spn_buf *b, const struct talk *t, size_t i)
{
    const struct said *s = &t->said.item[i];
    time_t at = (time_t)s->at;
    char when[20] = "";
    struct tm parts;
    int which, of;

    spn_buf_puts(b, s->user ? "you" : s->model != NULL ? s->model : "answer");
    sayings_versions(&t->said, i, &which, &of);
    if (of > 1)
        spn_buf_printf(b, "  < %d/%d >", which, of);
    if (localtime_r(&at, &parts) != NULL)
        strftime(when, sizeof when, "%H:%M", &parts);
    spn_buf_printf(b, "\t%s", when);
}

static void show_turn(struct talk *t, size_t i)
{
    const struct said *s = &t->said.item[i];
    struct spn_buf head = SPN_BUF_INIT(1000), text = SPN_BUF_INIT((size_t)64 << 20);
    bool open;
    size_t thinking = s->user ? 0 : said_thinking(s->text, &open);
    enum spn_text_format format = s->user ? SPN_TEXT_PLAIN : format_of(s->text + thinking);

    put_head(&head, t, i);
    if (thinking > 0) {
        put_thinking(&text, s, thinking, open);
        spn_buf_puts(&text, s->text + thinking);
        format = SPN_TEXT_MARKDOWN;
    }
    t->api->block(t->transcript, FIRST_BLOCK + i, format, head.data,
                  s->user ? SPN_STYLE_USER : SPN_STYLE_MODEL,
                  text.data != NULL ? text.data : s->text,
                  text.data != NULL ? text.length : strlen(s->text));
    t->api->foot(t->transcript, FIRST_BLOCK + i, s->figures);
    spn_buf_free(&head);
    spn_buf_free(&text);
}

void show_transcript(struct talk *t)
{
    size_t *path = spn_calloc(t->said.n + 1, sizeof *path), n;
    uint64_t chosen;
    bool was = t->api->choice(t->transcript, &chosen) && chosen >= FIRST_BLOCK, there = false;

    if (path == NULL)
        return;
    n = sayings_path(&t->said, t->said.leaf, path);
    if (n < t->shown || n == 0) /* a branch may be shorter: begin anew */
        t->api->clear(t->transcript);
    t->api->remove(t->transcript, REPLY_BLOCK);
    for (size_t i = 0; i < t->said.n; i++) {
        bool on = false;

        for (size_t k = 0; k < n && !on; k++)
            on = path[k] == i;
        if (!on)
            t->api->remove(t->transcript, FIRST_BLOCK + i);
        there |= on && was && chosen == FIRST_BLOCK + i;
    }
    t->api->remove(t->transcript, HINT_BLOCK);
    if (n == 0)
        t->api->block(t->transcript, HINT_BLOCK, SPN_TEXT_PLAIN, NULL, SPN_STYLE_DIM, hint,
                      sizeof hint - 1);
    for (size_t i = 0; i < n; i++)
        show_turn(t, path[i]);
    if (there && n <= t->shown) /* what is new is followed */
        t->api->choose(t->transcript, chosen);
    t->shown = n;
    spn_free(path);
}

uint64_t call_block(const struct talk *t)
{
    return REPLY_BLOCK;
}

void show_reply(struct talk *t)
{
    show_transcript(t);
    t->api->block(t->transcript, REPLY_BLOCK, SPN_TEXT_PLAIN, "...", SPN_STYLE_MODEL, "", 0);
}

void show_growing(struct talk *t)
{
    struct spn_buf b = SPN_BUF_INIT(1000);
    int64_t calls = 0, tokens = 0;
    int trees = grove_trees(&t->grove), best = grove_best(&t->grove);

    for (int i = 0; i < trees; i++) {
        struct grove_tree x = grove_tree(&t->grove, i);

        calls += x.calls;
        tokens += x.tokens;
    }
    spn_buf_printf(&b, "%d trees, %d growing: %lld calls, %lld tokens", trees,
                   grove_growing(&t->grove), (long long)calls, (long long)tokens);
    if (best >= 0) {
        int64_t at = grove_furthest(&t->grove, best);

        if (at >= 0)
            spn_buf_printf(&b, "\nnearest: tree %d, %.60s", best + 1, t->grove.node[at].text);
    }
    t->api->block(t->transcript, REPLY_BLOCK, SPN_TEXT_PLAIN, "...", SPN_STYLE_MODEL,
                  b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

size_t show_chosen(const struct talk *t)
{
    uint64_t id;

    return t->api->choice(t->transcript, &id) && id >= FIRST_BLOCK && id - FIRST_BLOCK < t->said.n
               ? (size_t)(id - FIRST_BLOCK)
               : t->said.leaf;
}

void show_choose(struct talk *t, size_t i)
{
    t->api->choose(t->transcript, FIRST_BLOCK + i);
}

void show_rule(struct talk *t)
{
    const char *budget = spn_value_str(t->values, "budget");
    const char *reason = spn_value_str(t->values, "reason");
    struct spn_buf b = SPN_BUF_INIT(1000);

    spn_buf_printf(&b, "%s   task %s", reason, spn_value_str(t->values, "task"));
    if (budget != NULL)
        spn_buf_printf(&b, "   budget %s", budget);
    if (spn_value_given(t->values, "temp"))
        spn_buf_printf(&b, "   temp %.3g", spn_value_float(t->values, "temp"));
    if (t->keep.private)
        spn_buf_puts(&b, "   private");
    else if (t->keep.off)
        spn_buf_puts(&b, "   not kept");
    if (t->editing)
        spn_buf_puts(&b, "   a new branch: u takes it back");
    if (t->waiting != NULL)
        spn_buf_puts(&b, "   1 message waits");
    t->api->rule(t->screen, b.data);
    spn_buf_free(&b);
}

void show_heading(struct talk *t)
{
    struct spn_buf b = SPN_BUF_INIT(1000);

    spn_buf_puts(&b, "chat");
    if (t->keep.title != NULL && t->keep.title[0] != '\0')
        spn_buf_printf(&b, ": %.120s", t->keep.title);
    t->api->heading(t->screen, b.data);
    spn_buf_free(&b);
}
