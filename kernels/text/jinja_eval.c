/* jinja_eval.c - the walk over the tree. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "text/jinja_parts.h"

/* ---- variables ---- */

static struct j_value *find_in(struct j_frame *f, struct j_str name)
{
    for (size_t i = 0; i < f->n; i++)
        if (j_same_bytes(f->var[i].name, name))
            return &f->var[i].value;
    return NULL;
}

void j_set(struct j_run *r, struct j_frame *f, struct j_str name, struct j_value v)
{
    struct j_value *old = find_in(f, name);

    if (old != NULL) {
        *old = v;
        return;
    }
    if (f->n == f->room) {
        size_t room = f->room < 8 ? 8 : f->room * 2;
        struct j_var *grown = j_alloc(r, room, sizeof *grown);

        if (grown == NULL)
            return;
        if (f->n > 0)
            memcpy(grown, f->var, f->n * sizeof *grown);
        f->var = grown;
        f->room = room;
    }
    f->var[f->n++] = (struct j_var){ name, v };
}

static struct j_value look_up(struct j_run *r, struct j_str name)
{
    static const char *const functions[] = { "range", "namespace", "dict", "raise_exception",
                                             "strftime_now" };

    for (struct j_frame *f = r->frame; f != NULL; f = f->parent) {
        struct j_value *v = find_in(f, name);

        r->steps += (int64_t)(f->n / 16);
        if (v != NULL)
            return *v;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (j_is(name, functions[i]))
            return (struct j_value){ .kind = J_FUNCTION, .function = functions[i] };
    return j_undefined(name);
}

/* A new frame on PARENT; in the arena, as a macro that is defined in it may be called later. */
static bool enter(struct j_run *r, struct j_frame *parent)
{
    struct j_frame *f = j_alloc(r, 1, sizeof *f);

    if (f == NULL)
        return false;
    if (r->depth >= JINJA_CALLS_MAX) {
        j_fail(r, SPN_EFORMAT, "blocks and calls are nested more than %d deep", JINJA_CALLS_MAX);
        return false;
    }
    f->parent = parent;
    r->depth++;
    r->frame = f;
    return true;
}

/* ---- statements ---- */

/* The text that statements print. */
static struct j_value captured(struct j_run *r, const struct j_node *n)
{
    struct j_out *before = r->out, o = { NULL, NULL, 0, 0 };

    r->out = &o;
    j_run_all(r, n->list, n->n);
    r->out = before;
    return j_string(j_out_str(&o));
}

static void bind(struct j_run *r, const struct j_node *n, struct j_value v)
{
    if (n->n_params == 1) {
        j_set(r, r->frame, n->params[0]->name, v);
        return;
    }
    v = j_elements(r, &v);
    if (r->st != SPN_OK)
        return;
    if (v.list->n != n->n_params) {
        j_fail(r, SPN_EFORMAT, "%zu values for %zu names", v.list->n, n->n_params);
        return;
    }
    for (size_t i = 0; i < n->n_params; i++)
        j_set(r, r->frame, n->params[i]->name, v.list->at[i]);
}

/* Elements that pass the loop's condition. */
static struct j_value filtered(struct j_run *r, const struct j_node *n, struct j_value all)
{
    struct j_value out = j_new_list(r, all.list->n, J_LIST);
    struct j_frame *before = r->frame;
    size_t kept = 0;

    for (size_t i = 0; i < all.list->n && r->st == SPN_OK; i++) {
        struct j_value v;

        if (!enter(r, before))
            break;
        bind(r, n, all.list->at[i]);
        v = j_eval(r, n->b);
        if (r->st == SPN_OK && j_truth(&v))
            out.list->at[kept++] = all.list->at[i];
        r->frame = before;
        r->depth--;
    }
    if (r->st == SPN_OK)
        out.list->n = kept;
    return out;
}

static void put(struct j_run *r, struct j_dict *d, const char *name, struct j_value v)
{
    j_dict_set(r, d, j_text(name), v);
}

static void describe_loop(struct j_run *r, struct j_dict *loop, const struct j_list *l, size_t i)
{
    put(r, loop, "index", j_int((int64_t)i + 1));
    put(r, loop, "index0", j_int((int64_t)i));
    put(r, loop, "first", j_bool(i == 0));
    put(r, loop, "last", j_bool(i + 1 == l->n));
    put(r, loop, "length", j_int((int64_t)l->n));
    put(r, loop, "revindex", j_int((int64_t)(l->n - i)));
    put(r, loop, "revindex0", j_int((int64_t)(l->n - i) - 1));
    put(r, loop, "previtem", i > 0 ? l->at[i - 1] : j_undefined(j_text("previtem").s));
    put(r, loop, "nextitem", i + 1 < l->n ? l->at[i + 1] : j_undefined(j_text("nextitem").s));
    put(r, loop, "depth", j_int(1));
    put(r, loop, "depth0", j_int(0));
    put(r, loop, "cycle", (struct j_value){ .kind = J_FUNCTION, .function = "cycle" });
}

static enum j_flow run_for(struct j_run *r, const struct j_node *n)
{
    struct j_frame *before = r->frame;
    struct j_value all = j_eval(r, n->a), loop = j_new_dict(r);
    enum j_flow flow = FLOW_ON;

