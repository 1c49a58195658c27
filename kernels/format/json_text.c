/* json_text.c - walking and bounded parsing of JSON texts. */
#include "config.h"

#include "format/json_text.h"

#include <string.h>

#include "base/mem.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A number or a bare word: what lies between punctuation, strings and space. */
static bool is_word(char c)
{
    return !is_space(c) && c != '\0' && strchr("{}[],:\"", c) == NULL;
}

static size_t skip_space(struct k_text t, size_t i)
{
    while (i < t.n && is_space(t.s[i]))
        i++;
    return i;
}

static size_t skip_word(struct k_text t, size_t i)
{
    while (i < t.n && is_word(t.s[i]))
        i++;
    return i;
}

/* I is at a quote; past the closing one, or t.n when there is none. */
static size_t skip_string(struct k_text t, size_t i)
{
    for (i++; i < t.n && t.s[i] != '"'; i++)
        if (t.s[i] == '\\')
            i++;
    return i < t.n ? i + 1 : t.n;
}

/* Past the value at I, or I itself when there is none or it nests too deep. What is inside is
 * checked when it is parsed. */
static size_t skip_value(struct k_text t, size_t i)
{
    size_t from = i;
    int depth = 0;

    do {
        if (i >= t.n)
            return from;
        if (t.s[i] == '"') {
            i = skip_string(t, i);
        } else if (is_word(t.s[i])) {
            i = skip_word(t, i);
        } else {
            if (t.s[i] == '{' || t.s[i] == '[')
                depth++;
            else if (t.s[i] == '}' || t.s[i] == ']')
                depth--;
            else if (depth == 0)
                return from;
            if (depth < 0 || depth > K_JSON_DEPTH_MAX)
                return from;
            i++;
        }
    } while (depth > 0);
    return i;
}

static spn_status broken(const struct k_json_walk *w, const char *wanted, struct spn_err *err)
{
    return spn_fail(err, SPN_EFORMAT, "%s: not a JSON object: %s wanted at byte %zu of %zu",
                    w->place, wanted, w->base + w->pos, w->base + w->text.n);
}

spn_status k_json_walk_begin(struct k_json_walk *w, const char *place, struct k_text text,
                             size_t base, struct spn_err *err)
{
    *w = (struct k_json_walk){ .place = place, .text = text, .base = base };
    w->pos = skip_space(text, 0);
    if (w->pos >= text.n || text.s[w->pos] != '{')
        return broken(w, "{", err);
    w->pos++;
    return SPN_OK;
}

spn_status k_json_walk_next(struct k_json_walk *w, struct k_text *key, struct k_text *value,
                            struct spn_err *err)
{
    struct k_text t = w->text;
    size_t i = skip_space(t, w->pos), end;
    bool first = w->pos > 0 && t.s[w->pos - 1] == '{';

    w->pos = i;
    if (i < t.n && t.s[i] == '}') {
        w->pos = skip_space(t, i + 1);
        if (w->pos < t.n)
            return broken(w, "the end", err);
        w->done = true;
        return SPN_OK;
    }
    if (!first) {
        if (i >= t.n || t.s[i] != ',')
            return broken(w, ", or }", err);
        w->pos = i = skip_space(t, i + 1);
    }
    if (i >= t.n || t.s[i] != '"')
        return broken(w, "a key", err);
    end = skip_string(t, i);
    *key = (struct k_text){ t.s + i, end - i };
    w->pos = i = skip_space(t, end);
    if (i >= t.n || t.s[i] != ':')
        return broken(w, ":", err);
    w->pos = i = skip_space(t, i + 1);
    end = skip_value(t, i);
    if (end == i)
        return broken(w, "a value", err);
    *value = (struct k_text){ t.s + i, end - i };
    w->pos = end;
    return SPN_OK;
}

static bool same(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* Copy a word so that the parser takes it; at most 2 bytes longer, and never more than twice as
 * long. */
static size_t copy_word(char *to, const char *s, size_t n)
{
    size_t digits = 0;

    if (same(s, n, "NaN") || same(s, n, "Infinity") || same(s, n, "-Infinity")) {
        memcpy(to, "null", 4);
        return 4;
    }
    memcpy(to, s, n);
    for (size_t i = s[0] == '-' ? 1 : 0; i < n; i++, digits++)
        if (s[i] < '0' || s[i] > '9')
            return n;
    if (digits <= 18 || (digits == 19 && memcmp(s + n - 19, "9223372036854775807", 19) <= 0))
        return n;
    memcpy(to + n, "e0", 2);
    return n + 2;
}

/* OUT has room for twice the text. Counts what would become values before any of them is made. */
static spn_status tidy(char *out, size_t *length, const char *place, struct k_text t, size_t base,
                       struct spn_err *err)
{
    size_t n = 0, values = 1, end;
    int depth = 0;

    for (size_t i = 0; i < t.n; i = end) {
        end = i + 1;
        if (t.s[i] == '"') {
            end = skip_string(t, i);
        } else if (is_word(t.s[i])) {
            end = skip_word(t, i);
            n += copy_word(out + n, t.s + i, end - i);
            continue;
        } else if (t.s[i] == ',' || t.s[i] == ':') {
            values++;
        } else if (t.s[i] == '{' || t.s[i] == '[') {
            values++;
            depth++;
        } else if (t.s[i] == '}' || t.s[i] == ']') {
            depth--;
        }
        if (depth > K_JSON_DEPTH_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s: JSON nested deeper than %d at byte %zu", place,
                            K_JSON_DEPTH_MAX, base + i);
        if (values > K_JSON_VALUES_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s: JSON of more than %d values at byte %zu", place,
                            K_JSON_VALUES_MAX, base + i);
        memcpy(out + n, t.s + i, end - i);
        n += end - i;
    }
    *length = n;
    return SPN_OK;
}

spn_status k_json_load(json_t **out, const char *place, struct k_text text, size_t base,
                       struct spn_err *err)
{
    json_error_t why;
    size_t length = 0;
    char *copy;
    spn_status st;

    if (text.n > K_JSON_BYTES_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: JSON value of %zu bytes at byte %zu, %d are read",
                        place, text.n, base, K_JSON_BYTES_MAX);
    copy = spn_calloc(text.n + 1, 2);
    if (copy == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to parse %zu bytes of JSON", place, text.n);
    st = tidy(copy, &length, place, text, base, err);
    if (st == SPN_OK) {
        *out = json_loadb(copy, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                          &why);
        if (*out == NULL && (json_error_code(&why) == json_error_out_of_memory ||
                             json_error_code(&why) == json_error_unknown))
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory to parse %zu bytes of JSON", place,
                          text.n);
        else if (*out == NULL)
            st = spn_fail(err, SPN_EFORMAT, "%s: not JSON near byte %zu: %s", place,
                          base + (why.position > 0 ? (size_t)why.position : 0), why.text);
    }
    spn_free(copy);
    return st;
}
