/* pickle_stack.c - values of a pickle: made, gathered behind marks, put into lists and objects. */
#include "config.h"

#include "format/pickle_stack.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

spn_status pm_bad(struct machine *m, const char *what)
{
    return spn_fail(m->err, SPN_EFORMAT, "%s: pickle, byte %" PRIu64 " (opcode 0x%02x): %s",
                    m->place, m->base + m->at, m->begin + m->at < m->end ? m->begin[m->at] : 0,
                    what);
}

spn_status pm_no_memory(struct machine *m)
{
    return spn_fail(m->err, SPN_ENOMEM, "%s: no memory for its pickle", m->place);
}

/* ---- values ---- */

spn_status pm_new_value(struct machine *m, int kind, struct k_value **out)
{
    spn_status st = k_reader_alloc(m->r, out, 1, sizeof **out, m->err);

    if (st == SPN_OK)
        (*out)->kind = (unsigned char)kind;
    return st;
}

/* The old array stays in the arena: at most as much again. */
spn_status pm_append(struct machine *m, struct k_value *list, struct k_value *const *items,
                     size_t n)
{
    struct k_value **grown = NULL;
    uint64_t want = list->n + n;
    spn_status st;

    if (want > UINT32_MAX / 2)
        return pm_bad(m, "too many items");
    if (want > list->room) {
        uint64_t room = want <= list->n + 1 ? list->n * 2 + 2 : want;

        st = k_reader_alloc(m->r, &grown, room, sizeof *grown, m->err);
        if (st != SPN_OK)
            return st;
        if (list->n > 0)
            memcpy(grown, list->u.items, (size_t)list->n * sizeof *grown);
        list->u.items = grown;
        list->room = (uint32_t)room;
    }
    if (n > 0)
        memcpy(list->u.items + list->n, items, n * sizeof *items);
    list->n = want;
    return SPN_OK;
}

spn_status pm_push(struct machine *m, struct k_value *v)
{
    if (m->n_stack >= STACK_MAX)
        return pm_bad(m, "more than a million values on the stack");
    if (m->n_stack == m->room_stack) {
        size_t room = m->room_stack * 2 + 64;
        struct k_value **grown = spn_realloc(m->stack, room, sizeof *grown);

        if (grown == NULL)
            return pm_no_memory(m);
        m->stack = grown;
        m->room_stack = room;
    }
    m->stack[m->n_stack++] = v;
    return SPN_OK;
}

spn_status pm_push_new(struct machine *m, int kind, int64_t i)
{
    struct k_value *v = NULL;
    spn_status st = pm_new_value(m, kind, &v);

    if (st != SPN_OK)
        return st;
    v->u.i = i;
    return pm_push(m, v);
}

spn_status pm_push_text(struct machine *m, int kind, const unsigned char *s, uint64_t n)
{
    struct k_value *v = NULL;
    spn_status st = pm_new_value(m, kind, &v);

    if (st != SPN_OK)
        return st;
    v->n = n;
    v->u.s = s;
    return pm_push(m, v);
}

/* Values above the last mark; without one, all. */
size_t pm_depth(const struct machine *m)
{
    return m->n_stack - (m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0);
}

spn_status pm_need(struct machine *m, size_t n)
{
    return pm_depth(m) >= n ? SPN_OK : pm_bad(m, "it takes more values than there are");
}

struct k_value *pm_top(const struct machine *m)
{
    return m->stack[m->n_stack - 1];
}

spn_status pm_mark(struct machine *m)
{
    if (m->n_marks >= STACK_MAX)
        return pm_bad(m, "more than a million marks");
    if (m->n_marks == m->room_marks) {
        size_t room = m->room_marks * 2 + 64;
        size_t *grown = spn_realloc(m->marks, room, sizeof *grown);

        if (grown == NULL)
            return pm_no_memory(m);
        m->marks = grown;
        m->room_marks = room;
    }
    m->marks[m->n_marks++] = m->n_stack;
    return SPN_OK;
}

/* The last N values of the stack, which may be none of an empty one. */
static struct k_value **last(const struct machine *m, size_t n)
{
    return n > 0 ? m->stack + m->n_stack - n : NULL;
}