    all = r->st == SPN_OK ? j_elements(r, &all) : all;
    if (r->st == SPN_OK && n->b != NULL)
        all = filtered(r, n, all);
    if (r->st != SPN_OK)
        return FLOW_ON;
    loop.kind = J_NAMESPACE;
    if (all.list->n == 0)
        return j_run_all(r, n->other, n->n_other);
    for (size_t i = 0; i < all.list->n && r->st == SPN_OK && flow != FLOW_BREAK; i++) {
        describe_loop(r, loop.dict, all.list, i);
        if (!enter(r, before))
            break;
        bind(r, n, all.list->at[i]);
        j_set(r, r->frame, j_text("loop").s, loop);
        flow = j_run_all(r, n->list, n->n);
        r->frame = before;
        r->depth--;
    }
    return FLOW_ON;
}

static void run_set(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_eval(r, n->a), object;

    if (r->st != SPN_OK)
        return;
    if (n->name.n == 0) {
        bind(r, n, v);
        return;
    }
    object = look_up(r, n->params[0]->name);
    if (object.kind != J_NAMESPACE)
        j_fail(r, SPN_EFORMAT, "only a namespace takes attributes, not %s", j_kind_name(&object));
    else
        j_dict_set(r, object.dict, j_string(n->name), v);
}

/* A block's text, through the filters that stand on it: they read it as a variable without name. */
static struct j_value filtered_block(struct j_run *r, const struct j_node *n)
{
    struct j_frame *before = r->frame;
    struct j_value v = j_none();

    if (enter(r, before)) {
        v = captured(r, n);
        j_set(r, r->frame, n->c->name, v);
        v = j_eval(r, n->a);
        r->frame = before;
        r->depth--;
    }
    return v;
}

static struct j_value new_macro(struct j_run *r, const struct j_node *n, bool caller)
{
    struct j_value v = { .kind = J_MACRO, .macro = j_alloc(r, 1, sizeof(struct j_macro)) };

    if (v.macro != NULL)
        *v.macro = (struct j_macro){ n, r->frame, caller };
    return v.macro == NULL ? j_none() : v;
}

static void run_call_block(struct j_run *r, const struct j_node *n)
{
    struct j_frame *before = r->frame;
    struct j_value v;

    if (!enter(r, before))
        return;
    j_set(r, r->frame, j_text("caller").s, new_macro(r, n, true));
    v = j_eval(r, n->a);
    r->frame = before;
    r->depth--;
    j_add_value(r, r->out, &v);
}

static enum j_flow run_if(struct j_run *r, const struct j_node *n)
{
    for (; n != NULL && r->st == SPN_OK; n = n->c) {
        struct j_value v = j_eval(r, n->a);

        if (r->st == SPN_OK && j_truth(&v))
            return j_run_all(r, n->list, n->n);
        if (r->st == SPN_OK && n->c == NULL)
            return j_run_all(r, n->other, n->n_other);
    }
    return FLOW_ON;
}

static enum j_flow run_one(struct j_run *r, const struct j_node *n)
{
    struct j_value v;

    r->line = n->line;
    switch (n->kind) {
    case JN_DATA:
        j_add(r, r->out, n->value.s);
        break;
    case JN_PRINT:
        v = j_eval(r, n->a);
        if (r->st == SPN_OK)
            j_add_value(r, r->out, &v);
        break;
    case JN_IF:
        return run_if(r, n);
    case JN_FOR:
        return run_for(r, n);
    case JN_SET:
        run_set(r, n);
        break;
    case JN_SET_BLOCK:
        v = filtered_block(r, n);
        if (r->st == SPN_OK)
            j_set(r, r->frame, n->params[0]->name, v);
        break;
    case JN_FILTER_BLOCK:
        v = filtered_block(r, n);
        if (r->st == SPN_OK)
            j_add_value(r, r->out, &v);
        break;
    case JN_MACRO:
        j_set(r, r->frame, n->name, new_macro(r, n, false));
        break;
    case JN_CALL_BLOCK:
        run_call_block(r, n);
        break;
    case JN_GROUP:
        return j_run_all(r, n->list, n->n);
    case JN_BREAK:
        return FLOW_BREAK;
    case JN_CONTINUE:
        return FLOW_CONTINUE;
    default:
        j_fail(r, SPN_EINTERNAL, "statement %d", (int)n->kind);
    }
    return FLOW_ON;
}

enum j_flow j_run_all(struct j_run *r, struct j_node *const *list, size_t n)
{
    enum j_flow flow = FLOW_ON;

