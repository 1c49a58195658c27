/* jinja_math.c - comparisons, sums and products of values. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "text/jinja_parts.h"

static bool compare(struct j_run *r, enum j_op op, const struct j_value *a, const struct j_value *b)
{
    switch (op) {
    case JO_EQ:
        return j_equal(r, a, b);
    case JO_NE:
        return !j_equal(r, a, b);
    case JO_LT:
        return j_order(r, a, b) < 0;
    case JO_LE:
        return j_order(r, a, b) <= 0;
    case JO_GT:
        return j_order(r, a, b) > 0;
    case JO_GE:
        return j_order(r, a, b) >= 0;
    case JO_IN:
        return j_contains(r, b, a);
    default:
        return !j_contains(r, b, a);
    }
}

struct j_value j_eval_compare(struct j_run *r, const struct j_node *n)
{
    struct j_value left = j_eval(r, n->a);

    for (size_t i = 0; i < n->n && r->st == SPN_OK; i++) {
        struct j_value right = j_eval(r, n->list[i]->a);

        if (r->st != SPN_OK || !compare(r, n->list[i]->op, &left, &right))
            return j_bool(false);
        left = right;
    }
    return j_bool(true);
}

static struct j_value join(struct j_run *r, const struct j_value *a, const struct j_value *b)
{
    struct j_out o = { NULL, NULL, 0, 0 };

    j_add_value(r, &o, a);
    j_add_value(r, &o, b);
    return j_string(j_out_str(&o));
}

static struct j_value joined_lists(struct j_run *r, const struct j_value *a,
                                   const struct j_value *b)
{
    struct j_value out = j_new_list(r, a->list->n + b->list->n, a->kind);

    if (r->st != SPN_OK)
        return out;
    if (a->list->n > 0)
        memcpy(out.list->at, a->list->at, a->list->n * sizeof *out.list->at);
    if (b->list->n > 0)
        memcpy(out.list->at + a->list->n, b->list->at, b->list->n * sizeof *out.list->at);
    return out;
}

static struct j_value repeated(struct j_run *r, struct j_str s, int64_t times)
{
    struct j_out o = { NULL, NULL, 0, 0 };

    for (; times > 0 && s.n > 0 && r->st == SPN_OK; times--)
        j_add(r, &o, s);
    return j_string(j_out_str(&o));
}

static struct j_value real_math(struct j_run *r, enum j_op op, double a, double b)
{
    struct j_value v = { .kind = J_FLOAT };

    if ((op == JO_DIV || op == JO_FLOOR || op == JO_MOD) && b == 0) {
        j_fail(r, SPN_EFORMAT, "division by zero");
        return v;
    }
    switch (op) {
    case JO_ADD:
        v.f = a + b;
        break;
    case JO_SUB:
        v.f = a - b;
        break;
    case JO_MUL:
        v.f = a * b;
        break;
    case JO_DIV:
        v.f = a / b;
        break;
    case JO_FLOOR:
        v.f = floor(a / b);
        break;
    case JO_MOD:
        v.f = a - floor(a / b) * b;
        break;
    default:
        v.f = pow(a, b);
    }
    return v;
}

static struct j_value whole_math(struct j_run *r, enum j_op op, int64_t a, int64_t b)
{
    int64_t out = 0;
    bool over = false;

    switch (op) {
    case JO_ADD:
        over = __builtin_add_overflow(a, b, &out);
        break;
    case JO_SUB:
        over = __builtin_sub_overflow(a, b, &out);
        break;
    case JO_MUL:
        over = __builtin_mul_overflow(a, b, &out);
        break;
    case JO_FLOOR:
    case JO_MOD: /* Python rounds down */
        if (b == 0 || (b == -1 && a == INT64_MIN)) {
            j_fail(r, SPN_EFORMAT, "division of %lld by %lld", (long long)a, (long long)b);
            return j_none();
        }
        out = a / b - (a % b != 0 && (a < 0) != (b < 0));
        out = op == JO_FLOOR ? out : a - out * b;
        break;
    default: /* ** */
        out = 1;
        for (int64_t i = 0; i < b && !over && (a != 1 && a != 0 && a != -1 ? true : i < 2 + b % 2);
             i++)
            over = __builtin_mul_overflow(out, a, &out);
    }
    if (over)
        j_fail(r, SPN_EFORMAT, "a number is too large");
    return j_int(out);
}

struct j_value j_eval_binary(struct j_run *r, const struct j_node *n)
{
    struct j_value a = j_eval(r, n->a), b = j_eval(r, n->b);
    bool reals = a.kind == J_FLOAT || b.kind == J_FLOAT || n->op == JO_DIV;

    if (r->st != SPN_OK)
        return j_none();
    if (n->op == JO_JOIN)
        return join(r, &a, &b);
    if (j_is_number(&a) && j_is_number(&b)) {
        if (n->op == JO_POW && !reals && (b.kind == J_INT ? b.i : b.b) < 0)
            reals = true;
        return reals ? real_math(r, n->op, j_number(&a), j_number(&b))
                     : whole_math(r, n->op, a.kind == J_INT ? a.i : a.b,
                                  b.kind == J_INT ? b.i : b.b);
    }
    if (n->op == JO_ADD && a.kind == J_STR && b.kind == J_STR)
        return join(r, &a, &b);
    if (n->op == JO_ADD && (a.kind == J_LIST || a.kind == J_TUPLE) && a.kind == b.kind)
        return joined_lists(r, &a, &b);
    if (n->op == JO_MUL && a.kind == J_STR && b.kind == J_INT)
        return repeated(r, a.s, b.i);
    if (a.kind == J_UNDEFINED || b.kind == J_UNDEFINED) {
        struct j_str s = a.kind == J_UNDEFINED ? a.s : b.s;

        j_fail(r, SPN_EFORMAT, "\"%.*s\" is undefined", (int)(s.n < 60 ? s.n : 60), s.s);
    } else {
        j_fail(r, SPN_EFORMAT, "%s and %s cannot be put together so", j_kind_name(&a),
               j_kind_name(&b));
    }
    return j_none();
}
