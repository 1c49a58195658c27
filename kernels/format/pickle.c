/* pickle.c - the pickle machine, protocols 0 to 5: opcodes, their operands and the memo. */
#include "config.h"

#include "format/pickle_stack.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

/* ---- operands ---- */

static spn_status take(struct machine *m, uint64_t n, const unsigned char **out)
{
    if (n > (uint64_t)(m->end - m->p))
        return spn_fail(m->err, SPN_EFORMAT,
                        "%s: pickle, byte %" PRIu64 " (opcode 0x%02x): it wants %" PRIu64
                        " bytes, %" PRIu64 " are left",
                        m->place, m->base + m->at, m->begin[m->at], n, (uint64_t)(m->end - m->p));
    *out = m->p;
    m->p += n;
    return SPN_OK;
}

/* WIDTH bytes, least significant first. */
static spn_status take_int(struct machine *m, int width, uint64_t *out)
{
    const unsigned char *b = NULL;
    spn_status st = take(m, (uint64_t)width, &b);
    uint64_t v = 0;

    for (int i = 0; st == SPN_OK && i < width; i++)
        v |= (uint64_t)b[i] << 8 * i;
    *out = v;
    return st;
}

/* A length of WIDTH bytes, and as many bytes. */
static spn_status take_text(struct machine *m, int width, int kind)
{
    const unsigned char *s = NULL;
    uint64_t n = 0;
    spn_status st = take_int(m, width, &n);

    if (st == SPN_OK)
        st = take(m, n, &s);
    if (st == SPN_OK && n > TEXT_BYTES_MAX && kind == KV_TEXT)
        st = pm_bad(m, "a text of more than 256 MiB");
    return st == SPN_OK ? pm_push_text(m, kind, s, n) : st;
}

static spn_status take_line(struct machine *m, const unsigned char **s, size_t *n)
{
    const unsigned char *line_end =
        m->p < m->end ? memchr(m->p, '\n', (size_t)(m->end - m->p)) : NULL;

    if (line_end == NULL)
        return pm_bad(m, "a line without an end");
    *s = m->p;
    *n = (size_t)(line_end - m->p);
    m->p = line_end + 1;
    return SPN_OK;
}

/* N bytes of two's complement. */
static spn_status take_long(struct machine *m, uint64_t n)
{
    const unsigned char *b = NULL;
    uint64_t v;
    spn_status st =
        n <= LONG_BYTES_MAX ? take(m, n, &b) : pm_bad(m, "an integer of over 255 bytes");

    if (st != SPN_OK)
        return st;
    if (n > 8)
        return pm_push_text(m, KV_BIG, b, n);
    v = n > 0 && (b[n - 1] & 0x80) != 0 ? UINT64_MAX : 0;
    for (uint64_t i = 0; i < n; i++)
        v = (v & ~((uint64_t)0xff << 8 * i)) | (uint64_t)b[i] << 8 * i;
    return pm_push_new(m, KV_INT, (int64_t)v);
}

static spn_status line_int(struct machine *m, bool may_be_bool)
{
    const unsigned char *s = NULL;
    unsigned char *big = NULL;
    struct k_value *v = NULL;
    size_t n = 0;
    spn_status st = take_line(m, &s, &n);

    if (st == SPN_OK && may_be_bool && n == 2 && s[0] == '0' && (s[1] == '0' || s[1] == '1'))
        return pm_push_new(m, KV_BOOL, s[1] == '1');
    if (st == SPN_OK)
        st = pm_new_value(m, KV_INT, &v);
    if (st == SPN_OK)
        st = k_reader_alloc(m->r, &big, 16, 1, m->err);
    if (st == SPN_OK && !k_text_int((const char *)s, n, v, big, 16))
        st = pm_bad(m, "no integer of at most 128 bits");
    return st == SPN_OK ? pm_push(m, v) : st;
}

static spn_status push_float(struct machine *m, double f)
{
    struct k_value *v = NULL;
    spn_status st = pm_new_value(m, KV_FLOAT, &v);

    if (st != SPN_OK)
        return st;
    v->u.f = f;
    return pm_push(m, v);
}