    if (++r->depth > JINJA_CALLS_MAX)
        j_fail(r, SPN_EFORMAT, "blocks are nested too deeply");
    for (size_t i = 0; i < n && flow == FLOW_ON && j_step(r, 0); i++)
        flow = run_one(r, list[i]);
    r->depth--;
    return flow;
}

/* ---- calls ---- */

static struct j_value call_macro(struct j_run *r, const struct j_macro *m, const struct j_args *a)
{
    struct j_frame *before = r->frame;
    const struct j_node *n = m->node;
    int line = r->line;
    struct j_value v = j_none(), caller = look_up(r, j_text("caller").s);

    if (!enter(r, m->home))
        return v;
    if (a->n > n->n_params)
        j_fail(r, SPN_EFORMAT, "macro \"%.*s\" takes %zu arguments, not %zu", (int)n->name.n,
               n->name.s, n->n_params, a->n);
    if (caller.kind == J_MACRO && caller.macro->caller && !m->caller)
        j_set(r, r->frame, j_text("caller").s, caller);
    for (size_t i = 0; i < n->n_params && r->st == SPN_OK; i++) {
        const struct j_value *given = i < a->n ? &a->at[i] : NULL;

        for (size_t k = 0; given == NULL && k < a->n_named; k++)
            if (j_same_bytes(a->name[k], n->params[i]->name))
                given = &a->named[k];
        j_set(r, r->frame, n->params[i]->name,
               given != NULL              ? *given
               : n->params[i]->a != NULL ? j_eval(r, n->params[i]->a)
                                         : j_undefined(n->params[i]->name));
    }
    if (r->st == SPN_OK)
        v = captured(r, n);
    r->frame = before;
    r->depth--;
    r->line = line;
    return v;
}

/* loop.cycle needs the loop that it stands in. */
static struct j_value cycle(struct j_run *r, const struct j_args *a)
{
    struct j_value loop = look_up(r, j_text("loop").s), key = j_text("index0"), *i = NULL;

    if (loop.kind == J_NAMESPACE)
        i = j_dict_find(r, loop.dict, &key);
    if (i == NULL || i->kind != J_INT || a->n == 0) {
        j_fail(r, SPN_EFORMAT, "cycle needs a loop and values");
        return j_none();
    }
    return a->at[(size_t)i->i % a->n];
}

struct j_value j_call(struct j_run *r, const struct j_value *what, const struct j_args *a)
{
    switch (r->st == SPN_OK ? what->kind : J_NONE) {
    case J_MACRO:
        return call_macro(r, what->macro, a);
    case J_METHOD:
        return j_call_method(r, what->method, a);
    case J_FUNCTION:
        return strcmp(what->function, "cycle") == 0 ? cycle(r, a)
                                                    : j_call_function(r, what->function, a);
    case J_UNDEFINED:
        j_fail(r, SPN_EFORMAT, "function \"%.*s\" is not known",
               (int)(what->s.n < 60 ? what->s.n : 60), what->s.s);
        return j_none();
    default:
        j_fail(r, SPN_EFORMAT, "%s cannot be called", j_kind_name(what));
        return j_none();
    }
}

static void eval_args(struct j_run *r, const struct j_node *n, struct j_args *a)
{
    *a = (struct j_args){ .at = NULL };
    if (n->n == 0)
        return;
    a->at = j_alloc(r, n->n, sizeof *a->at);
    a->named = j_alloc(r, n->n, sizeof *a->named);
    a->name = j_alloc(r, n->n, sizeof *a->name);
    for (size_t i = 0; i < n->n && r->st == SPN_OK; i++) {
        const struct j_node *arg = n->list[i];

        if (arg->kind == JN_KEYWORD) {
            a->name[a->n_named] = arg->name;
            a->named[a->n_named] = j_eval(r, arg->a);
            a->n_named++;
        } else {
            a->at[a->n++] = j_eval(r, arg);
        }
    }
}

/* ---- expressions ---- */

static struct j_value eval_sequence(struct j_run *r, const struct j_node *n)
{
    struct j_value out;

