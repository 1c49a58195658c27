/* prompt.c - what is asked in the line for a moment: a command, what to find, a file's name, a
 * field's value; and the list of what could be meant. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"
#include "screen/fuzzy.h"
#include "screen/line.h"
#include "screen/ui.h"

#define LIST_ROWS 10

static struct spn_pane *prompt_pane(struct ui *ui)
{
    return ui->popup != POPUP_NONE ? &ui->popup_pane : ui_focus(ui_shown(ui));
}

void prompt_open(struct ui *ui, enum prompt_kind kind, const char *text)
{
    ui->prompt = kind;
    edit_set(&ui->edit, text);
    candidates_close(ui);
    if (kind == PROMPT_COMMAND)
        slash_candidates(ui, "");
    if (kind == PROMPT_FIND && prompt_pane(ui) == NULL) {
        ui->prompt = PROMPT_NONE;
        ui_say(ui, SPN_STYLE_DIM, "no pane to search in", NULL);
    }
}

void prompt_close(struct ui *ui)
{
    ui->prompt = PROMPT_NONE;
    candidates_close(ui);
}

/* ---- writing a pane to a file or a program ---- */

void ui_run_pipe(struct ui *ui)
{
    char text[120];
    FILE *f = popen(ui->pipe_command, "w");
    int status;

    if (f == NULL) {
        ui_say(ui, SPN_STYLE_BAD, "write: no shell could be started", NULL);
    } else {
        if (ui->pipe_text.length > 0)
            fwrite(ui->pipe_text.data, 1, ui->pipe_text.length, f);
        status = pclose(f);
        snprintf(text, sizeof text, "|%.60s ended with %d", ui->pipe_command,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128);
        ui_say(ui, SPN_STYLE_TEXT, text, NULL);
    }
    spn_free(ui->pipe_command);
    ui->pipe_command = NULL;
    spn_buf_free(&ui->pipe_text);
}

static void write_out(struct ui *ui, const char *name)
{
    struct spn_pane *p = ui_focus(ui_shown(ui));
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 30);
    struct spn_err err = SPN_ERR_INIT;
    size_t n = strlen(name);
    bool json =
        n > 6 && (strcmp(name + n - 5, ".json") == 0 || strcmp(name + n - 6, ".jsonl") == 0);
    char text[200];

    while (*name == ' ')
        name++;
    if (*name == '\0')
        return;
    if (p == NULL || p->kind == NULL || p->kind->write == NULL || !p->kind->write(p, &b, json)) {
        ui_say(ui, SPN_STYLE_WARN, json ? "no JSON of this part" : "nothing to write here", NULL);
    } else if (*name == '|') {
        ui->pipe_command = spn_strdup(name + 1);
        spn_buf_free(&ui->pipe_text);
        ui->pipe_text = b;
        return;
    } else if (spn_file_write(name, b.data != NULL ? b.data : "", b.length, &err) != SPN_OK) {
        ui_fail(ui, &err);
    } else {
        snprintf(text, sizeof text, "%.120s: %zu bytes written", name, b.length);
        ui_say(ui, SPN_STYLE_GOOD, text, NULL);
    }
    spn_buf_free(&b);
}

static void give_field(struct ui *ui, const char *text)
{
    struct spn_pane *p = prompt_pane(ui);
    struct spn_screen *s = ui_shown(ui);
    struct spn_err err = SPN_ERR_INIT;

    if (p == NULL)
        return;
    if (form_give(p, text, &err) != SPN_OK)
        ui_fail(ui, &err);
    else if (ui->popup == POPUP_FORM && s->view->changed != NULL)
        s->view->changed(s->state, s->options);
}