static spn_status line_float(struct machine *m)
{
    const unsigned char *s = NULL;
    size_t n = 0;
    double f = 0;
    spn_status st = take_line(m, &s, &n);

    if (st == SPN_OK && !k_text_float((const char *)s, n, &f))
        st = pm_bad(m, "no number");
    return st == SPN_OK ? push_float(m, f) : st;
}

static spn_status take_float(struct machine *m)
{
    const unsigned char *b = NULL;
    uint64_t bits = 0;
    double f;
    spn_status st = take(m, 8, &b);

    if (st != SPN_OK)
        return st;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | b[i];
    memcpy(&f, &bits, sizeof f);
    return push_float(m, f);
}

static spn_status line_text(struct machine *m, bool raw)
{
    const unsigned char *s = NULL;
    unsigned char *text = NULL;
    size_t n = 0, length = 0;
    spn_status st = take_line(m, &s, &n);

    if (st == SPN_OK)
        st = k_reader_alloc(m->r, &text, 2 * (uint64_t)n + 4, 1, m->err);
    if (st == SPN_OK && !k_text_unescape(s, n, raw, text, &length))
        st = pm_bad(m, "no text in Python's form");
    return st == SPN_OK ? pm_push_text(m, KV_TEXT, text, length) : st;
}

static spn_status line_global(struct machine *m)
{
    const unsigned char *module = NULL, *name = NULL;
    size_t n = 0, k = 0;
    spn_status st = take_line(m, &module, &n);

    if (st == SPN_OK)
        st = take_line(m, &name, &k);
    return st == SPN_OK ? pm_add_global(m, module, n, name, k) : st;
}

static spn_status stack_global(struct machine *m)
{
    const struct k_value *module, *name;
    spn_status st = pm_need(m, 2);

    if (st != SPN_OK)
        return st;
    module = m->stack[m->n_stack - 2];
    name = m->stack[m->n_stack - 1];
    if (module->kind != KV_TEXT || name->kind != KV_TEXT)
        return pm_bad(m, "a global whose name is no text");
    m->n_stack -= 2;
    return pm_add_global(m, module->u.s, module->n, name->u.s, name->n);
}

/* A global with its arguments down to the mark, as protocols 0 and 1 write instances. */
static spn_status refuse_instance(struct machine *m)
{
    const unsigned char *module = m->p, *name = NULL;
    size_t n = 0, k = 0;

    if (m->begin[m->at] != 'i' || take_line(m, &module, &n) != SPN_OK ||
        take_line(m, &name, &k) != SPN_OK)
        return pm_bad(m, "instances of protocol 0 and 1 are not read");
    return spn_fail(m->err, SPN_EFORMAT,
                    "%s: pickle, byte %" PRIu64 ": an instance of %.*s.%.*s; this form is not read",
                    m->place, m->base + m->at, n < 100 ? (int)n : 100, (const char *)module,
                    k < 100 ? (int)k : 100, (const char *)name);
}

/* ---- memo ---- */

/* Indices that a writer counts up never reach the pickle's length in bytes. */
static spn_status memo_put(struct machine *m, uint64_t i)
{
    spn_status st = pm_need(m, 1);

    if (st != SPN_OK)
        return st;
    if (i >= MEMO_MAX || i > (uint64_t)(m->end - m->begin))
        return pm_bad(m, "a memo index of more than 5 million or the pickle's bytes");
    if (i >= m->room_memo) {
        size_t room = (size_t)i + (size_t)i / 2 + 64;
        struct k_value **grown = spn_realloc(m->memo, room, sizeof *grown);

        if (grown == NULL)
            return pm_no_memory(m);
        memset(grown + m->room_memo, 0, (room - m->room_memo) * sizeof *grown);
        m->memo = grown;
        m->room_memo = room;
    }
    m->n_memo += m->memo[i] == NULL;
    m->memo[i] = pm_top(m);
    return SPN_OK;
}

static spn_status memo_get(struct machine *m, uint64_t i)
{
    if (i >= m->room_memo || m->memo[i] == NULL)
        return pm_bad(m, "nothing was kept under this memo index");
    return pm_push(m, m->memo[i]);
}

