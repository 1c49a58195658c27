/* gbnf.c - GBNF to rules over bytes: classes of characters become the byte sequences that UTF-8
 * writes them as, so that nothing later has to know about characters cut by token borders. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_rules.h"
#include "text/unicode.h"

enum { DEPTH_MAX = 100, REPEAT_MAX = 10000, RANGES_MAX = 256 };

struct name {
    const char *s;
    size_t n;
    int32_t rule;
    bool defined;
    int line;
};
struct items { /* a sequence under way */
    struct g_item *at;
    size_t n, room;
};
struct range {
    uint32_t lo, hi;
};
struct parser {
    const char *s, *end;
    int line, depth;
    struct g_rules *r;
    struct name *name;
    size_t n_name, name_room;
    struct spn_err *err;
};

static spn_status fail(const struct parser *p, const char *what)
{
    size_t left = (size_t)(p->end - p->s);

    return spn_fail(p->err, SPN_EFORMAT, "grammar, line %d: %s, at \"%.*s\"", p->line, what,
                    (int)(left < 20 ? left : 20), p->s);
}

static bool grow(void *items, size_t *room, size_t n, size_t size)
{
    void **at = items, *grown;
    size_t want = *room < 16 ? 16 : *room;

    while (want < n)
        want *= 2;
    if (want == *room)
        return true;
    grown = spn_realloc(*at, want, size);
    if (grown == NULL)
        return false;
    *at = grown;
    *room = want;
    return true;
}

static spn_status no_memory(const struct parser *p)
{
    return spn_fail(p->err, SPN_ENOMEM, "grammar: out of memory at line %d", p->line);
}

void g_rules_free(struct g_rules *r)
{
    spn_free(r->item);
    spn_free(r->alt);
    spn_free(r->rule);
    *r = (struct g_rules){ .item = NULL };
}

/* ---- building ---- */

static spn_status push(const struct parser *p, struct items *v, struct g_item item)
{
    if (v->n >= GRAMMAR_ITEMS_MAX)
        return fail(p, "the grammar is too large");
    if (!grow(&v->at, &v->room, v->n + 1, sizeof *v->at))
        return no_memory(p);
    v->at[v->n++] = item;
    return SPN_OK;
}

static spn_status new_rule(struct parser *p, int32_t *rule)
{
    struct g_rules *r = p->r;

    if (r->n_rule >= GRAMMAR_RULES_MAX)
        return fail(p, "the grammar has too many rules");
    if (!grow(&r->rule, &r->rule_room, r->n_rule + 1, sizeof *r->rule))
        return no_memory(p);
    *rule = (int32_t)r->n_rule;
    r->rule[r->n_rule++] = (struct g_rule){ -1, -1 };
    return SPN_OK;
}

/* Another alternative of RULE: a copy of ITEM[N]. */
static spn_status add_alternative(struct parser *p, int32_t rule, const struct g_item *item,
                                  size_t n)
{
    struct g_rules *r = p->r;

    if (r->n_item + n + 1 > GRAMMAR_ITEMS_MAX)
        return fail(p, "the grammar is too large");
    if (!grow(&r->item, &r->item_room, r->n_item + n + 1, sizeof *r->item) ||
        !grow(&r->alt, &r->alt_room, r->n_alt + 1, sizeof *r->alt))
        return no_memory(p);
    r->alt[r->n_alt] = (struct g_alternative){ (int32_t)r->n_item, -1 };
    if (r->rule[rule].first < 0)
        r->rule[rule].first = (int32_t)r->n_alt;
    else
        r->alt[r->rule[rule].last].next = (int32_t)r->n_alt;
    r->rule[rule].last = (int32_t)r->n_alt++;
    if (n > 0)
        memcpy(r->item + r->n_item, item, n * sizeof *item);
    r->n_item += n;
    r->item[r->n_item++] = (struct g_item){ .kind = G_END };
    return SPN_OK;
}

