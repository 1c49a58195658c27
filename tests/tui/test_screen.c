/* test_screen.c - the parts of the screens that need no terminal: bytes to keys, text to cells,
 * layouts, keys, the editor, wrapping. */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "base/mem.h"
#include "host/visible.h"
#include "screen/cells.h"
#include "screen/decode.h"
#include "screen/edit.h"
#include "screen/flow.h"
#include "screen/fuzzy.h"
#include "screen/keys.h"
#include "screen/layout.h"
#include "screen/pane.h"
#include "screen/theme.h"
#include "tap.h"

/* Events of BYTES as words between blanks, handed over in pieces of STEP. */
static void decoded(const char *bytes, size_t n, size_t step, char *out, size_t room)
{
    struct decoder d;
    struct event e;
    size_t at, used = 0;

    decoder_init(&d);
    out[0] = '\0';
    for (at = 0; at <= n; at += step) {
        const char *p = bytes + at;
        size_t left = n - at < step ? n - at : step;
        bool over = at + step > n;

        while (decoder_next(&d, &p, &left, 0, &e) || (over && decoder_timeout(&d, 100000, &e))) {
            char word[64] = "";

            if (e.kind == EVENT_KEY)
                key_name(e.key, word, sizeof word);
            else if (e.kind == EVENT_PASTE)
                snprintf(word, sizeof word, "paste(%.*s)", (int)e.n, e.text);
            else if (e.kind == EVENT_MOUSE)
                snprintf(word, sizeof word, "mouse(%d,%d,%d)", (int)e.mouse.action, e.mouse.row,
                         e.mouse.column);
            else if (e.kind == EVENT_REPLY)
                snprintf(word, sizeof word, "%c{%.*s}", e.introducer, (int)e.n, e.text);
            else
                snprintf(word, sizeof word, "focus(%d)", e.focused);
            used += (size_t)snprintf(out + used, room - used, "%s%s", used > 0 ? " " : "", word);
        }
    }
    decoder_free(&d);
}

static void check_decode(const char *bytes, const char *want)
{
    char whole[512], cut[512];

    decoded(bytes, strlen(bytes), 4096, whole, sizeof whole);
    decoded(bytes, strlen(bytes), 1, cut, sizeof cut);
    ok_str(whole, want, want);
    ok(strcmp(whole, cut) == 0, "the same byte by byte: %s", want);
}

static void test_decode(void)
{
    check_decode("aB \303\251\360\237\230\200", "a B Space \303\251 \360\237\230\200");
    check_decode("\r\t\177\010\001\032\033", "Enter Tab Backspace Backspace C-a C-z Esc");
    check_decode("\033[A\033OB\033[1;5C\033[1;2D\033[H\033[4~", "Up Down C-Right S-Left Home End");
    check_decode("\033OP\033[15~\033[24~\033[[B\033[Z", "F1 F5 F12 F2 S-Tab");
    check_decode("\033x\033\r\033\033[A\033[5^\033[a", "M-x M-Enter M-Up C-PgUp S-Up");
    check_decode("\033[97;5u\033[27;2;65~\033[13;2u", "C-a A S-Enter");
    check_decode("\033[200~two\nlines\033[201~q", "paste(two\nlines) q");
    check_decode("\033[<0;10;5M\033[<65;1;1M\033[<32;2;2M\033[<0;2;2m",
                 "mouse(0,4,9) mouse(4,0,0) mouse(2,1,1) mouse(1,1,1)");
    check_decode("\033[?63;1;4c\033P>|XTerm(379)\033\\\033]11;rgb:0/0/0\007\033[3;2R\033[I",
                 "[{?63;1;4c} P{>|XTerm(379)} ]{11;rgb:0/0/0} [{3;2R} focus(1)");
    check_decode("\033[99zx\377y", "x y"); /* unknown sequences and bytes are swallowed whole */
}