static spn_status memo_line(struct machine *m, bool put)
{
    const unsigned char *s = NULL;
    unsigned char big[16];
    struct k_value v = { .kind = KV_NONE };
    size_t n = 0;
    spn_status st = take_line(m, &s, &n);

    if (st == SPN_OK &&
        (!k_text_int((const char *)s, n, &v, big, sizeof big) || v.kind != KV_INT || v.u.i < 0))
        st = pm_bad(m, "no memo index");
    if (st != SPN_OK)
        return st;
    return put ? memo_put(m, (uint64_t)v.u.i) : memo_get(m, (uint64_t)v.u.i);
}

static spn_status memo_binary(struct machine *m, int width, bool put)
{
    uint64_t i = 0;
    spn_status st = take_int(m, width, &i);

    if (st != SPN_OK)
        return st;
    return put ? memo_put(m, i) : memo_get(m, i);
}

/* ---- opcodes ---- */

static spn_status pop(struct machine *m)
{
    if (pm_depth(m) > 0)
        m->n_stack--;
    else if (m->n_marks > 0)
        m->n_marks--;
    else
        return pm_bad(m, "nothing to take from the stack");
    return SPN_OK;
}

static spn_status pop_mark(struct machine *m)
{
    struct k_value **items = NULL;
    size_t n = 0;
    spn_status st = pm_unmark(m, &items, &n);

    if (st == SPN_OK)
        m->n_stack -= n;
    return st;
}

static spn_status persistent(struct machine *m, bool text)
{
    const unsigned char *s = NULL;
    size_t n = 0;
    spn_status st = SPN_OK;

    if (text) {
        st = take_line(m, &s, &n);
        if (st == SPN_OK)
            st = pm_push_text(m, KV_TEXT, s, n);
    }
    if (st == SPN_OK)
        st = pm_need(m, 1);
    if (st == SPN_OK)
        st = pm_gather(m, KV_PERSISTENT, 1);
    return st == SPN_OK ? pm_append(m, &m->persistent, &m->stack[m->n_stack - 1], 1) : st;
}

static spn_status gather_last(struct machine *m, size_t n)
{
    spn_status st = pm_need(m, n);

    return st == SPN_OK ? pm_gather(m, KV_TUPLE, n) : st;
}

static spn_status dup(struct machine *m)
{
    spn_status st = pm_need(m, 1);

    return st == SPN_OK ? pm_push(m, pm_top(m)) : st;
}

/* An integer of WIDTH bytes; of 4 it has a sign. */
static spn_status binary_int(struct machine *m, int width)
{
    uint64_t v = 0;
    spn_status st = take_int(m, width, &v);

    if (st != SPN_OK)
        return st;
    return pm_push_new(m, KV_INT, width == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v);
}

static spn_status long_4(struct machine *m)
{
    uint64_t n = 0;
    spn_status st = take_int(m, 4, &n);

    return st == SPN_OK ? take_long(m, n) : st;
}

static spn_status long_1(struct machine *m)
{
    uint64_t n = 0;
    spn_status st = take_int(m, 1, &n);

    return st == SPN_OK ? take_long(m, n) : st;
}

static spn_status frame(struct machine *m)
{
    uint64_t n = 0;
    spn_status st = take_int(m, 8, &n);

    if (st == SPN_OK && n > (uint64_t)(m->end - m->p))
        st = pm_bad(m, "a frame past the end");
    return st;
}

static spn_status protocol(struct machine *m)
{
    uint64_t v = 0;
    spn_status st = take_int(m, 1, &v);

    return st == SPN_OK && v > 5 ? pm_bad(m, "a protocol newer than 5") : st;
}

