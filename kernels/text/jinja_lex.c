/* jinja_lex.c - a template cut into tokens, with the white space around tags gone where Jinja takes
 * it: trim_blocks and lstrip_blocks are on, as for every chat template. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_parts.h"
#include "text/unicode.h"

struct lexer {
    const char *s;
    size_t n, at;
    int line;
    struct spn_arena *arena;
    struct spn_err *err;
    struct j_token *token;
    size_t count, room;
};

static spn_status fail(struct lexer *x, const char *what)
{
    return spn_fail(x->err, SPN_EFORMAT, "chat template, line %d: %s", x->line, what);
}

static spn_status add(struct lexer *x, struct j_token t)
{
    if (x->count == x->room) {
        size_t room = x->room < 256 ? 256 : x->room * 2;
        struct j_token *grown = spn_arena_alloc(x->arena, room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(x->err, SPN_ENOMEM, "chat template: out of memory at line %d", x->line);
        if (x->count > 0)
            memcpy(grown, x->token, x->count * sizeof *grown);
        x->token = grown;
        x->room = room;
    }
    t.line = x->line;
    x->token[x->count++] = t;
    return SPN_OK;
}

static bool here(const struct lexer *x, size_t at, const char *text)
{
    size_t n = strlen(text);

    return n <= x->n - at && memcmp(x->s + at, text, n) == 0;
}

static size_t space_at(const struct lexer *x, size_t at)
{
    unsigned length;

    if (at >= x->n || !j_is_space(uni_decode((const unsigned char *)x->s + at, x->n - at, &length)))
        return 0;
    return length;
}

static void move(struct lexer *x, size_t to)
{
    for (; x->at < to; x->at++)
        x->line += x->s[x->at] == '\n';
}

static void skip_spaces(struct lexer *x)
{
    size_t at = x->at, length;

    while ((length = space_at(x, at)) > 0)
        at += length;
    if (at > x->at)
        move(x, at);
}

/* Text from BEGIN to END, less what the tag at END takes of it. */
static spn_status add_data(struct lexer *x, size_t begin, size_t end, char sign, bool strips_line,
                           bool line_start)
{
    struct j_str s = { x->s + begin, NULL, end - begin };

    if (sign == '-') {
        s = j_strip(s, NULL, false, true);
    } else if (sign != '+' && strips_line) {
        size_t line = s.n;

        while (line > 0 && s.s[line - 1] != '\n')
            line--;
        if ((line > 0 || line_start) &&
            j_strip(j_sub(s, line, s.n - line), NULL, true, true).n == 0)
            s.n = line;
    }
    return s.n == 0 ? SPN_OK : add(x, (struct j_token){ .kind = JT_DATA, .s = s.s, .n = s.n });
}

/* Past the end of a tag: MARK is "%}", "#}" or "}}". */
static void end_tag(struct lexer *x, char sign, bool trims)
{
    move(x, x->at + 2 + (sign != '\0'));
    if (sign == '-')
        skip_spaces(x);
    else if (sign == '\0' && trims && x->at < x->n && x->s[x->at] == '\n')
        move(x, x->at + 1);
}

/* The sign before the end MARK at AT, -1: no end is here. */
static int end_here(const struct lexer *x, size_t at, const char *mark, bool plus)
{
    if (here(x, at, mark))
        return '\0';
    if (at < x->n && (x->s[at] == '-' || (plus && x->s[at] == '+')) && here(x, at + 1, mark))
        return x->s[at];
    return -1;
}

/* ---- inside a tag ---- */

static int hex_value(const char *s, size_t n, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        *out = *out << 4 | (uint32_t)digit;
    }
    return 0;
}

/* One escape at S[N] behind its backslash into OUT; bytes read, 0: it is none. */
static size_t escape(const char *s, size_t n, unsigned char *out, unsigned *w)
{
    static const char plain[] = "\\\\''\"\"n\nt\tr\rb\bf\fv\va\a";
    size_t digits = n == 0 ? 0 : s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : s[0] == 'U' ? 8 : 0;
    uint32_t c = 0;

    *w = 0;
    if (n == 0)
        return 0;
    if (s[0] == '\n')
        return 1;
    if (digits > 0) {
        if (n <= digits || hex_value(s + 1, digits, &c) != 0 || c > 0x10ffff)
            return 0;
        *w = uni_encode(c, out);
        return digits + 1;
    }
    if (s[0] >= '0' && s[0] <= '7') {
        size_t i = 0;

        for (; i < 3 && i < n && s[i] >= '0' && s[i] <= '7'; i++)
            c = c * 8 + (uint32_t)(s[i] - '0');
        *w = uni_encode(c, out);
        return i;
    }
    for (size_t i = 0; i + 1 < sizeof plain - 1; i += 2)
        if (s[0] == plain[i]) {
            out[0] = (unsigned char)plain[i + 1];
            *w = 1;
            return 1;
        }
    return 0;
}

