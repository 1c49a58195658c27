/* line_plain.c - line.h on our own editor. */
#include "config.h"

#ifndef HAVE_READLINE

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/edit.h"
#include "screen/history.h"
#include "screen/line.h"

static struct edit line;
static char list[64];

const char *line_kind(void)
{
    return "own";
}

spn_status line_start(int columns, struct spn_err *err)
{
    edit_init(&line);
    list[0] = '\0';
    return SPN_OK;
}

void line_end(void)
{
    edit_free(&line);
}

void line_resize(int rows, int columns)
{
}

const char *line_text(size_t *cursor)
{
    if (cursor != NULL)
        *cursor = line.cursor;
    return edit_text(&line);
}

void line_set(const char *text, size_t cursor)
{
    edit_set(&line, text);
    if (cursor < line.cursor)
        line.cursor = cursor;
}

void line_insert(const char *text, size_t n)
{
    edit_insert(&line, text, n);
}

void line_key(struct key k, char **sent)
{
    *sent = NULL;
    if (k.code == KEY_CODE_ENTER) {
        *sent = spn_strdup(edit_text(&line));
        edit_set(&line, "");
        return;
    }
    edit_key(&line, k);
}

void line_history(int step)
{
    edit_history(&line, step);
}

void line_remember(const char *text)
{
    edit_remember(&line, text);
}

void line_interrupt(void)
{
    edit_set(&line, "");
    line.at = line.n_history;
}

const char *line_prompt(void)
{
    return NULL;
}

bool line_takes_escape(void)
{
    return false;
}

static void take(void *ctx, const char *text)
{
    edit_remember(&line, text);
}

static void forget(void)
{
    size_t i;

    for (i = 0; i < line.n_history; i++)
        spn_free(line.history[i]);
    line.n_history = line.at = 0;
}

void line_history_use(const char *name)
{
    if (strcmp(name, list) == 0)
        return;
    if (list[0] != '\0')
        line_history_save(NULL);
    forget();
    snprintf(list, sizeof list, "%s", name);
    history_read(name, take, NULL);
}

static const char *at(void *ctx, size_t i)
{
    return i < line.n_history ? line.history[i] : NULL;
}

spn_status line_history_save(struct spn_err *err)
{
    return list[0] != '\0' && line.n_history > 0 ? history_write(list, at, NULL, err) : SPN_OK;
}

#endif
