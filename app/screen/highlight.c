/* highlight.c - colours in code: comments, strings, numbers and the words that most languages
 * share. One line at a time; only an open comment is carried over. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "screen/flow.h"

enum { IN_CODE, IN_COMMENT, IN_TRIPLE };

static const char words[] =
    " and as assert async await bool break case catch char class const continue def default del do "
    "done double elif else elseif end enum except export extern false fi finally float fn for from "
    "func function global goto if impl import in include inline int interface is lambda let long "
    "match mod mut namespace new nil none None not null NULL or pass private protected pub public "
    "raise return self short signed sizeof static str struct super switch template then this throw "
    "trait True true False try type typedef typename union unsigned use using var virtual void "
    "volatile where while with yield ";

static bool keyword(const char *s, size_t n)
{
    const char *p = words;

    if (n < 2 || n > 12)
        return false;
    while ((p = memchr(p, s[0], sizeof words - 1 - (size_t)(p - words))) != NULL) {
        if (p[-1] == ' ' && strncmp(p, s, n) == 0 && p[n] == ' ')
            return true;
        p++;
    }
    return false;
}

static bool named(const char *language, size_t n, const char *list)
{
    const char *p = list;
    size_t k = 0;

    while (n > 0 && isspace((unsigned char)*language)) {
        language++;
        n--;
    }
    while (k < n && (isalnum((unsigned char)language[k]) || language[k] == '+'))
        k++;
    for (; k > 0 && (p = strchr(p, ' ')) != NULL; p++)
        if (strncmp(p + 1, language, k) == 0 && (p[k + 1] == ' ' || p[k + 1] == '\0'))
            return true;
    return false;
}

static size_t run(struct piece *out, size_t n, size_t room, const char *s, size_t length,
                  uint8_t style)
{
    if (length == 0)
        return n;
    if (n > 0 && out[n - 1].style == style && out[n - 1].text + out[n - 1].n == s) {
        out[n - 1].n += length;
        return n;
    }
    if (n == room) { /* so many changes on one line: the rest keeps the last style */
        out[n - 1].n += length;
        return n;
    }
    out[n] = (struct piece){ s, length, style, 0 };
    return n + 1;
}

static size_t string_end(const char *s, size_t n, size_t i)
{
    char quote = s[i];

    for (i++; i < n && s[i] != quote; i++)
        if (s[i] == '\\')
            i++;
    return i < n ? i + 1 : n;
}

size_t code_pieces(const char *s, size_t n, const char *language, size_t language_n, int *state,
                   struct piece *out, size_t room)
{
    bool hash = !named(language, language_n,
                       " c cpp c++ h js javascript ts typescript java go rust "
                       "json css csharp swift kotlin");
    bool slashes = !named(language, language_n,
                          " py python sh bash shell zsh make yaml toml r rb "
                          "ruby perl");
    bool dashes = named(language, language_n, " sql lua haskell hs");
    size_t i = 0, k = 0;

    while (i < n) {
        size_t from = i;
        uint8_t style = SPN_STYLE_CODE;

        if (*state == IN_COMMENT) {
            while (i < n && !(s[i] == '*' && i + 1 < n && s[i + 1] == '/'))
                i++;
            *state = i < n ? IN_CODE : IN_COMMENT;
            i = i < n ? i + 2 : n;
            style = SPN_STYLE_COMMENT;
        } else if (*state == IN_TRIPLE) {
            while (i < n && !(i + 2 < n && memcmp(s + i, "\"\"\"", 3) == 0))
                i++;
            *state = i < n ? IN_CODE : IN_TRIPLE;
            i = i < n ? i + 3 : n;
            style = SPN_STYLE_STRING;
        } else if (slashes && i + 1 < n && s[i] == '/' && s[i + 1] == '*') {
            *state = IN_COMMENT;
            i += 2;
            style = SPN_STYLE_COMMENT;
        } else if ((slashes && i + 1 < n && s[i] == '/' && s[i + 1] == '/' &&
                    (i == 0 || s[i - 1] != ':')) ||
                   (hash && s[i] == '#' && (i == 0 || s[i - 1] == ' ')) ||
                   (dashes && i + 1 < n && s[i] == '-' && s[i + 1] == '-')) {
            i = n;
            style = SPN_STYLE_COMMENT;
        } else if (hash && i + 2 < n && memcmp(s + i, "\"\"\"", 3) == 0) {
            *state = IN_TRIPLE;
            i += 3;
            style = SPN_STYLE_STRING;
        } else if (s[i] == '"' || s[i] == '`' ||
                   (s[i] == '\'' && (i == 0 || !isalnum((unsigned char)s[i - 1])))) {
            i = string_end(s, n, i);
            style = SPN_STYLE_STRING;
        } else if (isalpha((unsigned char)s[i]) || s[i] == '_') {
            while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '_'))
                i++;
            style = keyword(s + from, i - from) ? SPN_STYLE_KEYWORD : SPN_STYLE_CODE;
        } else if (isdigit((unsigned char)s[i])) {
            while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '.'))
                i++;
            style = SPN_STYLE_SERIES_2;
        } else {
            i++;
        }
        k = run(out, k, room, s + from, i - from, style);
    }
    return k;
}