static spn_status lex_string(struct lexer *x)
{
    char quote = x->s[x->at];
    size_t begin = x->at + 1, end = begin, w = 0;
    char *s;
    spn_status st;

    while (end < x->n && x->s[end] != quote)
        end += x->s[end] == '\\' ? 2 : 1;
    if (end >= x->n)
        return fail(x, "a string has no end");
    s = spn_arena_alloc(x->arena, end - begin + 4, 1);
    if (s == NULL)
        return spn_fail(x->err, SPN_ENOMEM, "chat template: out of memory at line %d", x->line);
    for (size_t i = begin; i < end;) {
        unsigned got = 0;
        size_t used = x->s[i] == '\\' ? escape(x->s + i + 1, end - i - 1, (unsigned char *)s + w,
                                               &got)
                                      : 0;

        if (used > 0) {
            w += got;
            i += used + 1;
        } else {
            s[w++] = x->s[i++];
        }
    }
    st = add(x, (struct j_token){ .kind = JT_STRING, .s = s, .n = w });
    move(x, end + 1);
    return st;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static spn_status lex_number(struct lexer *x)
{
    char text[64];
    size_t at = x->at, w = 0;
    bool real = false;
    struct j_token t = { .kind = JT_INT };

    while (at < x->n && w + 1 < sizeof text) {
        char c = x->s[at];
        bool exponent = (c == 'e' || c == 'E') && at + 1 < x->n &&
                        (is_digit(x->s[at + 1]) ||
                         ((x->s[at + 1] == '-' || x->s[at + 1] == '+') && at + 2 < x->n &&
                          is_digit(x->s[at + 2])));

        if (c == '_' && at + 1 < x->n && is_digit(x->s[at + 1])) {
            at++;
            continue;
        }
        if (exponent) {
            text[w++] = c;
            if (w + 2 < sizeof text)
                text[w++] = x->s[at + 1];
            at += 2;
            real = true;
            continue;
        }
        if (c == '.' && !real && at + 1 < x->n && is_digit(x->s[at + 1]))
            real = true;
        else if (!is_digit(c))
            break;
        text[w++] = c;
        at++;
    }
    text[w] = '\0';
    errno = 0;
    if (real) {
        t.kind = JT_FLOAT;
        t.f = strtod(text, NULL);
    } else {
        t.i = strtoll(text, NULL, 10);
    }
    if (errno == ERANGE)
        return fail(x, "a number is too large");
    move(x, at);
    return add(x, t);
}

static const char *const operators[] = { "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/",
                                         "%",  "~",  "<",  ">",  "=",  "(",  ")", "[", "]", "{",
                                         "}",  ",",  ":",  ".",  "|",  ";" };

static spn_status lex_operator(struct lexer *x, int *depth)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        const char *o = operators[i];
        spn_status st;

        if (!here(x, x->at, o))
            continue;
        if (strchr("([{", o[0]) != NULL)
            ++*depth;
        if (strchr(")]}", o[0]) != NULL && *depth > 0)
            --*depth;
        st = add(x, (struct j_token){ .kind = JT_OP, .s = o, .n = strlen(o) });
        move(x, x->at + strlen(o));
        return st;
    }
    return fail(x, "a character stands where none is expected");
}

/* Tokens up to the tag's end, which is read too. */
static spn_status lex_inside(struct lexer *x, bool block)
{
    const char *mark = block ? "%}" : "}}";
    spn_status st = SPN_OK;
    int depth = 0;

    while (st == SPN_OK) {
        int sign;

        skip_spaces(x);
        if (x->at >= x->n)
            return fail(x, block ? "a {% has no %}" : "a {{ has no }}");
        sign = depth > 0 ? -1 : end_here(x, x->at, mark, block);
        if (sign >= 0) {
            st = add(x, (struct j_token){ .kind = block ? JT_BLOCK_END : JT_PRINT_END });
            end_tag(x, (char)sign, block);
            return st;
        }
        if (x->s[x->at] == '"' || x->s[x->at] == '\'')
            st = lex_string(x);
        else if (is_digit(x->s[x->at]))
            st = lex_number(x);
        else if (is_name(x->s[x->at])) {
            size_t at = x->at;

            while (at < x->n && (is_name(x->s[at]) || is_digit(x->s[at])))
                at++;
            st = add(x, (struct j_token){ .kind = JT_NAME, .s = x->s + x->at, .n = at - x->at });
            move(x, at);
        } else {
            st = lex_operator(x, &depth);
        }
    }
    return st;
}