static void accept(struct ui *ui)
{
    enum prompt_kind kind = ui->prompt;
    char *text = spn_strdup(edit_text(&ui->edit));
    char say[160];

    if (text == NULL)
        return;
    if (kind == PROMPT_COMMAND && ui->has_candidates && strchr(text, ' ') == NULL) {
        struct spn_buf b = SPN_BUF_INIT(1 << 16);

        if (pane_rows.copy(&ui->candidates, &b, false) && b.data != NULL) {
            b.data[strcspn(b.data, "\t")] = '\0';
            spn_free(text);
            text = spn_strdup(b.data);
        }
        spn_buf_free(&b);
    }
    prompt_close(ui);
    if (text != NULL && kind == PROMPT_COMMAND && text[0] != '\0' && !slash_run(ui, text)) {
        snprintf(say, sizeof say, ":%.60s: no such command", text);
        ui_say(ui, SPN_STYLE_WARN, say, NULL);
    }
    if (text != NULL && kind == PROMPT_WRITE)
        write_out(ui, text);
    if (text != NULL && kind == PROMPT_FIELD)
        give_field(ui, text);
    if (kind == PROMPT_FIND && prompt_pane(ui) != NULL && prompt_pane(ui)->search != NULL)
        edit_remember(&ui->edit, text != NULL ? text : "");
    spn_free(text);
}

static void typed(struct ui *ui)
{
    struct spn_pane *p = prompt_pane(ui);

    if (ui->prompt == PROMPT_FIND && p != NULL) {
        pane_search(p, edit_text(&ui->edit));
        if (ui->popup == POPUP_NONE)
            ui_do_pane(ui, CMD_NONE, PANE_CHOSEN); /* another row may be the chosen one */
    }
    if (ui->prompt == PROMPT_COMMAND) {
        if (strchr(edit_text(&ui->edit), ' ') == NULL)
            slash_candidates(ui, edit_text(&ui->edit));
        else
            candidates_close(ui);
    }
}

void prompt_key(struct ui *ui, struct key k)
{
    const struct binding *b = keys_find(&ui->keys, PLACE_PROMPT, k);
    enum command c = b != NULL ? b->command : CMD_NONE;
    struct spn_pane *p = prompt_pane(ui);

    ui->dirty = true;
    switch (c) {
    case CMD_SEND:
        accept(ui);
        return;
    case CMD_ESCAPE:
        if (ui->prompt == PROMPT_FIND && p != NULL)
            pane_search(p, "");
        prompt_close(ui);
        return;
    case CMD_SUSPEND:
        ui->suspend = true;
        return;
    case CMD_REDRAW:
        ui->redraw = true;
        return;
    case CMD_COMPLETE:
        if (ui->has_candidates)
            candidates_take(ui);
        return;
    case CMD_UP:
    case CMD_DOWN:
    case CMD_PAGE_UP:
    case CMD_PAGE_DOWN:
        if (ui->has_candidates) {
            pane_rows.command(&ui->candidates, c, 0);
            return;
        }
        break;
    default:
        break;
    }
    if (k.code == KEY_CODE_BACKSPACE && edit_text(&ui->edit)[0] == '\0') {
        prompt_close(ui);
        return;
    }
    if (edit_key(&ui->edit, k))
        typed(ui);
}

void prompt_draw(struct ui *ui, struct area a)
{
    static const char *const leads[] = { "", ":", "/", "write to: ", "value: " };
    const char *lead = leads[ui->prompt], *text = edit_text(&ui->edit);
    int left = 1 + area_puts(a, 0, 1, lead, ROLE_KEY), room = a.columns - left - 2, at;
    size_t skip = 0;

    at = text_columns(text, ui->edit.cursor);
    while (at > room && room > 2) {
        size_t k = text_fit(text + skip, strlen(text + skip), room / 2);

        skip += k > 0 ? k : 1;
        at = text_columns(text + skip, ui->edit.cursor - skip);
    }
    area_text(a, 0, left, text + skip, SIZE_MAX, -1, SPN_STYLE_TEXT, 0);
    ui->cursor_row = a.top;
    ui->cursor_column = a.left + left + at;
}

/* ---- candidates ---- */

void candidates_close(struct ui *ui)
{
    pane_free(&ui->candidates);
    ui->candidates = (struct spn_pane){ 0 };
    ui->has_candidates = false;
}

