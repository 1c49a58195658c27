#include "config.h"

#include "screen/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define FILE_CEILING (1 << 18)

#define ACT(act) CMD_ACT, act

/* What a name in the file of keys means, and how help says it. */
static const struct {
    const char *name, *what, *brief;
    enum command command;
    int n, rank;
} commands[] = {
    { "up", "up", NULL, CMD_UP, 0, 0 },
    { "down", "down", NULL, CMD_DOWN, 0, 0 },
    { "left", "left; in a tree fold", NULL, CMD_LEFT, 0, 0 },
    { "right", "right; in a tree unfold", NULL, CMD_RIGHT, 0, 0 },
    { "top", "to the top", NULL, CMD_TOP, 0, 0 },
    { "end", "to the end", NULL, CMD_END, 0, 0 },
    { "page-up", "a page up", NULL, CMD_PAGE_UP, 0, 0 },
    { "page-down", "a page down", NULL, CMD_PAGE_DOWN, 0, 0 },
    { "open", "open, unfold, act", "open", CMD_OPEN, 0, 90 },
    { "fold", "fold or unfold", NULL, CMD_FOLD, 0, 0 },
    { "mark", "mark; play, pause; overlay", NULL, CMD_MARK, 0, 0 },
    { "sort", "sort by the next column", "sort", CMD_SORT, 0, 35 },
    { "sort-turn", "turn the order round", NULL, CMD_SORT_TURN, 0, 0 },
    { "find", "filter or find", "find", CMD_FIND, 0, 45 },
    { "next-hit", "next hit, or the next warning", NULL, CMD_NEXT_HIT, 0, 0 },
    { "last-hit", "the hit before", NULL, CMD_LAST_HIT, 0, 0 },
    { "follow", "follow the newest, again stay", NULL, CMD_FOLLOW, 0, 0 },
    { "next-pane", "next pane", "next pane", CMD_NEXT_PANE, 0, 30 },
    { "last-pane", "the pane before", NULL, CMD_LAST_PANE, 0, 0 },
    { "to-line", "to the line", "type", CMD_TO_LINE, 0, 40 },
    { "zoom", "this pane fills the screen, again back", NULL, CMD_ZOOM, 0, 0 },
    { "back", "back one screen", "back", CMD_BACK, 0, 32 },
    { "leave", "leave", NULL, CMD_LEAVE, 0, 0 },
    { "lead", "places and commands", "places", CMD_LEAD, 0, 95 },
    { "command", "a command by its name", NULL, CMD_COMMAND, 0, 0 },
    { "help", "the keys", "keys", CMD_HELP, 0, 94 },
    { "equal", "the equal batch command", NULL, CMD_EQUAL, 0, 0 },
    { "copy", "copy", NULL, CMD_COPY, 0, 0 },
    { "copy-json", "copy as JSON", NULL, CMD_COPY_JSON, 0, 0 },
    { "write", "write to a file, or to |command", NULL, CMD_WRITE, 0, 0 },
    { "options", "options", NULL, CMD_OPTIONS, 0, 0 },
    { "redraw", "draw all again", NULL, CMD_REDRAW, 0, 0 },
    { "suspend", "suspend; fg goes on", NULL, CMD_SUSPEND, 0, 0 },
    { "interrupt", "stop and keep; empty the line", "stop, keep", CMD_INTERRUPT, 0, 34 },
    { "escape", "close what is on top; to the panes", "to the panes", CMD_ESCAPE, 0, 50 },
    { "mouse", "mouse off, on", NULL, CMD_MOUSE, 0, 0 },
    { "send", "send; on an empty start line open", "send", CMD_SEND, 0, 90 },
    { "newline", "new line", "new line", CMD_NEWLINE, 0, 60 },
    { "complete", "complete; on an empty line next pane", "complete", CMD_COMPLETE, 0, 55 },
    { "editor", "edit in $VISUAL", NULL, CMD_EDITOR, 0, 0 },
    { "close", "on an empty line back one screen", NULL, CMD_CLOSE, 0, 0 },
    { "older", "older line", NULL, CMD_OLDER, 0, 0 },
    { "newer", "newer line", NULL, CMD_NEWER, 0, 0 },
    { "yes", "yes", "yes", CMD_YES, 0, 90 },
    { "no", "no", "no", CMD_NO, 0, 89 },
    { "next-look", "next way of looking", NULL, ACT(SPN_WANT_NEXT_LOOK), 0 },
    { "colour", "colour by", NULL, ACT(SPN_WANT_COLOUR), 0 },
    { "probe", "what lies behind this", NULL, ACT(SPN_WANT_PROBE), 0 },
    { "difference", "difference with what; again off", NULL, ACT(SPN_WANT_DIFFERENCE), 0 },
    { "run-again", "run again", NULL, ACT(SPN_WANT_RUN_AGAIN), 0 },
    { "edit", "edit", NULL, ACT(SPN_WANT_EDIT), 0 },
    { "undo", "undo", NULL, ACT(SPN_WANT_UNDO), 0 },
    { "add", "add", NULL, ACT(SPN_WANT_ADD), 0 },
    { "remove", "end or remove", NULL, ACT(SPN_WANT_REMOVE), 0 },
    { "series-back", "back in the series", NULL, ACT(SPN_WANT_SERIES_BACK), 0 },
    { "series-on", "on in the series", NULL, ACT(SPN_WANT_SERIES_ON), 0 },
    { "less", "less of the pane's quantity", NULL, ACT(SPN_WANT_LESS), 0 },
    { "more", "more of it", NULL, ACT(SPN_WANT_MORE), 0 },
    { "less-big", "much less", NULL, ACT(SPN_WANT_LESS_BIG), 0 },
    { "more-big", "much more", NULL, ACT(SPN_WANT_MORE_BIG), 0 },
    { "zoom-in", "zoom in", NULL, ACT(SPN_WANT_ZOOM_IN), 0 },
    { "zoom-out", "zoom out", NULL, ACT(SPN_WANT_ZOOM_OUT), 0 },
    { "zoom-fit", "fit", NULL, ACT(SPN_WANT_ZOOM_FIT), 0 },
    { "model", "another model or file", NULL, ACT(SPN_WANT_MODEL), 0 },
    { "branch", "branch", NULL, ACT(SPN_WANT_BRANCH), 0 },
    { "start", "start", NULL, CMD_PLACE, 'h', 0 },
    { "chat", "chat", NULL, CMD_PLACE, 'c', 0 },
    { "forest", "forest", NULL, CMD_PLACE, 'f', 0 },
    { "checkpoints", "checkpoints", NULL, CMD_PLACE, 'k', 0 },
    { "seg", "segmentation", NULL, CMD_PLACE, 's', 0 },
    { "video", "video", NULL, CMD_PLACE, 'v', 0 },
    { "lab", "lab", NULL, CMD_PLACE, 'l', 0 },
    { "papers", "papers", NULL, CMD_PLACE, 'p', 0 },
    { "models", "models", NULL, CMD_PLACE, 'm', 0 },
    { "jobs", "jobs", NULL, CMD_PLACE, 'j', 0 },
    { "doctor", "doctor", NULL, CMD_PLACE, 'd', 0 },
    { "messages", "messages and log", NULL, CMD_PLACE, 'e', 0 },
    { "open-file", "open a file", NULL, CMD_PLACE, 'o', 0 },
    { "new-chat", "new chat", NULL, CMD_PLACE, 'n', 0 },
    { "earlier-chats", "earlier chats", NULL, CMD_PLACE, 'r', 0 },
    { "search-chats", "search all chats", NULL, CMD_PLACE, '/', 0 },
    { "settings", "settings", NULL, CMD_PLACE, ',', 0 },
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static const struct {
    enum place place;
    const char *key, *command;
} built_in[] = {
    { PLACE_LINE, "Enter", "send" },
    { PLACE_LINE, "C-j", "newline" },
    { PLACE_LINE, "M-Enter", "newline" },
    { PLACE_LINE, "Tab", "complete" },
    { PLACE_LINE, "S-Tab", "last-pane" },
    { PLACE_LINE, "Esc", "escape" },
    { PLACE_LINE, "Up", "up" },
    { PLACE_LINE, "Down", "down" },
    { PLACE_LINE, "C-p", "older" },
    { PLACE_LINE, "C-n", "newer" },
    { PLACE_LINE, "PgUp", "page-up" },
    { PLACE_LINE, "PgDn", "page-down" },
    { PLACE_LINE, "C-g", "editor" },
    { PLACE_LINE, "C-o", "lead" },
    { PLACE_LINE, "F1", "help" },
    { PLACE_LINE, "C-c", "interrupt" },
    { PLACE_LINE, "C-d", "close" },
    { PLACE_LINE, "C-l", "redraw" },
    { PLACE_LINE, "C-z", "suspend" },

    { PLACE_PANE, "Up", "up" },
    { PLACE_PANE, "k", "up" },
    { PLACE_PANE, "Down", "down" },
    { PLACE_PANE, "j", "down" },
    { PLACE_PANE, "Left", "left" },
    { PLACE_PANE, "h", "left" },
    { PLACE_PANE, "Right", "right" },
    { PLACE_PANE, "l", "right" },
    { PLACE_PANE, "G", "end" },
    { PLACE_PANE, "Home", "top" },
    { PLACE_PANE, "End", "end" },
    { PLACE_PANE, "PgUp", "page-up" },
    { PLACE_PANE, "PgDn", "page-down" },
    { PLACE_PANE, "Enter", "open" },
    { PLACE_PANE, "q", "back" },
    { PLACE_PANE, "Tab", "next-pane" },
    { PLACE_PANE, "S-Tab", "last-pane" },
    { PLACE_PANE, "i", "to-line" },
    { PLACE_PANE, "z", "zoom" },
    { PLACE_PANE, "/", "find" },
    { PLACE_PANE, "n", "next-hit" },
    { PLACE_PANE, "N", "last-hit" },
    { PLACE_PANE, ":", "command" },
    { PLACE_PANE, "?", "help" },
    { PLACE_PANE, "F1", "help" },
    { PLACE_PANE, "=", "equal" },
    { PLACE_PANE, ",", "series-back" },
    { PLACE_PANE, ".", "series-on" },
    { PLACE_PANE, "[", "less" },
    { PLACE_PANE, "]", "more" },
    { PLACE_PANE, "{", "less-big" },
    { PLACE_PANE, "}", "more-big" },
    { PLACE_PANE, "+", "zoom-in" },
    { PLACE_PANE, "-", "zoom-out" },
    { PLACE_PANE, "0", "zoom-fit" },
    { PLACE_PANE, "Space", "mark" },
    { PLACE_PANE, "v", "next-look" },
    { PLACE_PANE, "c", "colour" },
    { PLACE_PANE, "t", "fold" },
    { PLACE_PANE, "p", "probe" },
    { PLACE_PANE, "d", "difference" },
    { PLACE_PANE, "r", "run-again" },
    { PLACE_PANE, "e", "edit" },
    { PLACE_PANE, "u", "undo" },
    { PLACE_PANE, "a", "add" },
    { PLACE_PANE, "x", "remove" },
    { PLACE_PANE, "y", "copy" },
    { PLACE_PANE, "Y", "copy-json" },
    { PLACE_PANE, "w", "write" },
    { PLACE_PANE, "s", "sort" },
    { PLACE_PANE, "S", "sort-turn" },
    { PLACE_PANE, "o", "options" },
    { PLACE_PANE, "m", "model" },
    { PLACE_PANE, "f", "follow" },
    { PLACE_PANE, "b", "branch" },
    { PLACE_PANE, "g", "lead" },
    { PLACE_PANE, "C-o", "lead" },
    { PLACE_PANE, "Esc", "escape" },
    { PLACE_PANE, "C-c", "interrupt" },
    { PLACE_PANE, "C-l", "redraw" },
    { PLACE_PANE, "C-z", "suspend" },

    { PLACE_LEAD, "g", "top" },
    { PLACE_LEAD, "h", "start" },
    { PLACE_LEAD, "c", "chat" },
    { PLACE_LEAD, "f", "forest" },
    { PLACE_LEAD, "k", "checkpoints" },
    { PLACE_LEAD, "s", "seg" },
    { PLACE_LEAD, "v", "video" },
    { PLACE_LEAD, "l", "lab" },
    { PLACE_LEAD, "p", "papers" },
    { PLACE_LEAD, "m", "models" },
    { PLACE_LEAD, "j", "jobs" },
    { PLACE_LEAD, "d", "doctor" },
    { PLACE_LEAD, "e", "messages" },
    { PLACE_LEAD, "o", "open-file" },
    { PLACE_LEAD, "n", "new-chat" },
    { PLACE_LEAD, "r", "earlier-chats" },
    { PLACE_LEAD, "/", "search-chats" },
    { PLACE_LEAD, ":", "command" },
    { PLACE_LEAD, "?", "help" },
    { PLACE_LEAD, "=", "equal" },
    { PLACE_LEAD, ",", "settings" },
    { PLACE_LEAD, "z", "zoom" },
    { PLACE_LEAD, "Tab", "next-pane" },
    { PLACE_LEAD, "M", "mouse" },
    { PLACE_LEAD, "q", "leave" },
    { PLACE_LEAD, "Esc", "escape" },
    { PLACE_LEAD, "C-c", "escape" },

    { PLACE_PROMPT, "Enter", "send" },
    { PLACE_PROMPT, "Esc", "escape" },
    { PLACE_PROMPT, "C-c", "escape" },
    { PLACE_PROMPT, "C-g", "escape" },
    { PLACE_PROMPT, "Tab", "complete" },
    { PLACE_PROMPT, "Up", "up" },
    { PLACE_PROMPT, "Down", "down" },
    { PLACE_PROMPT, "PgUp", "page-up" },
    { PLACE_PROMPT, "PgDn", "page-down" },
    { PLACE_PROMPT, "C-z", "suspend" },
    { PLACE_PROMPT, "C-l", "redraw" },

    { PLACE_POPUP, "Enter", "open" },
    { PLACE_POPUP, "y", "yes" },
    { PLACE_POPUP, "n", "no" },
    { PLACE_POPUP, "Up", "up" },
    { PLACE_POPUP, "k", "up" },
    { PLACE_POPUP, "Down", "down" },
    { PLACE_POPUP, "j", "down" },
    { PLACE_POPUP, "Left", "left" },
    { PLACE_POPUP, "Right", "right" },
    { PLACE_POPUP, "h", "left" },
    { PLACE_POPUP, "l", "right" },
    { PLACE_POPUP, "Tab", "right" },
    { PLACE_POPUP, "Space", "mark" },
    { PLACE_POPUP, "[", "less" },
    { PLACE_POPUP, "]", "more" },
    { PLACE_POPUP, "/", "find" },
    { PLACE_POPUP, "G", "end" },
    { PLACE_POPUP, "Home", "top" },
    { PLACE_POPUP, "End", "end" },
    { PLACE_POPUP, "PgUp", "page-up" },
    { PLACE_POPUP, "PgDn", "page-down" },
    { PLACE_POPUP, "q", "escape" },
    { PLACE_POPUP, "Esc", "escape" },
    { PLACE_POPUP, "C-c", "escape" },
    { PLACE_POPUP, "C-z", "suspend" },
    { PLACE_POPUP, "C-l", "redraw" },
};

const char *place_name(enum place place)
{
    static const char *const names[PLACE_COUNT] = { "line", "pane", "lead", "prompt", "popup" };

    return names[place];
}

const struct binding *keys_find(const struct keys *k, enum place place, struct key key)
{
    size_t i;

    for (i = 0; i < k->n; i++)
        if (k->binding[i].place == place && key_same(k->binding[i].key, key))
            return k->binding[i].command != CMD_NONE ? &k->binding[i] : NULL;
    return NULL;
}

/* COMMAND_N: index into commands, N_COMMANDS takes the key away. */
static spn_status bind_key(struct keys *k, enum place place, struct key key, size_t command_n,
                           struct spn_err *err)
{
    struct binding *b = NULL;
    size_t i;

    for (i = 0; i < k->n; i++)
        if (k->binding[i].place == place && key_same(k->binding[i].key, key))
            b = &k->binding[i];
    if (b == NULL) {
        struct binding *grown = spn_realloc(k->binding, k->n + 1, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "keys: no memory");
        k->binding = grown;
        b = &grown[k->n++];
    }
    *b = (struct binding){ .place = place, .key = key };
    if (command_n < N_COMMANDS) {
        b->name = commands[command_n].name;
        b->what = commands[command_n].what;
        b->brief = commands[command_n].brief;
        b->command = commands[command_n].command;
        b->n = commands[command_n].n;
        b->rank = commands[command_n].rank;
    }
    return SPN_OK;
}

static size_t command_index(const char *name)
{
    size_t i;

    for (i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            break;
    return i;
}

/* "place key command"; the command "none" takes the key away. */
static spn_status change(struct keys *k, char *line, const char *where, int number,
                         struct spn_err *err)
{
    char *rest = line, *word[3] = { NULL, NULL, NULL }, *w;
    size_t n = 0, command;
    struct key key;
    int place;

    while (n < 3 && (w = strsep(&rest, " \t")) != NULL)
        if (*w != '\0')
            word[n++] = w;
    if (n == 0 || word[0][0] == '#')
        return SPN_OK;
    if (n < 3)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: wanted \"place key command\"", where, number);
    for (place = 0; place < PLACE_COUNT; place++)
        if (strcmp(word[0], place_name((enum place)place)) == 0)
            break;
    if (place == PLACE_COUNT)
        return spn_fail(err, SPN_EFORMAT,
                        "%s:%d: no place \"%.40s\": line, pane, lead, prompt, popup", where, number,
                        word[0]);
    if (!key_parse(word[1], strlen(word[1]), &key))
        return spn_fail(err, SPN_EFORMAT, "%s:%d: no key \"%.40s\"", where, number, word[1]);
    command = command_index(word[2]);
    if (command == N_COMMANDS && strcmp(word[2], "none") != 0)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: no command \"%.40s\"", where, number, word[2]);
    return bind_key(k, (enum place)place, key, command, err);
}