static spn_status step(struct machine *m, unsigned char op)
{
    switch (op) {
    case 0x80:
        return protocol(m);
    case 0x95:
        return frame(m);
    case '(':
        return pm_mark(m);
    case '0':
        return pop(m);
    case '1':
        return pop_mark(m);
    case '2':
        return dup(m);
    case 'N':
        return pm_push_new(m, KV_NONE, 0);
    case 0x88:
        return pm_push_new(m, KV_BOOL, 1);
    case 0x89:
        return pm_push_new(m, KV_BOOL, 0);
    case 'J':
        return binary_int(m, 4);
    case 'K':
        return binary_int(m, 1);
    case 'M':
        return binary_int(m, 2);
    case 0x8a:
        return long_1(m);
    case 0x8b:
        return long_4(m);
    case 'G':
        return take_float(m);
    case 'I':
        return line_int(m, true);
    case 'L':
        return line_int(m, false);
    case 'F':
        return line_float(m);
    case 0x8c:
        return take_text(m, 1, KV_TEXT);
    case 'X':
        return take_text(m, 4, KV_TEXT);
    case 0x8d:
        return take_text(m, 8, KV_TEXT);
    case 'C':
        return take_text(m, 1, KV_BYTES);
    case 'B':
        return take_text(m, 4, KV_BYTES);
    case 0x8e:
    case 0x96:
        return take_text(m, 8, KV_BYTES);
    case 'U':
        return take_text(m, 1, KV_TEXT);
    case 'T':
        return take_text(m, 4, KV_TEXT);
    case 'V':
        return line_text(m, true);
    case 'S':
        return line_text(m, false);
    case ')':
        return pm_gather(m, KV_TUPLE, 0);
    case 0x85:
        return gather_last(m, 1);
    case 0x86:
        return gather_last(m, 2);
    case 0x87:
        return gather_last(m, 3);
    case 't':
        return pm_gather_marked(m, KV_TUPLE);
    case ']':
        return pm_gather(m, KV_LIST, 0);
    case 'a':
        return pm_put_into(m, KV_LIST, 1);
    case 'e':
        return pm_put_marked(m, KV_LIST);
    case 'l':
        return pm_gather_marked(m, KV_LIST);
    case '}':
        return pm_gather(m, KV_DICT, 0);
    case 's':
        return pm_put_into(m, KV_DICT, 2);
    case 'u':
        return pm_put_marked(m, KV_DICT);
    case 'd':
        return pm_gather_marked(m, KV_DICT);
    case 0x8f:
        return pm_gather(m, KV_SET, 0);
    case 0x90:
        return pm_put_marked(m, KV_SET);
    case 0x91:
        return pm_gather_marked(m, KV_SET);
    case 'c':
        return line_global(m);
    case 0x93:
        return stack_global(m);
    case 'R':
    case 0x81:
        return pm_make_object(m, 2);
    case 0x92:
        return pm_make_object(m, 3);
    case 'b':
        return pm_build(m);
    case 'P':
        return persistent(m, true);
    case 'Q':
        return persistent(m, false);
    case 'h':
        return memo_binary(m, 1, false);
    case 'j':
        return memo_binary(m, 4, false);
    case 'g':
        return memo_line(m, false);
    case 'q':
        return memo_binary(m, 1, true);
    case 'r':
        return memo_binary(m, 4, true);
    case 'p':
        return memo_line(m, true);
    case 0x94:
        return memo_put(m, m->n_memo);
    case 'i':
    case 'o':
        return refuse_instance(m);
    case 0x82:
    case 0x83:
    case 0x84:
        return pm_bad(m, "a name from the reader's own registry (EXT) cannot be known");
    case 0x97:
    case 0x98:
        return pm_bad(m, "data outside the pickle (NEXT_BUFFER) is not there");
    default:
        return pm_bad(m, "no such opcode");
    }
}

spn_status k_pickle_read(struct k_pickle *out, struct spn_reader *r, const char *place,
                         const unsigned char *bytes, uint64_t n, uint64_t base, struct spn_err *err)
{
    struct machine m = { .r = r,
                         .err = err,
                         .place = place,
                         .begin = bytes,
                         .p = bytes,
                         .end = bytes + n,
                         .base = base,
                         .persistent = { .kind = KV_LIST } };
    spn_status st = SPN_OK;

    while (st == SPN_OK) {
        m.at = (size_t)(m.p - m.begin);
        if (m.p == m.end) {
            st = spn_fail(err, SPN_EFORMAT, "%s: its pickle of %" PRIu64 " bytes has no end", place,
                          n);
            break;
        }
        if (*m.p++ == '.') {
            st = m.n_stack > 0 ? SPN_OK : pm_bad(&m, "the pickle is empty");
            break;
        }
        st = step(&m, m.p[-1]);
    }
    if (st == SPN_OK)
        *out = (struct k_pickle){ pm_top(&m), (uint64_t)(m.p - m.begin), m.persistent };
    spn_free(m.stack);
    spn_free(m.marks);
    spn_free(m.memo);
    return st;
}