/* "{% WORD %}" at AT: where its end mark begins, with the sign of its begin; 0: it is not. */
static size_t word_tag(const struct lexer *x, size_t at, const char *word, char *begin_sign)
{
    size_t length, n = strlen(word);

    if (!here(x, at, "{%"))
        return 0;
    at += 2;
    *begin_sign = at < x->n && (x->s[at] == '-' || x->s[at] == '+') ? x->s[at] : '\0';
    at += *begin_sign != '\0';
    while ((length = space_at(x, at)) > 0)
        at += length;
    if (!here(x, at, word))
        return 0;
    at += n;
    while ((length = space_at(x, at)) > 0)
        at += length;
    return end_here(x, at, "%}", true) >= 0 ? at : 0;
}

static spn_status lex_raw(struct lexer *x, size_t end)
{
    char sign;
    size_t begin, at;
    spn_status st;

    move(x, end);
    end_tag(x, (char)end_here(x, x->at, "%}", true), false);
    begin = x->at;
    for (at = begin; at < x->n; at++)
        if (x->s[at] == '{' && (end = word_tag(x, at, "endraw", &sign)) > 0) {
            st = add_data(x, begin, at, sign, true, x->s[begin - 1] == '\n');
            move(x, end);
            end_tag(x, (char)end_here(x, x->at, "%}", true), true);
            return st;
        }
    return fail(x, "a {% raw %} has no {% endraw %}");
}

static spn_status lex_comment(struct lexer *x)
{
    for (size_t at = x->at + 2; at < x->n; at++) {
        int sign = end_here(x, at, "#}", true);

        if (sign < 0)
            continue;
        move(x, at);
        end_tag(x, (char)sign, true);
        return SPN_OK;
    }
    return fail(x, "a comment has no end");
}

static spn_status lex_tag(struct lexer *x, size_t data)
{
    bool print = here(x, x->at, "{{"), comment = here(x, x->at, "{#");
    char sign = x->at + 2 < x->n ? x->s[x->at + 2] : '\0', raw_sign;
    size_t at = x->at, raw = word_tag(x, at, "raw", &raw_sign);
    bool line_start = data == 0 || x->s[data - 1] == '\n';
    spn_status st;

    if (sign != '-' && sign != '+')
        sign = '\0';
    /* Between two tags no line starts unless the first one's end took the line's end along. */
    st = add_data(x, data, at, sign, !print, line_start);
    if (st != SPN_OK)
        return st;
    if (comment)
        return lex_comment(x);
    if (raw > 0)
        return lex_raw(x, raw);
    st = add(x, (struct j_token){ .kind = print ? JT_PRINT_BEGIN : JT_BLOCK_BEGIN });
    move(x, at + 2 + (sign != '\0'));
    return st == SPN_OK ? lex_inside(x, !print) : st;
}

spn_status jinja_lex(struct j_token **out, size_t *n, const char *source, size_t length,
                     struct spn_arena *arena, struct spn_err *err)
{
    struct lexer x = { .line = 1, .arena = arena, .err = err };
    char *copy = spn_arena_alloc(arena, length + 1, 1);
    size_t data = 0;
    spn_status st = SPN_OK;

    if (copy == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat template: out of memory for %zu bytes", length);
    for (size_t i = 0; i < length; i++) { /* every kind of line end is one */
        if (source[i] == '\r' && i + 1 < length && source[i + 1] == '\n')
            continue;
        copy[x.n++] = source[i] == '\r' ? '\n' : source[i];
    }
    if (x.n > 0 && copy[x.n - 1] == '\n')
        x.n--;
    x.s = copy;
    while (st == SPN_OK) {
        const char *brace = x.at < x.n ? memchr(x.s + x.at, '{', x.n - x.at) : NULL;
        size_t at = brace == NULL ? x.n : (size_t)(brace - x.s);

        move(&x, at);
        if (at >= x.n)
            break;
        if (here(&x, at, "{{") || here(&x, at, "{%") || here(&x, at, "{#")) {
            st = lex_tag(&x, data);
            data = x.at;
        } else {
            move(&x, at + 1);
        }
    }
    if (st == SPN_OK)
        st = add_data(&x, data, x.n, '+', false, false);
    if (st == SPN_OK)
        st = add(&x, (struct j_token){ .kind = JT_END });
    *out = x.token;
    *n = x.count;
    return st;
}
