/* jinja.c - a template from source to rendering. */
#include "config.h"

#include "text/jinja.h"

#include "base/mem.h"
#include "text/jinja_parts.h"

#define PARSE_BYTES ((size_t)64 << 20)
#define RUN_BYTES   ((size_t)256 << 20)

spn_status jinja_open(struct jinja **out, const char *source, size_t n, struct spn_err *err)
{
    struct spn_arena *arena;
    struct jinja *t;
    struct j_token *token = NULL;
    size_t count = 0;
    spn_status st;

    if (n > JINJA_SOURCE_MAX)
        return spn_fail(err, SPN_EFORMAT, "chat template: %zu bytes, at most %d are taken", n,
                        JINJA_SOURCE_MAX);
    arena = spn_arena_new(PARSE_BYTES + n * 64);
    t = arena == NULL ? NULL : spn_arena_alloc(arena, 1, sizeof *t);
    if (t == NULL) {
        spn_arena_free(arena);
        return spn_fail(err, SPN_ENOMEM, "chat template: out of memory");
    }
    t->arena = arena;
    st = jinja_lex(&token, &count, source, n, arena, err);
    if (st == SPN_OK)
        st = jinja_parse(t, token, count, err);
    if (st == SPN_OK)
        *out = t;
    else
        spn_arena_free(arena);
    return st;
}

void jinja_free(struct jinja *t)
{
    if (t != NULL)
        spn_arena_free(t->arena);
}

spn_status jinja_render(const struct jinja *t, const struct jinja_input *in, struct spn_buf *text,
                        struct spn_buf *mark, bool *raised, struct spn_err *err)
{
    struct j_out o = { NULL, NULL, 0, 0 };
    struct j_frame root = { .parent = NULL };
    struct j_run r = { .arena = spn_arena_new(RUN_BYTES), .now = in->now, .err = err,
                       .frame = &root, .root = &root, .out = &o };
    size_t before = text->length;
    struct j_value vars;

    *raised = false;
    if (r.arena == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat template: out of memory");
    vars = j_from_json(&r, in->vars, 0, true);
    for (size_t i = 0; r.st == SPN_OK && vars.kind == J_DICT && i < vars.dict->n; i++)
        j_set(&r, &root, vars.dict->key[i].s, vars.dict->value[i]);
    j_run_all(&r, t->body, t->n);
    if (r.st == SPN_OK &&
        (spn_buf_add(text, o.n > 0 ? o.s : "", o.n) != SPN_OK ||
         spn_buf_add(mark, o.n > 0 ? (const char *)o.mark : "", o.n) != SPN_OK)) {
        spn_buf_trim(text, before);
        r.st = spn_fail(err, SPN_ENOMEM, "chat template: no room for %zu bytes", o.n);
    }
    *raised = r.raised;
    spn_arena_free(r.arena);
    return r.st;
}
