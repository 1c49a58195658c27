/* jinja_test.c - tests: what stands behind "is". */
#include "config.h"

#include "text/jinja_parts.h"

static bool test_text_case(struct j_run *r, const struct j_value *v, enum j_case how)
{
    struct j_str s = j_str_of(r, v), other = j_change_case(r, s, how),
                 back = j_change_case(r, s, how == J_UPPER ? J_LOWER : J_UPPER);

    return j_same_bytes(s, other) && !j_same_bytes(s, back);
}

static bool compare_test(struct j_run *r, struct j_str name, const struct j_value *v,
                         const struct j_value *other, bool *known)
{
    static const struct {
        const char *name;
        enum j_op op;
    } rows[] = {
        { "equalto", JO_EQ }, { "eq", JO_EQ }, { "==", JO_EQ }, { "ne", JO_NE },
        { "!=", JO_NE },      { "lt", JO_LT }, { "<", JO_LT },  { "lessthan", JO_LT },
        { "le", JO_LE },      { "<=", JO_LE }, { "gt", JO_GT }, { "greaterthan", JO_GT },
        { ">", JO_GT },       { "ge", JO_GE }, { ">=", JO_GE }, { "in", JO_IN },
        { "sameas", JO_EQ },
    };

    *known = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!j_is(name, rows[i].name))
            continue;
        *known = true;
        if (other == NULL) {
            j_fail(r, SPN_EFORMAT, "test \"%s\" needs a value", rows[i].name);
            return false;
        }
        switch (rows[i].op) {
        case JO_EQ:
            return j_equal(r, v, other) &&
                   (!j_is(name, "sameas") || v->kind == other->kind);
        case JO_NE:
            return !j_equal(r, v, other);
        case JO_LT:
            return j_order(r, v, other) < 0;
        case JO_LE:
            return j_order(r, v, other) <= 0;
        case JO_GT:
            return j_order(r, v, other) > 0;
        case JO_GE:
            return j_order(r, v, other) >= 0;
        default:
            return j_contains(r, other, v);
        }
    }
    return false;
}

static bool number_test(struct j_run *r, struct j_str name, const struct j_value *v,
                        const struct j_value *by)
{
    int64_t n = v->kind == J_INT ? v->i : v->kind == J_BOOL ? v->b : 0, d = 2;

    if (v->kind != J_INT && v->kind != J_BOOL)
        j_fail(r, SPN_EFORMAT, "test \"%.*s\" of %s", (int)name.n, name.s, j_kind_name(v));
    if (j_is(name, "divisibleby")) {
        if (by == NULL || by->kind != J_INT || by->i == 0) {
            j_fail(r, SPN_EFORMAT, "divisibleby needs a number that is not 0");
            return false;
        }
        d = by->i;
        return d == -1 || n % d == 0;
    }
    return (n % d != 0) == j_is(name, "odd");
}

bool j_test(struct j_run *r, struct j_str name, const struct j_value *v, const struct j_args *a)
{
    const struct j_value *other = j_arg(a, 0, "other");
    bool known, sized = v->kind == J_STR || v->kind == J_LIST || v->kind == J_TUPLE ||
                        v->kind == J_DICT, answer = compare_test(r, name, v, other, &known);

    if (known)
        return answer;
    if (j_is(name, "defined"))
        return v->kind != J_UNDEFINED;
    if (j_is(name, "undefined"))
        return v->kind == J_UNDEFINED;
    if (j_is(name, "none"))
        return v->kind == J_NONE;
    if (j_is(name, "string"))
        return v->kind == J_STR;
    if (j_is(name, "mapping"))
        return v->kind == J_DICT;
    if (j_is(name, "iterable"))
        return sized || v->kind == J_UNDEFINED;
    if (j_is(name, "sequence"))
        return sized || v->kind == J_UNDEFINED;
    if (j_is(name, "number"))
        return j_is_number(v);
    if (j_is(name, "integer"))
        return v->kind == J_INT;
    if (j_is(name, "float"))
        return v->kind == J_FLOAT;
    if (j_is(name, "boolean"))
        return v->kind == J_BOOL;
    if (j_is(name, "true"))
        return v->kind == J_BOOL && v->b;
    if (j_is(name, "false"))
        return v->kind == J_BOOL && !v->b;
    if (j_is(name, "callable"))
        return v->kind == J_MACRO || v->kind == J_FUNCTION || v->kind == J_METHOD;
    if (j_is(name, "upper") || j_is(name, "lower"))
        return test_text_case(r, v, j_is(name, "upper") ? J_UPPER : J_LOWER);
    if (j_is(name, "odd") || j_is(name, "even") || j_is(name, "divisibleby"))
        return number_test(r, name, v, j_arg(a, 0, "num"));
    j_fail(r, SPN_EFORMAT, "test \"%.*s\" is not known", (int)(name.n < 40 ? name.n : 40), name.s);
    return false;
}