/* Characters LO..HI, all of one encoded length, as alternatives of RULE: the range is cut where a
 * byte but the first that differs would not run through all continuations. */
static spn_status add_encoded(struct parser *p, int32_t rule, uint32_t lo, uint32_t hi)
{
    unsigned char a[4], b[4];
    unsigned n = uni_encode(lo, a);
    struct g_item item[4];

    uni_encode(hi, b);
    for (unsigned i = 1; i < n; i++) { /* I continuations from the end */
        uint32_t mask = ((uint32_t)1 << (6 * i)) - 1;
        spn_status st;

        if ((lo & ~mask) == (hi & ~mask))
            continue;
        if ((lo & mask) != 0) {
            st = add_encoded(p, rule, lo, lo | mask);
            return st == SPN_OK ? add_encoded(p, rule, (lo | mask) + 1, hi) : st;
        }
        if ((hi & mask) != mask) {
            st = add_encoded(p, rule, lo, (hi & ~mask) - 1);
            return st == SPN_OK ? add_encoded(p, rule, hi & ~mask, hi) : st;
        }
    }
    for (unsigned i = 0; i < n; i++)
        item[i] = (struct g_item){ .kind = G_BYTES, .lo = a[i], .hi = b[i] };
    return add_alternative(p, rule, item, n);
}

static spn_status add_range(struct parser *p, int32_t rule, uint32_t lo, uint32_t hi)
{
    static const struct range cuts[] = { { 0, 0x7f },         { 0x80, 0x7ff },
                                         { 0x800, 0xd7ff },   { 0xe000, 0xffff },
                                         { 0x10000, 0x10ffff } };
    spn_status st = SPN_OK;

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0] && st == SPN_OK; i++) {
        uint32_t a = lo > cuts[i].lo ? lo : cuts[i].lo, b = hi < cuts[i].hi ? hi : cuts[i].hi;

        if (a <= b)
            st = add_encoded(p, rule, a, b);
    }
    return st;
}

static int by_low(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static spn_status add_class(struct parser *p, struct items *v, struct range *range, size_t n,
                            bool negated)
{
    uint32_t next = 0;
    int32_t rule;
    spn_status st = new_rule(p, &rule);

    if (n > 0)
        qsort(range, n, sizeof *range, by_low);
    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        uint32_t lo = range[i].lo > next ? range[i].lo : next;

        if (negated && range[i].lo > next)
            st = add_range(p, rule, next, range[i].lo - 1);
        else if (!negated && lo <= range[i].hi)
            st = add_range(p, rule, lo, range[i].hi);
        if (range[i].hi >= next)
            next = range[i].hi + 1;
    }
    if (st == SPN_OK && negated && next <= 0x10ffff)
        st = add_range(p, rule, next, 0x10ffff);
    return st == SPN_OK ? push(p, v, (struct g_item){ .kind = G_RULE, .rule = rule }) : st;
}

/* ---- reading ---- */