spn_status keys_change(struct keys *k, const char *text, const char *where, struct spn_err *err)
{
    char *copy = spn_strdup(text), *rest = copy, *line;
    spn_status st = copy != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory", where);
    int number = 0;

    while (st == SPN_OK && (line = strsep(&rest, "\n")) != NULL)
        st = change(k, line, where, ++number, err);
    spn_free(copy);
    return st;
}

spn_status keys_load(struct keys *k, const char *file, struct spn_err *err)
{
    spn_status st = SPN_OK;
    char *text = NULL;
    size_t i;

    *k = (struct keys){ .leader = { 'o', MOD_CTRL } };
    for (i = 0; st == SPN_OK && i < sizeof built_in / sizeof *built_in; i++) {
        struct key key;

        if (!key_parse(built_in[i].key, strlen(built_in[i].key), &key))
            return spn_fail(err, SPN_EINTERNAL, "keys: \"%s\"", built_in[i].key);
        st = bind_key(k, built_in[i].place, key, command_index(built_in[i].command), err);
    }
    if (st == SPN_OK && file != NULL && spn_path_exists(file)) {
        st = spn_file_read(&text, NULL, file, FILE_CEILING, err);
        if (st == SPN_OK)
            st = keys_change(k, text, file, err);
    }
    spn_free(text);
    return st;
}

void keys_free(struct keys *k)
{
    spn_free(k->binding);
    *k = (struct keys){ 0 };
}

void keys_text(const struct keys *k, struct spn_buf *out)
{
    static const char *const titles[PLACE_COUNT] = { "In the line", "In a pane",
                                                     "After C-o, or g in a pane", "In a prompt",
                                                     "In a dialog" };
    int place;
    size_t i;

    for (place = 0; place < PLACE_COUNT; place++) {
        spn_buf_printf(out, "%s%s\n\n", place > 0 ? "\n" : "", titles[place]);
        for (i = 0; i < k->n; i++)
            if ((int)k->binding[i].place == place && k->binding[i].command != CMD_NONE) {
                char name[32];

                key_name(k->binding[i].key, name, sizeof name);
                spn_buf_printf(out, "  %-10s %-14s %s\n", name, k->binding[i].name,
                               k->binding[i].what);
            }
    }
}