static void test_keys(void)
{
    static const char *const names[] = { "C-x",   "M-Enter", "S-Tab", "F12",  "PgDn",
                                         "Space", "q",       "-",     "C-M-a" };
    struct keys k;
    struct spn_err err = SPN_ERR_INIT;
    struct key key;
    char text[32];
    size_t i;

    for (i = 0; i < 8; i++) {
        bool parsed = key_parse(names[i], strlen(names[i]), &key);

        key_name(key, text, sizeof text);
        ok(parsed && strcmp(text, names[i]) == 0, "key %s: %s", names[i], text);
    }
    ok(!key_parse("F13", 3, &key) && !key_parse("nokey", 5, &key) && !key_parse("", 0, &key),
       "what is no key is none");
    ok(keys_load(&k, NULL, &err) == SPN_OK, "the built-in table");
    key_parse("j", 1, &key);
    ok(keys_find(&k, PLACE_PANE, key)->command == CMD_DOWN, "j is down");
    ok(keys_find(&k, PLACE_LINE, key) == NULL, "in the line j is text");
    ok(keys_change(&k, "# mine\npane j up\npane C-x zoom\npane q none\n", "keys", &err) == SPN_OK,
       "a file of keys");
    ok(keys_find(&k, PLACE_PANE, key)->command == CMD_UP, "j is up now");
    key_parse("q", 1, &key);
    ok(keys_find(&k, PLACE_PANE, key) == NULL, "q is taken away");
    ok(keys_change(&k, "pane j\n", "keys", &err) == SPN_EFORMAT &&
           keys_change(&k, "pane F77 up\n", "keys", &err) == SPN_EFORMAT &&
           keys_change(&k, "\npane j nothing\n", "keys", &err) == SPN_EFORMAT,
       "wrong lines are refused");
    ok_str(err.text, "keys:2: no command \"nothing\"", "with their number");
    keys_free(&k);
}

/* One key, one meaning: letters of screens.md 3.2 in a pane. */
static void test_meanings(void)
{
    static const struct {
        const char *key, *command;
    } want[] = {
        { "h", "left" },      { "j", "down" },      { "k", "up" },         { "l", "right" },
        { "G", "end" },       { "Enter", "open" },  { "q", "back" },       { "i", "to-line" },
        { "z", "zoom" },      { "/", "find" },      { "n", "next-hit" },   { "N", "last-hit" },
        { ":", "command" },   { "?", "help" },      { "=", "equal" },      { ",", "series-back" },
        { ".", "series-on" }, { "[", "less" },      { "]", "more" },       { "+", "zoom-in" },
        { "-", "zoom-out" },  { "0", "zoom-fit" },  { "v", "next-look" },  { "c", "colour" },
        { "t", "fold" },      { "p", "probe" },     { "d", "difference" }, { "r", "run-again" },
        { "e", "edit" },      { "u", "undo" },      { "a", "add" },        { "x", "remove" },
        { "y", "copy" },      { "Y", "copy-json" }, { "w", "write" },      { "s", "sort" },
        { "S", "sort-turn" }, { "o", "options" },   { "m", "model" },      { "f", "follow" },
        { "b", "branch" },    { "g", "lead" },      { "Space", "mark" },   { "Esc", "escape" },
    };
    struct keys k;
    struct key key;
    size_t i;

    keys_load(&k, NULL, NULL);
    for (i = 0; i < sizeof want / sizeof *want; i++) {
        const struct binding *b;

        key_parse(want[i].key, strlen(want[i].key), &key);
        b = keys_find(&k, PLACE_PANE, key);
        ok(b != NULL && strcmp(b->name, want[i].command) == 0, "in a pane %s is %s", want[i].key,
           want[i].command);
    }
    /* Prefixes of screen and tmux, and flow control, are never taken. */
    for (i = 0; i < k.n; i++)
        ok(!(k.binding[i].key.mods == MOD_CTRL &&
             strchr("absq", (int)k.binding[i].key.code) != NULL),
           "%s of %s is free to take", k.binding[i].name, place_name(k.binding[i].place));
    keys_free(&k);
}

