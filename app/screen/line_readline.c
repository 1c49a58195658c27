/* line_readline.c - line.h on readline's callback interface: the only file that knows it.
 *
 * The program owns the terminal's bytes; readline gets whole units (one character, one sequence)
 * and never touches the terminal, signals or the environment. */
#include "config.h"

#ifdef HAVE_READLINE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/mem.h"
#include "screen/history.h"
#include "screen/line.h"

#define LISTS_MAX 32
#define CONTROL_X 0x18

static char queue[32];
static size_t head, tail;
static FILE *nowhere;
static char *ended; /* the line that the handler got */
static bool closed;
/* Past lines of each screen: readline keeps one list at a time. */
static struct {
    char name[64];
    HISTORY_STATE *state;
} lists[LISTS_MAX];
static size_t n_lists, current;

static int key_pop(FILE *unused)
{
    (void)unused;
    return head < tail ? (unsigned char)queue[head++] : EOF;
}

static int key_there(void)
{
    return head < tail;
}

static void no_redisplay(void)
{
}

static void no_matches(char **matches, int n, int longest)
{
}

static void on_line(char *text)
{
    spn_free(ended);
    ended = spn_strdup(text != NULL ? text : "");
    closed = text == NULL;
    free(text); /* readline's own malloc */
}

const char *line_kind(void)
{
    static char kind[32];

    snprintf(kind, sizeof kind, "readline %s", rl_library_version);
    return kind;
}

spn_status line_start(int columns, struct spn_err *err)
{
    nowhere = fopen("/dev/null", "r+");
    if (nowhere == NULL)
        return spn_fail(err, SPN_EIO, "/dev/null: cannot be opened");
    rl_catch_signals = rl_catch_sigwinch = rl_change_environment = 0;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = key_pop;
    rl_input_available_hook = key_there;
    rl_redisplay_function = no_redisplay;
    rl_completion_display_matches_hook = no_matches;
    rl_readline_name = "spinney";
    rl_instream = rl_outstream = nowhere;
    rl_initialize();
    rl_variable_bind("bell-style", "none");
    rl_variable_bind("enable-bracketed-paste", "off"); /* ours splits no paste */
    rl_inhibit_completion = 1;
    rl_set_screen_size(24, columns);
    rl_callback_handler_install("", on_line);
    using_history();
    n_lists = current = 0;
    return SPN_OK;
}

/* End what readline has begun and waits to go on with: a search, an argument, half a key. Its own
   cleanup works inside its callback alone, one state a call, and leaves what it does not know. */
static void settle(void)
{
    const unsigned long begun = RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_VIMOTION |
                                RL_STATE_NUMERICARG | RL_STATE_MULTIKEY | RL_STATE_CHARSEARCH;
    int i;

    for (i = 0; i < 4 && RL_ISSTATE(begun); i++) {
        RL_SETSTATE(RL_STATE_CALLBACK);
        rl_callback_sigcleanup();
        RL_UNSETSTATE(RL_STATE_CALLBACK);
    }
    RL_UNSETSTATE(begun);
}

/* Another text for the line, as edits that readline knows of: its lists of undos are shared with
   the past lines, and freeing one behind its back frees it twice. */
static void replace(const char *text)
{
    settle();
    rl_begin_undo_group();
    rl_delete_text(0, rl_end);
    rl_point = rl_mark = 0;
    rl_insert_text(text);
    rl_end_undo_group();
}

/* Hand readline what is queued, and nothing of it twice. */
static void feed(void)
{
    while (head < tail)
        rl_callback_read_char();
    head = tail = 0;
}

/* An empty line, as if one had been ended: readline tidies what hung on it. */
static void start_over(void)
{
    replace("");
    queue[0] = '\r';
    head = 0;
    tail = 1;
    feed();
    spn_free(ended);
    ended = NULL;
    closed = false;
}

static void list_free(HISTORY_STATE *s)
{
    int i;

    for (i = 0; s != NULL && i < s->length; i++)
        free_history_entry(s->entries[i]);
    if (s != NULL)
        free(s->entries);
    free(s);
}

void line_end(void)
{
    size_t i;

    if (nowhere == NULL)
        return;
    start_over();
    rl_callback_handler_remove();
    clear_history();
    for (i = 0; i < n_lists; i++)
        if (i != current)
            list_free(lists[i].state);
    n_lists = 0;
    spn_free(ended);
    ended = NULL;
    fclose(nowhere);
    nowhere = NULL;
    rl_instream = rl_outstream = NULL;
}

