#include "config.h"

#include "screen/edit.h"

#include <string.h>

#include "base/mem.h"
#include "host/visible.h"

#define TEXT_CEILING ((size_t)32 << 20)

void edit_init(struct edit *e)
{
    *e = (struct edit){ .text = SPN_BUF_INIT(TEXT_CEILING), .kill = SPN_BUF_INIT(TEXT_CEILING) };
}

void edit_free(struct edit *e)
{
    size_t i;

    for (i = 0; i < e->n_history; i++)
        spn_free(e->history[i]);
    spn_free(e->draft);
    spn_buf_free(&e->text);
    spn_buf_free(&e->kill);
    edit_init(e);
}

const char *edit_text(const struct edit *e)
{
    return e->text.data != NULL ? e->text.data : "";
}

void edit_set(struct edit *e, const char *text)
{
    spn_buf_trim(&e->text, 0);
    spn_buf_puts(&e->text, text);
    e->text.failed = false;
    e->cursor = e->text.length;
}

void edit_insert(struct edit *e, const char *text, size_t n)
{
    size_t tail = e->text.length - e->cursor;

    if (spn_buf_add(&e->text, text, n) != SPN_OK) {
        e->text.failed = false;
        return;
    }
    memmove(e->text.data + e->cursor + n, e->text.data + e->cursor, tail);
    memcpy(e->text.data + e->cursor, text, n);
    e->cursor += n;
}

static void cut(struct edit *e, size_t from, size_t to, bool keep)
{
    if (from >= to)
        return;
    if (keep) {
        spn_buf_trim(&e->kill, 0);
        spn_buf_add(&e->kill, e->text.data + from, to - from);
        e->kill.failed = false;
    }
    memmove(e->text.data + from, e->text.data + to, e->text.length - to);
    spn_buf_trim(&e->text, e->text.length - (to - from));
    e->cursor = from;
}

static bool starts(const struct edit *e, size_t i)
{
    return ((unsigned char)e->text.data[i] & 0xc0) != 0x80;
}

static size_t before(const struct edit *e, size_t i)
{
    if (i > 0)
        i--;
    while (i > 0 && !starts(e, i))
        i--;
    return i;
}

static size_t after(const struct edit *e, size_t i)
{
    if (i < e->text.length)
        i++;
    while (i < e->text.length && !starts(e, i))
        i++;
    return i;
}

static bool word_byte(const struct edit *e, size_t i)
{
    unsigned char b = (unsigned char)e->text.data[i];

    return b >= 0x80 || (b >= '0' && b <= '9') || ((b | 32) >= 'a' && (b | 32) <= 'z');
}

static size_t word_before(const struct edit *e, size_t i)
{
    while (i > 0 && !word_byte(e, i - 1))
        i--;
    while (i > 0 && word_byte(e, i - 1))
        i--;
    return i;
}

static size_t word_after(const struct edit *e, size_t i)
{
    while (i < e->text.length && !word_byte(e, i))
        i++;
    while (i < e->text.length && word_byte(e, i))
        i++;
    return i;
}

/* C-w takes back to a blank, as a shell does. */
static size_t blank_before(const struct edit *e, size_t i)
{
    while (i > 0 && e->text.data[i - 1] == ' ')
        i--;
    while (i > 0 && e->text.data[i - 1] != ' ')
        i--;
    return i;
}

void edit_remember(struct edit *e, const char *text)
{
    char *copy;

    spn_free(e->draft);
    e->draft = NULL;
    e->at = e->n_history;
    if (*text == '\0' || *text == ' ' ||
        (e->n_history > 0 && strcmp(e->history[e->n_history - 1], text) == 0))
        return;
    copy = spn_strdup(text);
    if (copy == NULL)
        return;
    if (e->n_history == EDIT_HISTORY_MAX) {
        spn_free(e->history[0]);
        memmove(e->history, e->history + 1, (EDIT_HISTORY_MAX - 1) * sizeof *e->history);
        e->n_history--;
    }
    e->history[e->n_history++] = copy;
    e->at = e->n_history;
}

void edit_history(struct edit *e, int step)
{
    if ((step < 0 && e->at == 0) || (step > 0 && e->at >= e->n_history))
        return;
    if (e->at == e->n_history) {
        spn_free(e->draft);
        e->draft = spn_strdup(edit_text(e));
    }
    e->at = step < 0 ? e->at - 1 : e->at + 1;
    edit_set(e, e->at < e->n_history ? e->history[e->at] : e->draft != NULL ? e->draft : "");
}

static bool control_key(struct edit *e, uint32_t code)
{
    switch (code) {
    case 'a':
        e->cursor = 0;
        return true;
    case 'e':
        e->cursor = e->text.length;
        return true;
    case 'b':
        e->cursor = before(e, e->cursor);
        return true;
    case 'f':
        e->cursor = after(e, e->cursor);
        return true;
    case 'd':
        cut(e, e->cursor, after(e, e->cursor), false);
        return true;
    case 'k':
        cut(e, e->cursor, e->text.length, true);
        return true;
    case 'u':
        cut(e, 0, e->cursor, true);
        return true;
    case 'w':
        cut(e, blank_before(e, e->cursor), e->cursor, true);
        return true;
    case 'p':
        edit_history(e, -1);
        return true;
    case 'n':
        edit_history(e, 1);
        return true;
    case 'y':
        if (e->kill.length > 0)
            edit_insert(e, e->kill.data, e->kill.length);
        return true;
    default:
        return false;
    }
}

static bool meta_key(struct edit *e, uint32_t code)
{
    switch (code) {
    case 'b':
        e->cursor = word_before(e, e->cursor);
        return true;
    case 'f':
        e->cursor = word_after(e, e->cursor);
        return true;
    case 'd':
        cut(e, e->cursor, word_after(e, e->cursor), true);
        return true;
    case KEY_CODE_BACKSPACE:
        cut(e, word_before(e, e->cursor), e->cursor, true);
        return true;
    default:
        return false;
    }
}

bool edit_key(struct edit *e, struct key k)
{
    char bytes[4];

    if (k.mods == MOD_CTRL && k.code < KEY_CODE_FIRST)
        return control_key(e, k.code);
    if (k.mods == MOD_META)
        return meta_key(e, k.code);
    switch (k.code) {
    case KEY_CODE_LEFT:
        e->cursor = k.mods & MOD_CTRL ? word_before(e, e->cursor) : before(e, e->cursor);
        return true;
    case KEY_CODE_RIGHT:
        e->cursor = k.mods & MOD_CTRL ? word_after(e, e->cursor) : after(e, e->cursor);
        return true;
    case KEY_CODE_HOME:
        e->cursor = 0;
        return true;
    case KEY_CODE_END:
        e->cursor = e->text.length;
        return true;
    case KEY_CODE_UP:
        edit_history(e, -1);
        return true;
    case KEY_CODE_DOWN:
        edit_history(e, 1);
        return true;
    case KEY_CODE_BACKSPACE:
        cut(e, before(e, e->cursor), e->cursor, false);
        return true;
    case KEY_CODE_DEL:
        cut(e, e->cursor, after(e, e->cursor), false);
        return true;
    default:
        break;
    }
    if (k.code >= KEY_CODE_FIRST || k.mods & MOD_CTRL)
        return false;
    edit_insert(e, bytes, visible_put_utf8(bytes, k.code));
    return true;
}