static void shows(const char *text, size_t n, const char *want)
{
    struct cells c = { .cell = NULL };
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    cells_resize(&c, 1, 40, NULL);
    area_text(cells_area(&c), 0, 0, text, n, -1, 0, 0);
    cells_text(&c, 0, 1, &b);
    b.data[strcspn(b.data, "\n")] = '\0';
    ok_str(b.data, want, want);
    spn_buf_free(&b);
    cells_free(&c);
}

static void test_cells(void)
{
    struct cells c = { .cell = NULL };
    struct area a;

    shows("plain", 5, "plain");
    shows("\033[31mred\033]52;c;x\007", 17, "^[[31mred^[]52;c;x^G");
    shows("a\302\233b\300\200c", 7, "a\\xc2\\x9bb\\xc0\\x80c");
    shows("x\342\200\256y", 5, "x\\u202ey");
    shows("e\314\201 \346\274\242", 7, "e\314\201 \346\274\242");
    shows("one\ntwo\tthree", 13, "one two three");
    cells_resize(&c, 3, 10, NULL);
    a = area_part(cells_area(&c), 1, 2, 1, 5);
    area_text(a, 0, 0, "0123456789", 10, -1, 0, 0);
    area_text(a, 1, 0, "below", 5, -1, 0, 0);
    area_text(a, 0, 4, "\346\274\242", 3, -1, 0, 0);
    ok(c.cell[12].code == '0' && c.cell[16].code == '4' && c.cell[17].code == 0 &&
           c.cell[22].code == 0,
       "drawing does not leave its area");
    area_text(a, 0, 1, "\346\274\242", 3, -1, 0, 0);
    area_text(a, 0, 2, "z", 1, -1, 0, 0);
    ok(c.cell[13].code == ' ' && c.cell[13].width == 1 && c.cell[14].code == 'z',
       "half of a wide character is not left behind");
    area_text(a, 0, 1, "\346\274\242\346\274\242", 6, -1, 0, 0);
    area_fill(area_part(a, 0, 2, 1, 2), 0, 0);
    ok(c.cell[13].width == 1 && c.cell[14].width == 1 && c.cell[16].width == 1,
       "nor by a ground laid over it");
    c.ascii = true;
    area_line(a, 0, 0, 2, false, 0);
    ok(c.cell[12].code == '-', "lines of an ASCII grid");
    cells_free(&c);
}

static void test_layout(void)
{
    static const char *const wrong[] = { "", "a |", "a | b / c", "(a", "a a", "a | a", "a)", "1" };
    struct layout_box box[LAYOUT_NODES_MAX];
    struct layout_split split[LAYOUT_NODES_MAX];
    struct layout l;
    int n, splits;
    size_t i;

    for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ok(layout_parse(&l, wrong[i], NULL) == SPN_EFORMAT, "layout \"%s\" is refused", wrong[i]);
    ok(layout_parse(&l, "list 60 | (detail / log 30)", NULL) == SPN_OK, "a layout");
    n = layout_place(&l, 1, 0, 20, 101, box, split, &splits);
    ok(n == 3 && splits == 2, "three panes, two borders");
    ok(box[0].columns == 60 && box[1].left == 61 && box[1].columns == 40, "beside: 60 and 40");
    ok(box[1].rows == 14 && box[2].top == 15 && box[2].rows == 6, "below: 14 and 6 rows");
    n = layout_place(&l, 0, 0, 1, 1, box, split, &splits);
    for (i = 0; i < (size_t)n; i++)
        ok(box[i].rows >= 0 && box[i].columns >= 0, "no pane is negative in one cell");
}

