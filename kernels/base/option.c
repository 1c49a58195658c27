#include "config.h"

#include "base/option.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OPTIONS_MAX    256
#define NAME_MAX_BYTES 64

struct slot {
    union spn_option_value value;
    char *text; /* owned copy behind value.s */
    char **many;
    size_t n_many;
    bool given;
};

struct spn_values {
    const struct spn_option *table;
    size_t n;
    struct slot *slot;
};

static const struct spn_option no_options[] = { { 0 } };

static size_t table_length(const struct spn_option *table)
{
    size_t n = 0;

    while (table[n].name != NULL)
        n++;
    return n;
}

/* Is A[0..n) the name B?  Dash and underscore are the same: keys are written with either. */
static bool same_name(const char *a, size_t n, const char *b)
{
    size_t i;

    for (i = 0; i < n; i++) {
        char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];

        if (y == '\0' || x != y)
            return false;
    }
    return b[n] == '\0';
}

const struct spn_option *spn_option_find(const struct spn_option *table, const char *name, size_t n)
{
    const struct spn_option *o;

    if (table == NULL || n == 0)
        return NULL;
    for (o = table; o->name != NULL; o++)
        if (same_name(name, n, o->name))
            return o;
    return NULL;
}

struct spn_values *spn_values_new(const struct spn_option *table)
{
    struct spn_values *v = spn_calloc(1, sizeof *v);
    size_t i;

    if (v == NULL)
        return NULL;
    v->table = table != NULL ? table : no_options;
    v->n = table_length(v->table);
    v->slot = spn_calloc(v->n + 1, sizeof *v->slot);
    if (v->slot == NULL) {
        spn_free(v);
        return NULL;
    }
    for (i = 0; i < v->n; i++)
        v->slot[i].value = v->table[i].dflt;
    return v;
}

void spn_values_free(struct spn_values *v)
{
    size_t i, k;

    if (v == NULL)
        return;
    for (i = 0; i < v->n; i++) {
        spn_free(v->slot[i].text);
        for (k = 0; k < v->slot[i].n_many; k++)
            spn_free(v->slot[i].many[k]);
        spn_free(v->slot[i].many);
    }
    spn_free(v->slot);
    spn_free(v);
}

const struct spn_option *spn_values_table(const struct spn_values *v)
{
    return v->table;
}

/* ---- reading ---- */

static const struct slot *find_slot(const struct spn_values *v, const char *name,
                                    enum spn_option_kind a, enum spn_option_kind b)
{
    const struct spn_option *o = spn_option_find(v->table, name, strlen(name));

    assert(o != NULL && (a == SPN_OPT_END || o->kind == a || o->kind == b));
    return &v->slot[o - v->table];
}

int64_t spn_value_int(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_INT, SPN_OPT_INT)->value.i;
}

double spn_value_float(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_FLOAT, SPN_OPT_FLOAT)->value.f;
}

const char *spn_value_str(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_STRING, SPN_OPT_CHOICE)->value.s;
}

bool spn_value_flag(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_FLAG, SPN_OPT_FLAG)->value.b;
}

bool spn_value_given(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_END, SPN_OPT_END)->given;
}

size_t spn_value_count(const struct spn_values *v, const char *name)
{
    return find_slot(v, name, SPN_OPT_STRING, SPN_OPT_STRING)->n_many;
}

const char *spn_value_nth(const struct spn_values *v, const char *name, size_t i)
{
    const struct slot *s = find_slot(v, name, SPN_OPT_STRING, SPN_OPT_STRING);

    return i < s->n_many ? s->many[i] : NULL;
}

/* ---- setting ---- */

int spn_edit_distance(const char *a, const char *b, int limit)
{
    int before[NAME_MAX_BYTES + 1], last[NAME_MAX_BYTES + 1], now[NAME_MAX_BYTES + 1];
    size_t la = strlen(a), lb = strlen(b), i, j;

    if (la > NAME_MAX_BYTES || lb > NAME_MAX_BYTES)
        return strcmp(a, b) == 0 ? 0 : limit + 1;
    for (j = 0; j <= lb; j++) {
        last[j] = (int)j;
        before[j] = 0;
    }
    for (i = 1; i <= la; i++) {
        now[0] = (int)i;
        for (j = 1; j <= lb; j++) {
            int cost = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < cost)
                cost = last[j] + 1;
            if (now[j - 1] + 1 < cost)
                cost = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < cost)
                cost = before[j - 2] + 1;
            now[j] = cost;
        }
        memcpy(before, last, sizeof before);
        memcpy(last, now, sizeof last);
    }
    return last[lb] > limit ? limit + 1 : last[lb];
}