/* LINES: may a line end stand here? */
static void skip(struct parser *p, bool lines)
{
    while (p->s < p->end) {
        if (*p->s == '#')
            while (p->s < p->end && *p->s != '\n')
                p->s++;
        else if (*p->s == ' ' || *p->s == '\t' || (lines && (*p->s == '\n' || *p->s == '\r')))
            p->line += *p->s++ == '\n';
        else
            break;
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

static spn_status find_name(struct parser *p, struct name **out)
{
    const char *begin = p->s;
    size_t n;
    int32_t rule;
    spn_status st;

    while (p->s < p->end && is_word(*p->s))
        p->s++;
    n = (size_t)(p->s - begin);
    if (n == 0)
        return fail(p, "a name is expected");
    for (size_t i = 0; i < p->n_name; i++)
        if (p->name[i].n == n && memcmp(p->name[i].s, begin, n) == 0) {
            *out = &p->name[i];
            return SPN_OK;
        }
    st = new_rule(p, &rule);
    if (st != SPN_OK)
        return st;
    if (!grow(&p->name, &p->name_room, p->n_name + 1, sizeof *p->name))
        return no_memory(p);
    p->name[p->n_name] = (struct name){ begin, n, rule, false, p->line };
    *out = &p->name[p->n_name++];
    return SPN_OK;
}

/* One character of a literal or a class. */
static spn_status take_char(struct parser *p, uint32_t *c)
{
    static const char plain[] = "n\nr\rt\t\\\\\"\"[[]]--^^";
    unsigned length;
    int32_t got;

    if (p->s >= p->end)
        return fail(p, "the text ends early");
    if (*p->s != '\\') {
        got = uni_decode((const unsigned char *)p->s, (size_t)(p->end - p->s), &length);
        if (got < 0 || got == '\n')
            return fail(p, got < 0 ? "this is not UTF-8" : "a line ends early");
        *c = (uint32_t)got;
        p->s += length;
        return SPN_OK;
    }
    if (++p->s >= p->end)
        return fail(p, "the text ends early");
    if (*p->s == 'x' || *p->s == 'u' || *p->s == 'U') {
        int digits = *p->s == 'x' ? 2 : *p->s == 'u' ? 4 : 8;

        *c = 0;
        for (p->s++; digits > 0; digits--, p->s++) {
            static const char hex[] = "0123456789abcdefABCDEF";
            const char *digit = p->s < p->end && *p->s != '\0' ? strchr(hex, *p->s) : NULL;

            if (digit == NULL)
                return fail(p, "a hexadecimal digit is expected");
            *c = *c << 4 | (uint32_t)(digit - hex < 16 ? digit - hex : digit - hex - 6);
        }
        return *c <= 0x10ffff ? SPN_OK : fail(p, "there is no such character");
    }
    for (size_t i = 0; i + 1 < sizeof plain - 1; i += 2)
        if (*p->s == plain[i]) {
            *c = (unsigned char)plain[i + 1];
            p->s++;
            return SPN_OK;
        }
    return fail(p, "this escape is not known");
}

static spn_status take_literal(struct parser *p, struct items *v)
{
    spn_status st = SPN_OK;

    p->s++;
    while (st == SPN_OK && p->s < p->end && *p->s != '"') {
        bool byte = p->end - p->s > 1 && p->s[0] == '\\' && p->s[1] == 'x';
        unsigned char text[4];
        unsigned n = 1;
        uint32_t c = 0;

        st = take_char(p, &c);
        text[0] = (unsigned char)c;
        if (!byte || c < 0x80)
            n = uni_encode(c, text);
        for (unsigned i = 0; i < n && st == SPN_OK; i++)
            st = push(p, v, (struct g_item){ .kind = G_BYTES, .lo = text[i], .hi = text[i] });
    }
    if (st == SPN_OK && p->s++ >= p->end)
        return fail(p, "a literal has no end");
    return st;
}

static spn_status take_class(struct parser *p, struct items *v)
{
    struct range *range = spn_calloc(RANGES_MAX, sizeof *range);
    size_t n = 0;
    bool negated;
    spn_status st = range == NULL ? no_memory(p) : SPN_OK;

    p->s++;
    negated = p->s < p->end && *p->s == '^';
    p->s += negated;
    while (st == SPN_OK && p->s < p->end && *p->s != ']') {
        uint32_t lo = 0, hi;

        st = take_char(p, &lo);
        hi = lo;
        if (st == SPN_OK && p->end - p->s > 1 && p->s[0] == '-' && p->s[1] != ']') {
            p->s++;
            st = take_char(p, &hi);
        }
        if (st == SPN_OK && (n == RANGES_MAX || hi < lo))
            st = fail(p, hi < lo ? "a range runs backwards" : "a class has too many parts");
        if (st == SPN_OK)
            range[n++] = (struct range){ lo, hi };
    }
    if (st == SPN_OK && p->s >= p->end)
        st = fail(p, "a class has no end");
    if (st == SPN_OK) {
        p->s++;
        st = add_class(p, v, range, n, negated);
    }
    spn_free(range);
    return st;
}

static spn_status take_number(struct parser *p, int *out)
{
    *out = 0;
    if (p->s >= p->end || *p->s < '0' || *p->s > '9')
        return fail(p, "a number is expected");
    for (; p->s < p->end && *p->s >= '0' && *p->s <= '9'; p->s++) {
        *out = *out * 10 + (*p->s - '0');
        if (*out > REPEAT_MAX)
            return fail(p, "a repetition is too long");
    }
    return SPN_OK;
}

/* The items from FROM on, LEAST to MOST times (-1: without end). A chain of rules, each the item
 * and the next: their tail calls leave nothing on the stack. */
static spn_status repeat(struct parser *p, struct items *v, size_t from, int least, int most)
{
    struct g_item one = { .kind = G_RULE }, tail[2];
    size_t n = v->n - from;
    spn_status st = SPN_OK;

    if (n == 0)
        return fail(p, "there is nothing to repeat");
    if (n == 1) {
        one = v->at[from];
    } else {
        st = new_rule(p, &one.rule);
        if (st == SPN_OK)
            st = add_alternative(p, one.rule, v->at + from, n);
    }
    v->n = from;
    for (int i = 0; i < least && st == SPN_OK; i++)
        st = push(p, v, one);
    if (most < 0) {
        tail[0] = one;
        tail[1] = (struct g_item){ .kind = G_RULE };
        st = st == SPN_OK ? new_rule(p, &tail[1].rule) : st;
        if (st == SPN_OK)
            st = add_alternative(p, tail[1].rule, tail, 2);
        if (st == SPN_OK)
            st = add_alternative(p, tail[1].rule, NULL, 0);
        return st == SPN_OK ? push(p, v, tail[1]) : st;
    }
    tail[0] = one;
    for (int i = least; i < most && st == SPN_OK; i++) {
        int32_t rule;

        st = new_rule(p, &rule);
        if (st == SPN_OK)
            st = add_alternative(p, rule, tail, i == least ? 1 : 2);
        if (st == SPN_OK)
            st = add_alternative(p, rule, NULL, 0);
        tail[1] = (struct g_item){ .kind = G_RULE, .rule = rule };
    }
    return st == SPN_OK && most > least ? push(p, v, tail[1]) : st;
}

static spn_status take_repeat(struct parser *p, struct items *v, size_t from)
{
    char c = p->s < p->end ? *p->s : '\0';
    int least = 0, most = -1;
    spn_status st;

    if (c == '*' || c == '+' || c == '?') {
        p->s++;
        return repeat(p, v, from, c == '+', c == '?' ? 1 : -1);
    }
    p->s++;
    skip(p, false);
    if (p->s < p->end && *p->s == ',')
        st = SPN_OK;
    else
        st = take_number(p, &least);
    skip(p, false);
    most = least;
    if (st == SPN_OK && p->s < p->end && *p->s == ',') {
        p->s++;
        skip(p, false);
        most = -1;
        if (p->s < p->end && *p->s != '}')
            st = take_number(p, &most);
        skip(p, false);
    }
    if (st == SPN_OK && (p->s >= p->end || *p->s != '}' || (most >= 0 && most < least)))
        st = fail(p, "a repetition is wrong");
    if (st != SPN_OK)
        return st;
    p->s++;
    return repeat(p, v, from, least, most);
}

static spn_status take_alternatives(struct parser *p, int32_t rule, bool nested);

static spn_status take_group(struct parser *p, struct items *v)
{
    int32_t rule;
    spn_status st = new_rule(p, &rule);

    p->s++;
    if (st == SPN_OK)
        st = take_alternatives(p, rule, true);
    if (st == SPN_OK && (p->s >= p->end || *p->s != ')'))
        st = fail(p, "\")\" is expected");
    if (st != SPN_OK)
        return st;
    p->s++;
    return push(p, v, (struct g_item){ .kind = G_RULE, .rule = rule });
}

static spn_status take_sequence(struct parser *p, struct items *v, bool nested)
{
    spn_status st = SPN_OK;
    size_t from = 0;

    for (skip(p, nested); st == SPN_OK && p->s < p->end; skip(p, nested)) {
        char c = *p->s;

        if (c == '*' || c == '+' || c == '?' || c == '{') {
            st = take_repeat(p, v, from);
            continue;
        }
        from = v->n;
        if (c == '"') {
            st = take_literal(p, v);
        } else if (c == '[') {
            st = take_class(p, v);
        } else if (c == '(') {
            st = take_group(p, v);
        } else if (c == '.') {
            p->s++;
            st = add_class(p, v, NULL, 0, true);
        } else if (is_word(c)) {
            struct name *name;

            st = find_name(p, &name);
            if (st == SPN_OK)
                st = push(p, v, (struct g_item){ .kind = G_RULE, .rule = name->rule });
        } else {
            break;
        }
    }
    return st;
}

static spn_status take_alternatives(struct parser *p, int32_t rule, bool nested)
{
    spn_status st = SPN_OK;

    if (++p->depth > DEPTH_MAX)
        return fail(p, "groups are nested too deeply");
    do {
        struct items v = { NULL, 0, 0 };

        st = take_sequence(p, &v, nested);
        if (st == SPN_OK)
            st = add_alternative(p, rule, v.at, v.n);
        spn_free(v.at);
        if (st != SPN_OK)
            break;
        if (!nested) { /* the next line may go on with another alternative */
            struct parser ahead = *p;

            skip(&ahead, true);
            if (ahead.s < ahead.end && *ahead.s == '|') {
                p->s = ahead.s;
                p->line = ahead.line;
            }
        }
    } while (p->s < p->end && *p->s == '|' && p->s++ != NULL);
    p->depth--;
    return st;
}

static spn_status take_rule(struct parser *p)
{
    struct name *name;
    int32_t rule = 0;
    spn_status st = find_name(p, &name);

    if (st == SPN_OK) {
        if (name->defined)
            return fail(p, "a rule stands here twice");
        name->defined = true;
        rule = name->rule;
        skip(p, true);
        if (p->end - p->s < 3 || memcmp(p->s, "::=", 3) != 0)
            return fail(p, "\"::=\" is expected");
        p->s += 3;
        skip(p, true);
        st = take_alternatives(p, rule, false);
    }
    if (st == SPN_OK && p->s < p->end && *p->s != '\n' && *p->s != '\r')
        st = fail(p, "this is not known");
    return st;
}

spn_status gbnf_parse(struct g_rules *r, const char *text, size_t n, struct spn_err *err)
{
    static const char root[] = "root";
    struct parser p = { .s = root, .end = root + 4, .line = 1, .r = r, .err = err };
    struct name *first;
    spn_status st = find_name(&p, &first);

    p.s = text;
    p.end = text + n;
    if (st == SPN_OK && memchr(text, '\0', n) != NULL)
        st = spn_fail(err, SPN_EFORMAT, "grammar: there is a NUL in it");
    for (skip(&p, true); st == SPN_OK && p.s < p.end; skip(&p, true))
        st = take_rule(&p);
    for (size_t i = 0; i < p.n_name && st == SPN_OK; i++)
        if (!p.name[i].defined)
            st = spn_fail(err, SPN_EFORMAT, "grammar, line %d: there is no rule \"%.*s\"",
                          p.name[i].line, (int)(p.name[i].n < 60 ? p.name[i].n : 60),
                          p.name[i].s);
    spn_free(p.name);
    return st;
}