static void test_edit(void)
{
    struct edit e;

    edit_init(&e);
    edit_insert(&e, "one two \303\251", 10);
    edit_key(&e, (struct key){ KEY_CODE_LEFT, 0 });
    ok(e.cursor == 8, "left over a whole character");
    edit_key(&e, (struct key){ 'w', MOD_CTRL });
    ok_str(edit_text(&e), "one \303\251", "C-w takes a word");
    edit_key(&e, (struct key){ 'y', MOD_CTRL });
    ok_str(edit_text(&e), "one two \303\251", "C-y gives it back");
    edit_key(&e, (struct key){ 'k', MOD_CTRL });
    ok_str(edit_text(&e), "one two ", "C-k takes the rest");
    edit_remember(&e, "first");
    edit_remember(&e, " private");
    edit_key(&e, (struct key){ KEY_CODE_UP, 0 });
    ok_str(edit_text(&e), "first", "Up is the line before; a blank first is not kept");
    edit_key(&e, (struct key){ KEY_CODE_DOWN, 0 });
    ok_str(edit_text(&e), "one two ", "Down the one being written");
    edit_free(&e);
}

/* Lines of TEXT between bars. */
static void flows(enum spn_text_format format, const char *text, int width, const char *want)
{
    struct flow f = { 0 };
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    size_t i, k;

    flow_text(&f, format, text, strlen(text), width, 0);
    for (i = 0; i < f.n_lines; i++) {
        for (k = 0; k < (size_t)f.line[i].indent; k++)
            spn_buf_puts(&b, " ");
        for (k = f.line[i].first; k < f.line[i].first + f.line[i].n; k++)
            spn_buf_add(&b, f.piece[k].text, f.piece[k].n);
        spn_buf_puts(&b, "|");
    }
    ok_str(b.data != NULL ? b.data : "", want, want);
    spn_buf_free(&b);
    flow_free(&f);
}

static void test_flow(void)
{
    flows(SPN_TEXT_PLAIN, "the quick brown fox\n\nends", 10, "the quick|brown fox||ends|");
    flows(SPN_TEXT_PLAIN, "abcdefghijklmno", 6, "abcdef|ghijkl|mno|");
    flows(SPN_TEXT_PLAIN, "\346\274\242\345\255\227\346\274\242", 4,
          "\346\274\242\345\255\227|\346\274\242|");
    flows(SPN_TEXT_MARKDOWN, "# Head\n**b** and `c` in snake_case", 40,
          "Head|b and c in snake_case|");
    flows(SPN_TEXT_MARKDOWN, "- one two three\n1. n", 10, "* one two|  three|1. n|");
    flows(SPN_TEXT_MARKDOWN, "[a](b) * 2 * 3", 40, "a (b) * 2 * 3|");
    flows(SPN_TEXT_MARKDOWN, "```c\nint x; /* y */\n```\nz", 40, "  int x; /* y */|z|");
    flows(SPN_TEXT_MARKDOWN, "a \\*star\\*", 40, "a *star*|");
}

static void test_rest(void)
{
    struct theme t;
    struct spn_err err = SPN_ERR_INIT;

    ok(theme_parse(&t, "text = #102030 default bold\n# c\nhead=red\n", "t", &err) == SPN_OK &&
           t.role[SPN_STYLE_TEXT].fg == 0x102030 &&
           t.role[SPN_STYLE_TEXT].attributes == CELL_BOLD &&
           t.role[SPN_STYLE_HEAD].fg == (THEME_PALETTE | 1),
       "a theme");
    ok(theme_parse(&t, "text = #1020\n", "t", &err) == SPN_EFORMAT &&
           theme_parse(&t, "\nnothing = red\n", "t", &err) == SPN_EFORMAT,
       "a wrong theme");
    ok_str(err.text, "t:2: there is no role \"nothing\"", "says where");
    ok(fuzzy_score("papers", "pap") > fuzzy_score("plugins and papers", "pap") &&
           fuzzy_score("papers", "xyz") == -1 && fuzzy_score("save-display", "sd") > 0,
       "fuzzy words");
    ok(find_text("Hello World", 11, "WORLD") == 6 && find_text("ab", 2, "abc") == -1, "find_text");
}

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return skip_all("no UTF-8 locale");
    test_decode();
    test_keys();
    test_meanings();
    test_cells();
    test_layout();
    test_edit();
    test_flow();
    test_rest();
    return done();
}