static spn_status unknown_name(const struct spn_values *v, const char *name, struct spn_err *err)
{
    const struct spn_option *o, *near = NULL;
    int best = 3;

    for (o = v->table; o->name != NULL; o++) {
        int d = spn_edit_distance(name, o->name, 2);

        if (d < best) {
            best = d;
            near = o;
        }
    }
    spn_fail(err, SPN_EUSAGE, "%s: no such option", name);
    return near != NULL ? spn_cure(err, "%s", near->name) : SPN_EUSAGE;
}

static bool in_range(const struct spn_option *o, double x)
{
    return (o->lo == 0 && o->hi == 0) || (x >= o->lo && x <= o->hi);
}

static spn_status set_int(const struct spn_option *o, struct slot *s, const char *text,
                          struct spn_err *err)
{
    char *end;
    long long x;

    errno = 0;
    x = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return spn_fail(err, SPN_EUSAGE, "%s: \"%s\" is not a whole number", o->name, text);
    if (!in_range(o, (double)x))
        return spn_fail(err, SPN_EUSAGE, "%s: %lld is outside %.0f..%.0f", o->name, x, o->lo,
                        o->hi);
    s->value.i = x;
    return SPN_OK;
}

static spn_status set_float(const struct spn_option *o, struct slot *s, const char *text,
                            struct spn_err *err)
{
    char *end;
    double x;

    errno = 0;
    x = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(x) || (errno == ERANGE && fabs(x) > 1))
        return spn_fail(err, SPN_EUSAGE, "%s: \"%s\" is not a number", o->name, text);
    if (!in_range(o, x))
        return spn_fail(err, SPN_EUSAGE, "%s: %g is outside %g..%g", o->name, x, o->lo, o->hi);
    s->value.f = x;
    return SPN_OK;
}

static spn_status set_flag(const struct spn_option *o, struct slot *s, const char *text,
                           struct spn_err *err)
{
    static const char *const yes[] = { "yes", "on", "true", "1" }, *const no[] = { "no", "off",
                                                                                   "false", "0" };
    size_t i;

    for (i = 0; i < 4; i++)
        if (text == NULL || strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            s->value.b = text == NULL || strcmp(text, yes[i]) == 0;
            return SPN_OK;
        }
    return spn_fail(err, SPN_EUSAGE, "%s: \"%s\" is neither yes nor no", o->name, text);
}

/* Is WORD one of the words in LIST, which are divided by blanks? */
static bool is_choice(const char *list, const char *word)
{
    size_t n = strlen(word);
    const char *p = list;

    while (*p != '\0') {
        size_t k = strcspn(p, " ");

        if (k == n && k > 0 && memcmp(p, word, k) == 0)
            return true;
        p += k;
        p += strspn(p, " ");
    }
    return false;
}

static spn_status set_text(const struct spn_option *o, struct slot *s, const char *text,
                           struct spn_err *err)
{
    char *copy;

    if (o->kind == SPN_OPT_CHOICE && !is_choice(o->choices, text))
        return spn_fail(err, SPN_EUSAGE, "%s: \"%s\" is none of: %s", o->name, text, o->choices);
    copy = spn_strdup(text);
    if (copy == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu bytes", o->name, strlen(text));
    if (o->many) {
        char **grown = spn_realloc(s->many, s->n_many + 1, sizeof *grown);

        if (grown == NULL) {
            spn_free(copy);
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu values", o->name,
                            s->n_many + 1);
        }
        s->many = grown;
        s->many[s->n_many++] = copy;
        s->value.s = copy;
        return SPN_OK;
    }
    spn_free(s->text);
    s->text = copy;
    s->value.s = copy;
    return SPN_OK;
}

spn_status spn_values_set(struct spn_values *v, const char *name, const char *text,
                          struct spn_err *err)
{
    const struct spn_option *o = spn_option_find(v->table, name, strlen(name));
    struct slot *s;
    spn_status st;

    if (o == NULL)
        return unknown_name(v, name, err);
    s = &v->slot[o - v->table];
    if (text == NULL && o->kind != SPN_OPT_FLAG)
        return spn_fail(err, SPN_EUSAGE, "%s: a value is missing", o->name);
    switch (o->kind) {
    case SPN_OPT_INT:
        st = set_int(o, s, text, err);
        break;
    case SPN_OPT_FLOAT:
        st = set_float(o, s, text, err);
        break;
    case SPN_OPT_FLAG:
        st = set_flag(o, s, text, err);
        break;
    default:
        st = set_text(o, s, text, err);
        break;
    }
    if (st == SPN_OK)
        s->given = true;
    return st;
}