    if (n->kind == JN_DICT) {
        out = j_new_dict(r);
        for (size_t i = 0; i < n->n && r->st == SPN_OK; i++) {
            struct j_value key = j_eval(r, n->list[i]->a), value = j_eval(r, n->list[i]->b);

            if (r->st == SPN_OK)
                j_dict_set(r, out.dict, key, value);
        }
        return out;
    }
    out = j_new_list(r, n->n, n->kind == JN_LIST ? J_LIST : J_TUPLE);
    for (size_t i = 0; i < n->n && r->st == SPN_OK; i++)
        out.list->at[i] = j_eval(r, n->list[i]);
    return out;
}

static struct j_value eval_sign(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_eval(r, n->a);

    if (r->st != SPN_OK)
        return v;
    if (!j_is_number(&v) || (v.kind == J_INT && v.i == INT64_MIN))
        j_fail(r, SPN_EFORMAT, "%s has no sign", j_kind_name(&v));
    else if (v.kind == J_FLOAT)
        v.f = n->kind == JN_NEG ? -v.f : v.f;
    else
        v = j_int((n->kind == JN_NEG ? -1 : 1) * (v.kind == J_INT ? v.i : v.b));
    return v;
}

static struct j_value eval_access(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_eval(r, n->a), part[3] = { j_none(), j_none(), j_none() };

    if (n->kind == JN_ATTR)
        return r->st == SPN_OK ? j_get_attr(r, &v, n->name) : v;
    if (n->kind == JN_ITEM) {
        part[0] = j_eval(r, n->b);
        return r->st == SPN_OK ? j_get_item(r, &v, &part[0]) : v;
    }
    for (int i = 0; i < 3; i++)
        if (n->list[i] != NULL)
            part[i] = j_eval(r, n->list[i]);
    return r->st == SPN_OK ? j_slice(r, &v, &part[0], &part[1], &part[2]) : v;
}

static struct j_value eval_call(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_eval(r, n->a);
    struct j_args a;

    eval_args(r, n, &a);
    if (r->st != SPN_OK)
        return j_none();
    if (n->kind == JN_FILTER)
        return j_filter(r, n->name, v, &a);
    if (n->kind == JN_TEST)
        return j_bool(j_test(r, n->name, &v, &a));
    return j_call(r, &v, &a);
}

static struct j_value eval_choice(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_eval(r, n->kind == JN_IF_ELSE ? n->b : n->a);
    bool yes = r->st == SPN_OK && j_truth(&v);

    if (r->st != SPN_OK)
        return v;
    switch (n->kind) {
    case JN_AND:
        return yes ? j_eval(r, n->b) : v;
    case JN_OR:
        return yes ? v : j_eval(r, n->b);
    case JN_NOT:
        return j_bool(!yes);
    default:
        return yes            ? j_eval(r, n->a)
               : n->c != NULL ? j_eval(r, n->c)
                              : j_undefined(j_text("an if without else").s);
    }
}

struct j_value j_eval(struct j_run *r, const struct j_node *n)
{
    struct j_value v = j_none();

    if (!j_step(r, 0))
        return v;
    if (++r->depth > JINJA_CALLS_MAX)
        j_fail(r, SPN_EFORMAT, "an expression is nested too deeply");
    switch (r->st == SPN_OK ? n->kind : JN_CONST) {
    case JN_CONST:
        v = n->value;
        break;
    case JN_NAME:
        v = look_up(r, n->name);
        break;
    case JN_LIST:
    case JN_TUPLE:
    case JN_DICT:
        v = eval_sequence(r, n);
        break;
    case JN_ATTR:
    case JN_ITEM:
    case JN_SLICE:
        v = eval_access(r, n);
        break;
    case JN_CALL:
    case JN_FILTER:
    case JN_TEST:
        v = eval_call(r, n);
        break;
    case JN_NEG:
    case JN_POS:
        v = eval_sign(r, n);
        break;
    case JN_NOT:
    case JN_AND:
    case JN_OR:
    case JN_IF_ELSE:
        v = eval_choice(r, n);
        break;
    case JN_COMPARE:
        v = j_eval_compare(r, n);
        break;
    case JN_BINARY:
        v = j_eval_binary(r, n);
        break;
    default:
        j_fail(r, SPN_EFORMAT, "a keyword argument stands where a value is expected");
    }
    r->depth--;
    return v;
}
