/* markdown.c - the Markdown that models write: headings, lists, quotes, fenced code, tables as they
 * stand, and inline emphasis, code and links.  Every byte is shown, or is a mark of these. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "screen/cells.h"
#include "screen/flow.h"

#define PIECES_MAX 512

struct inline_run {
    struct piece piece[PIECES_MAX];
    size_t n;
    uint8_t style;
};

static void push(struct inline_run *r, const char *text, size_t n, uint8_t style,
                 uint8_t attributes)
{
    if (n > 0 && r->n < PIECES_MAX)
        r->piece[r->n++] = (struct piece){ text, n, style, attributes };
}

/* Where the run of N times MARK ends again after I; 0: nowhere. */
static size_t closing(const char *s, size_t n, size_t i, const char *mark, size_t length)
{
    for (; i + length <= n; i++)
        if (memcmp(s + i, mark, length) == 0 && s[i - 1] != ' ' &&
            (length == 2 || i + 1 >= n || s[i + 1] != mark[0]))
            return i;
    return 0;
}

/* Emphasis at S[i]: returns what it took with its marks, 0: none starts here. */
static size_t emphasis(struct inline_run *r, const char *s, size_t n, size_t i, uint8_t attributes);

static void inline_text(struct inline_run *r, const char *s, size_t n, uint8_t attributes)
{
    size_t i = 0, from = 0;

    while (i < n) {
        size_t took = 0, before = r->n;

        if (r->n + 8 >= PIECES_MAX)
            break;
        if (s[i] == '`' || s[i] == '*' || s[i] == '_' || s[i] == '[') {
            push(r, s + from, i - from, r->style, attributes);
            took = emphasis(r, s, n, i, attributes);
            if (took == 0)
                r->n = before; /* no mark after all: the text goes on */
        } else if (s[i] == '\\' && i + 1 < n && ispunct((unsigned char)s[i + 1])) {
            push(r, s + from, i - from, r->style, attributes);
            from = i + 1;
            i += 2;
            continue;
        }
        i += took > 0 ? took : 1;
        if (took > 0)
            from = i;
    }
    push(r, s + from, n - from, r->style, attributes);
}

static size_t code_span(struct inline_run *r, const char *s, size_t n, size_t i)
{
    size_t ticks = 0, k;

    while (i + ticks < n && s[i + ticks] == '`')
        ticks++;
    for (k = i + ticks; k + ticks <= n; k++)
        if (memcmp(s + k, s + i, ticks) == 0 && (k + ticks == n || s[k + ticks] != '`')) {
            push(r, s + i + ticks, k - i - ticks, SPN_STYLE_CODE, 0);
            return k + ticks - i;
        }
    return 0;
}

/* "[text](target)": both are shown; nothing is hidden behind a name. */
static size_t link_span(struct inline_run *r, const char *s, size_t n, size_t i)
{
    const char *end = memchr(s + i, ']', n - i);
    size_t close = end != NULL ? (size_t)(end - s) : n, last;

    if (close + 1 >= n || s[close + 1] != '(')
        return 0;
    end = memchr(s + close, ')', n - close);
    if (end == NULL)
        return 0;
    last = (size_t)(end - s);
    push(r, s + i + 1, close - i - 1, SPN_STYLE_LINK, 0);
    push(r, " (", 2, SPN_STYLE_DIM, 0);
    push(r, s + close + 2, last - close - 2, SPN_STYLE_DIM, 0);
    push(r, ")", 1, SPN_STYLE_DIM, 0);
    return last + 1 - i;
}

static size_t emphasis(struct inline_run *r, const char *s, size_t n, size_t i, uint8_t attributes)
{
    size_t length, end;

    if (s[i] == '`')
        return code_span(r, s, n, i);
    if (s[i] == '[')
        return link_span(r, s, n, i);
    /* snake_case is no emphasis */
    if (s[i] == '_' && i > 0 && isalnum((unsigned char)s[i - 1]))
        return 0;
    length = i + 1 < n && s[i + 1] == s[i] ? 2 : 1;
    if (i + length >= n || s[i + length] == ' ' || s[i + length] == s[i])
        return 0;
    end = closing(s, n, i + length + 1, s + i, length);
    if (end == 0 || (s[i] == '_' && end + length < n && isalnum((unsigned char)s[end + length])))
        return 0;
    inline_text(r, s + i + length, end - i - length,
                attributes | (length == 2 ? CELL_BOLD : CELL_ITALIC));
    return end + length - i;
}