spn_status spn_values_parse(struct spn_values *v, const char *key_values, struct spn_err *err)
{
    const char *p = key_values != NULL ? key_values : "";
    spn_status st = SPN_OK;
    char *item;

    item = spn_calloc(strlen(p) + 1, 1);
    if (item == NULL)
        return spn_fail(err, SPN_ENOMEM, "options: no memory for %zu bytes", strlen(p) + 1);
    while (st == SPN_OK && *p != '\0') {
        char *eq;
        size_t n = 0;

        while (*p != '\0' && *p != ',') {
            if (p[0] == '\\' && p[1] == ',')
                p++;
            item[n++] = *p++;
        }
        item[n] = '\0';
        if (*p == ',')
            p++;
        eq = strchr(item, '=');
        if (eq != NULL)
            *eq = '\0';
        if (item[0] == '\0')
            st = spn_fail(err, SPN_EUSAGE, "options: \"%s\" has an empty key", key_values);
        else
            st = spn_values_set(v, item, eq != NULL ? eq + 1 : NULL, err);
    }
    spn_free(item);
    return st;
}

/* ---- tables ---- */

static bool good_name(const char *name)
{
    size_t i, n = strlen(name);

    if (n == 0 || n > NAME_MAX_BYTES || name[0] == '-' || name[n - 1] == '-')
        return false;
    for (i = 0; i < n; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
              name[i] == '-' || name[i] == '_'))
            return false;
    return true;
}

static spn_status check_option(const struct spn_option *o, const char *who, struct spn_err *err)
{
    if (!good_name(o->name))
        return spn_fail(err, SPN_EUSAGE,
                        "%s: option \"%.64s\": a name has letters a-z, digits and dashes", who,
                        o->name);
    if (o->help == NULL || o->help[0] == '\0')
        return spn_fail(err, SPN_EUSAGE, "%s: option %s has no help", who, o->name);
    if (o->lo > o->hi)
        return spn_fail(err, SPN_EUSAGE, "%s: option %s: range %g..%g is empty", who, o->name,
                        o->lo, o->hi);
    switch (o->kind) {
    case SPN_OPT_FLAG:
    case SPN_OPT_STRING:
        return SPN_OK;
    case SPN_OPT_INT:
        if (!in_range(o, (double)o->dflt.i))
            return spn_fail(err, SPN_EUSAGE, "%s: option %s: default %lld is outside %g..%g", who,
                            o->name, (long long)o->dflt.i, o->lo, o->hi);
        return SPN_OK;
    case SPN_OPT_FLOAT:
        if (!in_range(o, o->dflt.f))
            return spn_fail(err, SPN_EUSAGE, "%s: option %s: default %g is outside %g..%g", who,
                            o->name, o->dflt.f, o->lo, o->hi);
        return SPN_OK;
    case SPN_OPT_CHOICE:
        if (o->choices == NULL || o->choices[0] == '\0')
            return spn_fail(err, SPN_EUSAGE, "%s: option %s has no choices", who, o->name);
        if (o->dflt.s != NULL && !is_choice(o->choices, o->dflt.s))
            return spn_fail(err, SPN_EUSAGE, "%s: option %s: default \"%s\" is none of: %s", who,
                            o->name, o->dflt.s, o->choices);
        return SPN_OK;
    default:
        return spn_fail(err, SPN_EUSAGE, "%s: option %s has kind %d, kinds go to %d", who, o->name,
                        (int)o->kind, SPN_OPT_CHOICE);
    }
}

spn_status spn_options_check(const struct spn_option *table, const char *who, struct spn_err *err)
{
    size_t i, k;

    if (table == NULL)
        return SPN_OK;
    for (i = 0; table[i].name != NULL; i++) {
        spn_status st;

        if (i == OPTIONS_MAX)
            return spn_fail(err, SPN_EUSAGE, "%s: more than %d options", who, OPTIONS_MAX);
        st = check_option(&table[i], who, err);
        if (st != SPN_OK)
            return st;
        for (k = 0; k < i; k++) {
            if (same_name(table[i].name, strlen(table[i].name), table[k].name))
                return spn_fail(err, SPN_EUSAGE, "%s: option %s is there twice", who,
                                table[i].name);
            if (table[i].letter != 0 && table[i].letter == table[k].letter)
                return spn_fail(err, SPN_EUSAGE, "%s: -%c is %s and %s", who, table[i].letter,
                                table[k].name, table[i].name);
        }
    }
    return SPN_OK;
}

void spn_option_default_text(const struct spn_option *o, char *out, size_t room)
{
    switch (o->kind) {
    case SPN_OPT_INT:
        snprintf(out, room, "%lld", (long long)o->dflt.i);
        break;
    case SPN_OPT_FLOAT:
        snprintf(out, room, "%.9g", o->dflt.f);
        break;
    case SPN_OPT_FLAG:
        snprintf(out, room, "%s", o->dflt.b ? "on" : "off");
        break;
    default:
        snprintf(out, room, "%s", o->dflt.s != NULL ? o->dflt.s : "");
        break;
    }
}
