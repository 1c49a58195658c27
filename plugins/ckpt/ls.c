/* ls.c - tensors as a table, or as a tree with totals. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "verbs.h"

static json_t *row_json(const struct ckpt *c, const struct ckpt_row *row)
{
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o}", "name", string_json(row->e->name), "dtype",
                     spn_dtype_name(row->e->t.dtype), "shape", shape_json(&row->e->t), "bytes",
                     (json_int_t)row->bytes, "offset", (json_int_t)row->e->offset, "file",
                     string_json(file_text(c, row->e)));
}

static spn_status flat(struct ckpt *c, struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "name", "dtype", "shape", "bytes", "offset", "file" };
    struct table t;
    uint64_t bytes = 0;
    int64_t numbers = 0;
    spn_status st = SPN_OK;

    table_begin(&t, r, heads, 6);
    for (size_t i = 0; st == SPN_OK && i < c->n; i++) {
        const struct ckpt_row *row = &c->row[i];
        char shape[200], size[24], offset[24];
        const char *cells[] = { row->e->name, spn_dtype_name(row->e->t.dtype),
                                shape,        size,
                                offset,       file_text(c, row->e) };

        shape_text(shape, sizeof shape, &row->e->t);
        snprintf(size, sizeof size, "%" PRIu64, row->bytes);
        snprintf(offset, sizeof offset, "%" PRIu64, row->e->offset);
        bytes += row->bytes;
        numbers += row->numbers;
        st = table_row(&t, row_json(c, row), cells, err);
    }
    st = table_end(&t, st, err);
    if (st == SPN_OK && !r->api->json(r->job) && r->api->terminal(r->job)) {
        char text[160];

        snprintf(text, sizeof text, "%zu tensors, %" PRId64 " numbers, %" PRIu64 " bytes: %s", c->n,
                 numbers, bytes, spn_reader_format(c->reader));
        r->api->say(r->job, text);
    }
    return st;
}

static json_t *node_json(const struct ckpt_node *n)
{
    json_t *o = json_pack("{s:o, s:I, s:I, s:I, s:b}", "prefix", string_json(n->prefix), "tensors",
                          (json_int_t)n->tensors, "numbers", (json_int_t)n->numbers, "bytes",
                          (json_int_t)n->bytes, "leaf", n->leaf);

    if (n->leaf && !n->mixed && o != NULL) {
        json_object_set_new(o, "dtype", json_string(spn_dtype_name(n->first->t.dtype)));
        json_object_set_new(o, "shape", shape_json(&n->first->t));
    }
    return o;
}

static spn_status tree(struct ckpt *c, struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "name", "dtype", "shape", "tensors", "numbers", "bytes" };
    struct ckpt_tree tree;
    struct table t;
    spn_status st = ckpt_tree_build(&tree, c, !spn_value_flag(r->v, "unfold"),
                                    (int)spn_value_int(r->v, "depth"), err);

    table_begin(&t, r, heads, 6);
    for (size_t i = 0; st == SPN_OK && i < tree.n; i++) {
        const struct ckpt_node *n = &tree.node[i];
        char shape[200], tensors[24], numbers[24], bytes[24];
        struct spn_buf name = SPN_BUF_INIT(1 << 17);
        const char *cells[] = { NULL, "", "", tensors, numbers, bytes };

        for (int d = 0; d < n->depth; d++)
            spn_buf_puts(&name, "  ");
        spn_buf_puts(&name, n->label);
        if (!n->leaf)
            spn_buf_puts(&name, "/");
        cells[0] = name.data;
        if (n->leaf && !n->mixed) {
            cells[1] = spn_dtype_name(n->first->t.dtype);
            cells[2] = shape_text(shape, sizeof shape, &n->first->t);
        } else if (n->leaf) {
            cells[1] = cells[2] = "various";
        }
        snprintf(tensors, sizeof tensors, "%zu", n->tensors);
        snprintf(numbers, sizeof numbers, "%" PRId64, n->numbers);
        snprintf(bytes, sizeof bytes, "%" PRIu64, n->bytes);
        st = table_row(&t, node_json(n), cells, err);
        spn_buf_free(&name);
    }
    st = table_end(&t, st, err);
    ckpt_tree_free(&tree);
    return st;
}

spn_status verb_ls(struct run *r, struct spn_err *err)
{
    struct ckpt c;
    spn_status st = open_rows_partial(&c, r, err);

    if (st == SPN_OK)
        st = spn_value_flag(r->v, "tree") ? tree(&c, r, err) : flat(&c, r, err);
    ckpt_close(&c);
    return st;
}