/* Take the last mark away; what was above it stays on the stack, *N values at *ITEMS. */
spn_status pm_unmark(struct machine *m, struct k_value ***items, size_t *n)
{
    if (m->n_marks == 0)
        return pm_bad(m, "no mark is set");
    m->n_marks--;
    *n = m->n_stack - m->marks[m->n_marks];
    *items = last(m, *n);
    return SPN_OK;
}

/* A container of the last N values, which it replaces. */
spn_status pm_gather(struct machine *m, int kind, size_t n)
{
    struct k_value *v = NULL;
    spn_status st = pm_new_value(m, kind, &v);

    if (st == SPN_OK)
        st = pm_append(m, v, last(m, n), n);
    if (st != SPN_OK)
        return st;
    m->n_stack -= n;
    return pm_push(m, v);
}

spn_status pm_gather_marked(struct machine *m, int kind)
{
    struct k_value **items = NULL;
    size_t n = 0;
    spn_status st = pm_unmark(m, &items, &n);

    if (st == SPN_OK && kind == KV_DICT && n % 2 != 0)
        st = pm_bad(m, "a key without a value");
    return st == SPN_OK ? pm_gather(m, kind, n) : st;
}

/* Put the last N values into the container below them: items, or keys and values. */
spn_status pm_put_into(struct machine *m, int kind, size_t n)
{
    struct k_value *v;
    spn_status st;

    if (pm_depth(m) < n + 1)
        return pm_bad(m, "no container below its items");
    if (kind == KV_DICT && n % 2 != 0)
        return pm_bad(m, "a key without a value");
    v = m->stack[m->n_stack - n - 1];
    if (v->kind == KV_OBJECT)
        v = kind == KV_DICT ? &v->u.o->pairs : &v->u.o->items;
    else if (v->kind != kind)
        return pm_bad(m, "the value below is no such container");
    st = pm_append(m, v, last(m, n), n);
    if (st == SPN_OK)
        m->n_stack -= n;
    return st;
}

spn_status pm_put_marked(struct machine *m, int kind)
{
    struct k_value **items = NULL;
    size_t n = 0;
    spn_status st = pm_unmark(m, &items, &n);

    return st == SPN_OK ? pm_put_into(m, kind, n) : st;
}

spn_status pm_add_global(struct machine *m, const unsigned char *module, uint64_t n,
                         const unsigned char *name, uint64_t k)
{
    struct k_value *v = NULL;
    char *text = NULL;
    spn_status st = pm_new_value(m, KV_GLOBAL, &v);

    if (st == SPN_OK)
        st = k_reader_alloc(m->r, &text, n + k + 2, 1, m->err);
    if (st != SPN_OK)
        return st;
    memcpy(text, module, (size_t)n);
    text[n] = '.';
    memcpy(text + n + 1, name, (size_t)k);
    v->u.s = (const unsigned char *)text;
    v->n = n + k + 1;
    if (strlen(text) != v->n)
        return pm_bad(m, "a global whose name holds a NUL");
    st = k_reader_add_global(m->r, text, m->err);
    return st == SPN_OK ? pm_push(m, v) : st;
}

/* The call CALLABLE(*ARGS), the last two values, as an object. */
spn_status pm_make_object(struct machine *m, size_t n)
{
    struct k_value *v = NULL, **at;
    spn_status st = pm_need(m, n);

    if (st != SPN_OK)
        return st;
    at = m->stack + m->n_stack - n;
    if (at[1]->kind != KV_TUPLE)
        return pm_bad(m, "the arguments of a call are no tuple");
    st = pm_new_value(m, KV_OBJECT, &v);
    if (st == SPN_OK)
        st = k_reader_alloc(m->r, &v->u.o, 1, sizeof *v->u.o, m->err);
    if (st != SPN_OK)
        return st;
    v->u.o->callable = at[0];
    v->u.o->args = at[1];
    v->u.o->items.kind = KV_LIST;
    v->u.o->pairs.kind = KV_DICT;
    m->n_stack -= n;
    return pm_push(m, v);
}

spn_status pm_build(struct machine *m)
{
    spn_status st = pm_need(m, 2);
    const struct k_value *state;

    if (st != SPN_OK)
        return st;
    state = pm_top(m);
    m->n_stack--;
    if (pm_top(m)->kind != KV_OBJECT)
        return pm_bad(m, "a state for what is no object");
    pm_top(m)->u.o->state = state;
    return SPN_OK;
}