static void paragraph(struct flow *f, const char *s, size_t n, int first, int hang, uint8_t style,
                      const struct piece *lead)
{
    struct inline_run r = { .style = style };

    if (lead != NULL)
        r.piece[r.n++] = *lead;
    inline_text(&r, s, n, style == SPN_STYLE_HEAD ? CELL_BOLD : 0);
    flow_wrap(f, r.piece, r.n, first, hang);
}

static bool is_rule(const char *s, size_t n)
{
    size_t i, marks = 0;

    if (n == 0 || strchr("-*_", s[0]) == NULL)
        return false;
    for (i = 0; i < n; i++) {
        if (s[i] == s[0])
            marks++;
        else if (s[i] != ' ')
            return false;
    }
    return marks >= 3;
}

/* "- ", "* ", "12. ": the length of the mark, 0: no list. */
static size_t list_mark(const char *s, size_t n)
{
    size_t i = 0;

    if (n >= 2 && (s[0] == '-' || s[0] == '*' || s[0] == '+') && s[1] == ' ')
        return 2;
    while (i < n && i < 9 && isdigit((unsigned char)s[i]))
        i++;
    return i > 0 && i + 1 < n && (s[i] == '.' || s[i] == ')') && s[i + 1] == ' ' ? i + 2 : 0;
}

static void one_line(struct flow *f, const char *s, size_t n, uint8_t style)
{
    size_t indent = 0, mark, hashes = 0;
    int left;

    while (indent < n && s[indent] == ' ')
        indent++;
    left = indent < 16 ? (int)indent : 16;
    s += indent;
    n -= indent;
    while (hashes < n && hashes < 6 && s[hashes] == '#')
        hashes++;
    if (hashes > 0 && hashes < n && s[hashes] == ' ') {
        paragraph(f, s + hashes + 1, n - hashes - 1, left, left, SPN_STYLE_HEAD, NULL);
    } else if (is_rule(s, n)) {
        struct piece p = { "----------------", 16, SPN_STYLE_DIM, 0 };

        flow_put(f, &p, 1, left, false);
    } else if (n > 0 && s[0] == '|') { /* a table: as it stands */
        struct piece p = { s, n, style, 0 };

        flow_put(f, &p, 1, left, false);
    } else if (n > 0 && s[0] == '>') {
        struct piece bar = { "| ", 2, SPN_STYLE_DIM, 0 };
        size_t skip = n > 1 && s[1] == ' ' ? 2 : 1;

        paragraph(f, s + skip, n - skip, left, left + 2, style, &bar);
    } else if ((mark = list_mark(s, n)) > 0) {
        struct piece lead = { mark == 2 ? "* " : s, mark, SPN_STYLE_ACCENT, 0 };

        paragraph(f, s + mark, n - mark, left, left + (int)mark, style, &lead);
    } else {
        paragraph(f, s, n, left, left, style, NULL);
    }
}

void flow_markdown(struct flow *f, const char *text, size_t n, uint8_t style)
{
    struct piece pieces[PIECES_MAX];
    const char *language = NULL;
    size_t i = 0, language_n = 0, fence = 0;
    int state = 0;

    while (i < n) {
        const char *nl = memchr(text + i, '\n', n - i), *s = text + i;
        size_t k = nl != NULL ? (size_t)(nl - s) : n - i, marks = 0, blank = 0;

        while (blank < k && blank < 3 && s[blank] == ' ')
            blank++;
        while (blank + marks < k && s[blank + marks] == '`')
            marks++;
        if (fence == 0 && marks >= 3) {
            fence = marks;
            language = s + blank + marks;
            language_n = k - blank - marks;
            state = 0;
        } else if (fence > 0 && marks >= fence && blank + marks == k) {
            fence = 0;
        } else if (fence > 0) {
            flow_put(f, pieces, code_pieces(s, k, language, language_n, &state, pieces, PIECES_MAX),
                     2, true);
        } else {
            one_line(f, s, k, style);
        }
        i += k + 1;
    }
}