void candidates_draw(struct ui *ui, int bottom)
{
    int rows = LIST_ROWS < bottom - 3 ? LIST_ROWS : bottom - 3, columns = ui->cells.columns;
    struct area a;

    if (rows < 2)
        return;
    a = area_part(cells_area(&ui->cells), bottom - rows, 0, rows, columns < 100 ? columns : 100);
    area_fill(a, SPN_STYLE_TEXT, 0);
    area_line(a, 0, 0, a.columns, false, ROLE_BORDER);
    ui->candidates.area = area_part(a, 1, 0, rows - 1, a.columns);
    if (ui->candidates.kind != NULL)
        ui->candidates.kind->draw(&ui->candidates, ui->candidates.area, true);
}

/* Put the chosen word where the typed one stands. */
bool candidates_take(struct ui *ui)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    bool took = false;

    if (pane_rows.copy(&ui->candidates, &b, false) && b.data != NULL) {
        b.data[strcspn(b.data, "\t")] = '\0';
        took = true;
        if (ui->prompt != PROMPT_NONE) {
            edit_set(&ui->edit, b.data);
            edit_insert(&ui->edit, " ", 1);
        } else {
            size_t cursor, at;
            const char *text = line_text(&cursor);
            struct spn_buf whole = SPN_BUF_INIT(PASTE_BYTES_MAX);

            spn_buf_add(&whole, text, ui->complete_from);
            spn_buf_puts(&whole, b.data);
            if (b.data[strlen(b.data) - 1] != '/')
                spn_buf_puts(&whole, " ");
            at = whole.length;
            spn_buf_puts(&whole, text + cursor);
            line_set(whole.data, at);
            spn_buf_free(&whole);
        }
    }
    candidates_close(ui);
    spn_buf_free(&b);
    return took;
}

/* Lines "WORD<tab>what" as rows; those that fit TYPED, best first. */
void candidates_show(struct ui *ui, const char *lines, const char *typed_word)
{
    static const struct spn_column columns[] = { { "", 0, false, 0 }, { "", -1, false, 1 } };
    struct fuzzy_list list = { 0 };
    size_t i;

    fuzzy_collect(&list, lines, typed_word);
    candidates_close(ui);
    if (list.n == 0) {
        fuzzy_free(&list);
        return;
    }
    rows_columns(&ui->candidates, columns, 2);
    rows_begin(&ui->candidates);
    for (i = 0; i < list.n && i < 200; i++) {
        struct spn_field f[2] = { { list.item[i].word, NAN, SPN_STYLE_STRONG },
                                  { list.item[i].what, NAN, SPN_STYLE_DIM } };
        struct spn_row row = { .id = i + 1, .fields = f, .n = 2 };

        rows_add(&ui->candidates, &row);
    }
    rows_end(&ui->candidates);
    ui->has_candidates = true;
    fuzzy_free(&list);
}

/* Tab: what the word before the cursor may become. One candidate is taken at once. */
void candidates_complete(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_buf lines = SPN_BUF_INIT(1 << 20);
    size_t cursor, from;
    const char *text = line_text(&cursor);
    char *word;
    uint64_t first;

    for (from = cursor; from > 0 && !isspace((unsigned char)text[from - 1]); from--)
        continue;
    word = spn_strndup(text + from, cursor - from);
    if (word == NULL)
        return;
    if (from == 0 && word[0] == '/' && strchr(word + 1, '/') == NULL) {
        slash_candidates(ui, word + 1);
        from = 1;
    } else {
        if (s->view->complete != NULL)
            s->view->complete(s->state, text, cursor, &lines);
        if (lines.length == 0)
            fuzzy_paths(word, &lines);
        candidates_show(ui, lines.data != NULL ? lines.data : "", word);
    }
    ui->complete_from = from;
    if (!ui->has_candidates)
        ui_say(ui, SPN_STYLE_DIM, "nothing completes that", NULL);
    else if (rows_count(&ui->candidates) == 1 && rows_choice(&ui->candidates, &first))
        candidates_take(ui);
    spn_free(word);
    spn_buf_free(&lines);
}
