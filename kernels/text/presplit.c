/* presplit.c - see presplit.h. */
#include "config.h"

#include "text/presplit.h"

#include <stdbool.h>
#include <stdint.h>

#include "text/unicode.h"

#define NOTHING ((enum uni_class) - 1) /* past the end */

struct glance {
    int32_t c;
    enum uni_class kind;
    size_t end;
};

static struct glance look(const unsigned char *s, size_t n, size_t i)
{
    struct glance g = { -1, NOTHING, i };
    unsigned length;

    if (i >= n)
        return g;
    g.c = uni_decode(s + i, n - i, &length);
    g.kind = uni_class_of(g.c);
    g.end = i + length;
    return g;
}

/* End of the run of KIND from byte I on, of MOST characters. */
static size_t run(const unsigned char *s, size_t n, size_t i, enum uni_class kind, size_t most)
{
    for (; most > 0; most--) {
        struct glance g = look(s, n, i);

        if (g.kind != kind)
            break;
        i = g.end;
    }
    return i;
}

/* Length of what follows an apostrophe in 's 't 're 've 'm 'll 'd, 0: none. Without case, U+017F is
 * an s too. */
static size_t contraction(const unsigned char *s, size_t n, size_t i, bool any_case)
{
    size_t left = n - i;
    unsigned char fold = any_case ? 0x20 : 0, a, b;

    if (left < 1)
        return 0;
    a = s[i] | fold;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 1;
    if (left < 2)
        return 0;
    b = s[i + 1] | fold;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return 2;
    return any_case && s[i] == 0xc5 && s[i + 1] == 0xbf ? 2 : 0;
}

/* \s+(?!\S)|\s+ : a run of spaces leaves its last one to the word that follows, unless it is the
 * only one. */
static size_t spaces(const unsigned char *s, size_t n, size_t i)
{
    size_t last = i, end = i;

    for (;;) {
        struct glance g = look(s, n, end);

        if (g.kind == NOTHING)
            return end;
        if (g.kind != UNI_SPACE)
            break;
        last = end;
        end = g.end;
    }
    return last > i ? last : end;
}

size_t presplit_gpt2(const unsigned char *s, size_t n, size_t i)
{
    struct glance g = look(s, n, i), first = g;
    size_t length;

    if (g.c == '\'' && (length = contraction(s, n, i + 1, false)) > 0)
        return i + 1 + length;
    if (g.c == ' ')
        first = look(s, n, g.end);
    if (first.kind != NOTHING && first.kind != UNI_SPACE)
        return run(s, n, first.end, first.kind, SIZE_MAX);
    return spaces(s, n, i);
}

static bool is_line_end(int32_t c)
{
    return c == '\r' || c == '\n';
}

/* \s*[\r\n]+ : up to the last line end of the run of spaces; I when there is none. */
static size_t lines(const unsigned char *s, size_t n, size_t i)
{
    size_t end = i;

    for (struct glance g = look(s, n, i); g.kind == UNI_SPACE; g = look(s, n, g.end))
        if (is_line_end(g.c))
            end = g.end;
    return end;
}

/* The expressions of Llama 3 and Qwen 2 differ in how many digits make a piece. */
static size_t modern(const unsigned char *s, size_t n, size_t i, size_t digits)
{
    struct glance g = look(s, n, i), next;
    size_t length;

    if (g.c == '\'' && (length = contraction(s, n, i + 1, true)) > 0)
        return i + 1 + length;
    if (g.kind == UNI_LETTER)
        return run(s, n, g.end, UNI_LETTER, SIZE_MAX);
    if (g.kind == UNI_NUMBER)
        return run(s, n, i, UNI_NUMBER, digits);
    next = look(s, n, g.end);
    if (!is_line_end(g.c) && next.kind == UNI_LETTER)
        return run(s, n, next.end, UNI_LETTER, SIZE_MAX);
    if (g.kind == UNI_OTHER || (g.c == ' ' && next.kind == UNI_OTHER)) {
        i = run(s, n, g.end, UNI_OTHER, SIZE_MAX);
        while (i < n && is_line_end(s[i]))
            i++;
        return i;
    }
    length = lines(s, n, i);
    return length > i ? length : spaces(s, n, i);
}

size_t presplit_llama3(const unsigned char *s, size_t n, size_t i)
{
    return modern(s, n, i, 3);
}

size_t presplit_qwen2(const unsigned char *s, size_t n, size_t i)
{
    return modern(s, n, i, 1);
}

size_t presplit_digit(const unsigned char *s, size_t n, size_t i)
{
    struct glance g = look(s, n, i);

    if (g.kind == UNI_NUMBER)
        return g.end;
    while (g.kind != NOTHING && g.kind != UNI_NUMBER) {
        i = g.end;
        g = look(s, n, i);
    }
    return i;
}