void line_resize(int rows, int columns)
{
    rl_set_screen_size(rows, columns);
}

const char *line_text(size_t *cursor)
{
    if (cursor != NULL)
        *cursor = (size_t)rl_point;
    return rl_line_buffer != NULL ? rl_line_buffer : "";
}

void line_set(const char *text, size_t cursor)
{
    replace(text);
    rl_point = cursor < (size_t)rl_end ? (int)cursor : rl_end;
}

void line_insert(const char *text, size_t n)
{
    char *copy = spn_strndup(text, n);

    settle();
    if (copy != NULL)
        rl_insert_text(copy);
    spn_free(copy);
}

/* A key of several bytes or C-x ends a search and then acts, with what was found in the line. Left
   to readline 8.2, which puts such a key back in pieces, the search's callback returns to a frame
   that is gone. */
static void leave_search(const char *bytes, size_t n)
{
    bool whole = n < 2 || (unsigned char)bytes[0] >= 0x80; /* one character */

    if (!RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) || n == 0 ||
        (whole && bytes[0] != CONTROL_X))
        return;
    if (RL_ISSTATE(RL_STATE_ISEARCH)) {
        queue[0] = '\n'; /* among the keys that end one, unless inputrc says else */
        head = 0;
        tail = 1;
        feed();
    }
    settle();
}

void line_key(struct key k, char **sent)
{
    char bytes[16];
    size_t n = key_bytes(k, bytes);

    *sent = NULL;
    leave_search(bytes, n);
    memcpy(queue, bytes, n);
    head = 0;
    tail = n;
    feed();
    if (ended == NULL)
        return;
    if (!closed)
        *sent = ended;
    else
        spn_free(ended);
    ended = NULL;
    closed = false;
}

void line_history(int step)
{
    settle();
    if (step < 0)
        rl_get_previous_history(1, 0);
    else
        rl_get_next_history(1, 0);
}

void line_remember(const char *text)
{
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;

    if (*text != '\0' && *text != ' ' && (last == NULL || strcmp(last->line, text) != 0))
        add_history(text);
    using_history();
}

void line_interrupt(void)
{
    start_over();
    using_history();
}

const char *line_prompt(void)
{
    return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) && rl_display_prompt != NULL
               ? rl_display_prompt
               : NULL;
}

bool line_takes_escape(void)
{
    return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) ||
           (rl_editing_mode == 0 && rl_get_keymap() != rl_get_keymap_by_name("vi-command"));
}

static void take(void *ctx, const char *text)
{
    add_history(text);
}

void line_history_use(const char *name)
{
    size_t i;

    for (i = 0; i < n_lists; i++)
        if (strcmp(lists[i].name, name) == 0)
            break;
    if ((i == current && n_lists > 0) || i == LISTS_MAX)
        return;
    if (n_lists > 0) {
        size_t cursor = (size_t)rl_point;
        char *text = spn_strdup(line_text(NULL));

        start_over(); /* nothing of the line hangs on the list that goes */
        if (text != NULL)
            line_set(text, cursor);
        spn_free(text);
    }
    if (n_lists > 0)
        lists[current].state = history_get_history_state();
    if (i == n_lists) {
        HISTORY_STATE none = { 0 };

        history_set_history_state(&none);
        snprintf(lists[i].name, sizeof lists[i].name, "%s", name);
        lists[i].state = NULL;
        n_lists++;
        history_read(name, take, NULL);
    } else {
        history_set_history_state(lists[i].state);
        free(lists[i].state);
        lists[i].state = NULL;
    }
    current = i;
    using_history(); /* or C-r finds nothing */
}

static const char *at(void *ctx, size_t i)
{
    int first = history_length > 1000 ? history_length - 1000 : 0;
    HIST_ENTRY *e = history_get(history_base + first + (int)i);

    return e != NULL ? e->line : NULL;
}

spn_status line_history_save(struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i, was = current;

    for (i = 0; st == SPN_OK && i < n_lists; i++) {
        line_history_use(lists[i].name);
        if (history_length > 0)
            st = history_write(lists[i].name, at, NULL, err);
    }
    if (n_lists > 0)
        line_history_use(lists[was].name);
    return st;
}

#endif
