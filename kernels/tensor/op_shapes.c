/* op_shapes.c - what shapes each op of the core takes and gives; a mismatch is a sentence with both
 * shapes. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "tensor/op_params.h"
#include "tensor/ops.h"
#include "tensor/ops_impl.h"

#define TEXT 160

/* Dims are numbers or symbols; two symbols are equal when they are the same one. */
static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof a->dim[0]) == 0;
}

static spn_status differ(struct spn_err *err, const char *op, const char *name_a,
                         const struct spn_tensor *a, const char *name_b, const struct spn_tensor *b)
{
    char text_a[TEXT], text_b[TEXT];

    spn_tensor_shape_text(a, text_a, sizeof text_a);
    spn_tensor_shape_text(b, text_b, sizeof text_b);
    return spn_fail(err, SPN_EFORMAT, "%s: %s is %s, %s is %s: they do not fit", op, name_a, text_a,
                    name_b, text_b);
}

static spn_status bad(struct spn_err *err, const char *op, const char *name,
                      const struct spn_tensor *t, const char *want)
{
    char text[TEXT];

    spn_tensor_shape_text(t, text, sizeof text);
    return spn_fail(err, SPN_EFORMAT, "%s: %s is %s %s, wanted %s", op, name,
                    spn_dtype_name(t->dtype), text, want);
}

/* Input K is there, with the plan's float type and at least one dimension, the last one a number.
 */
static spn_status need_float(const struct spn_op_shapes *s, int k, const char *op, const char *name,
                             struct spn_err *err)
{
    if (k >= s->n_in || !s->has_in[k])
        return spn_fail(err, SPN_EINTERNAL, "%s: %s is missing", op, name);
    if (s->in[k].dtype != s->float_dtype)
        return bad(err, op, name, &s->in[k], s->float_dtype == SPN_F64 ? "f64" : "f32");
    if (s->in[k].ndim < 1 || k_cols(&s->in[k]) == 0)
        return bad(err, op, name, &s->in[k], "a last dimension of one or more");
    return SPN_OK;
}

/* Input K is a vector of floats (f32, or the plan's type), or absent where that is allowed. */
static spn_status need_vector(const struct spn_op_shapes *s, int k, bool optional, const char *op,
                              const char *name, struct spn_err *err)
{
    if (k >= s->n_in || !s->has_in[k])
        return optional ? SPN_OK : spn_fail(err, SPN_EINTERNAL, "%s: %s is missing", op, name);
    if (s->in[k].dtype != s->float_dtype && s->in[k].dtype != SPN_F32)
        return bad(err, op, name, &s->in[k], "f32");
    if (s->in[k].ndim != 1 || s->in[k].dim[0] < 1)
        return bad(err, op, name, &s->in[k], "one dimension of one or more");
    return SPN_OK;
}

/* Input K is a table [n, k] of any type that can be decoded. */
static spn_status need_table(const struct spn_op_shapes *s, int k, const char *op, const char *name,
                             struct spn_err *err)
{
    const struct spn_dtype_info *info;

    if (k >= s->n_in || !s->has_in[k])
        return spn_fail(err, SPN_EINTERNAL, "%s: %s is missing", op, name);
    info = spn_dtype_info(s->in[k].dtype);
    if (info == NULL || (!info->decode && s->in[k].dtype != s->float_dtype))
        return bad(err, op, name, &s->in[k], "a type that can be decoded");
    if (s->in[k].ndim != 2 || s->in[k].dim[0] < 1 || s->in[k].dim[1] < 1)
        return bad(err, op, name, &s->in[k], "two dimensions of one or more");
    return SPN_OK;
}

static void set_out(struct spn_op_shapes *s, int k, int ndim, int64_t d0, int64_t d1)
{
    s->out[k] = (struct spn_tensor){ .dtype = s->float_dtype, .ndim = ndim, .dim = { d0, d1 } };
}

/* The output is shaped as input K. */
static spn_status out_like(struct spn_op_shapes *s, int out, int k)
{
    s->out[out] = s->in[k];
    s->out[out].dtype = s->float_dtype;
    return SPN_OK;
}

/* N inputs of one shape; output 0 has it too. */
static spn_status alike(struct spn_op_shapes *s, int n, const char *op, struct spn_err *err)
{
    static const char *const name[] = { "the first input", "the second input", "the third input" };
    spn_status st = SPN_OK;

    for (int k = 0; k < n && st == SPN_OK; k++) {
        st = need_float(s, k, op, name[k], err);
        if (st == SPN_OK && k > 0 && !same_shape(&s->in[0], &s->in[k]))
            st = differ(err, op, name[0], &s->in[0], name[k], &s->in[k]);
    }
    return st == SPN_OK ? out_like(s, 0, 0) : st;
}

spn_status k_shape_embed(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_table(s, 0, "embed", "the table", err);

    if (st == SPN_OK)
        set_out(s, 0, 2, SPN_DIM_ROWS, s->in[0].dim[1]);
    return st;
}

spn_status k_shape_embed_pos(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_table(s, 0, "embed_pos", "the table", err);

    if (st == SPN_OK)
        set_out(s, 0, 2, SPN_DIM_ROWS, s->in[0].dim[1]);
    return st;
}

spn_status k_shape_softcap(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "softcap", err);
}

spn_status k_shape_embed_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "embed_grad", "the gradient", err);

    if (st == SPN_OK)
        st = need_table(s, 1, "embed_grad", "the table", err);
    if (st == SPN_OK && (s->in[0].ndim != 2 || s->in[0].dim[1] != s->in[1].dim[1]))
        st = differ(err, "embed_grad", "the gradient", &s->in[0], "the table", &s->in[1]);
    return st == SPN_OK ? out_like(s, 0, 1) : st;
}

spn_status k_shape_matmul(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "matmul", "x", err);

    if (st == SPN_OK)
        st = need_table(s, 1, "matmul", "the weight", err);
    if (st == SPN_OK && k_cols(&s->in[0]) != s->in[1].dim[1])
        st = differ(err, "matmul", "x", &s->in[0], "the weight", &s->in[1]);
    if (st == SPN_OK)
        st = need_vector(s, 2, true, "matmul", "the bias", err);
    if (st == SPN_OK && s->n_in > 2 && s->has_in[2] && s->in[2].dim[0] != s->in[1].dim[0])
        st = differ(err, "matmul", "the weight", &s->in[1], "the bias", &s->in[2]);
    if (st != SPN_OK)
        return st;
    out_like(s, 0, 0);
    s->out[0].dim[s->out[0].ndim - 1] = s->in[1].dim[0];
    return SPN_OK;
}

spn_status k_shape_matmul_dx(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "matmul_dx", "the gradient", err);

    if (st == SPN_OK)
        st = need_table(s, 1, "matmul_dx", "the weight", err);
    if (st == SPN_OK && k_cols(&s->in[0]) != s->in[1].dim[0])
        st = differ(err, "matmul_dx", "the gradient", &s->in[0], "the weight", &s->in[1]);
    if (st != SPN_OK)
        return st;
    out_like(s, 0, 0);
    s->out[0].dim[s->out[0].ndim - 1] = s->in[1].dim[1];
    return SPN_OK;
}

spn_status k_shape_matmul_dw(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "matmul_dw", "the gradient", err);
    struct spn_tensor dy, x;

    if (st == SPN_OK)
        st = need_float(s, 1, "matmul_dw", "x", err);
    if (st != SPN_OK)
        return st;
    dy = s->in[0];
    x = s->in[1];
    dy.dim[dy.ndim - 1] = x.dim[x.ndim - 1] = 0; /* all but the last */
    if (!same_shape(&dy, &x))
        return differ(err, "matmul_dw", "the gradient", &s->in[0], "x", &s->in[1]);
    set_out(s, 0, 2, k_cols(&s->in[0]), k_cols(&s->in[1]));
    return SPN_OK;
}

spn_status k_shape_sum_rows(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "sum_rows", "the input", err);

    if (st == SPN_OK)
        set_out(s, 0, 1, k_cols(&s->in[0]), 0);
    return st;
}

/* x, w [d], b [d] or absent: rows of x are groups of d. */
static spn_status norm_inputs(struct spn_op_shapes *s, bool bias, const char *op,
                              struct spn_err *err)
{
    spn_status st = need_float(s, 0, op, "x", err);

    if (st == SPN_OK)
        st = need_vector(s, 1, false, op, "the weight", err);
    if (st == SPN_OK && (k_cols(&s->in[0]) < 0 || k_cols(&s->in[0]) % s->in[1].dim[0] != 0))
        st = differ(err, op, "x", &s->in[0], "the weight", &s->in[1]);
    if (st == SPN_OK && bias)
        st = need_vector(s, 2, true, op, "the bias", err);
    if (st == SPN_OK && bias && s->n_in > 2 && s->has_in[2] && s->in[2].dim[0] != s->in[1].dim[0])
        st = differ(err, op, "the weight", &s->in[1], "the bias", &s->in[2]);
    return st;
}

spn_status k_shape_rms_norm(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = norm_inputs(s, false, "rms_norm", err);

    return st == SPN_OK ? out_like(s, 0, 0) : st;
}

spn_status k_shape_layer_norm(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = norm_inputs(s, true, "layer_norm", err);

    return st == SPN_OK ? out_like(s, 0, 0) : st;
}

/* x, w, dy -> dx, dw (and db). */
static spn_status norm_grad(struct spn_op_shapes *s, int n_out, const char *op, struct spn_err *err)
{
    spn_status st = norm_inputs(s, false, op, err);

    if (st == SPN_OK)
        st = need_float(s, 2, op, "the gradient", err);
    if (st == SPN_OK && !same_shape(&s->in[0], &s->in[2]))
        st = differ(err, op, "x", &s->in[0], "the gradient", &s->in[2]);
    if (st == SPN_OK)
        out_like(s, 0, 0);
    for (int k = 1; k < n_out && st == SPN_OK; k++)
        out_like(s, k, 1);
    return st;
}

spn_status k_shape_rms_norm_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return norm_grad(s, 2, "rms_norm_grad", err);
}

spn_status k_shape_layer_norm_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return norm_grad(s, 3, "layer_norm_grad", err);
}

spn_status k_shape_rope_table(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_rope *r = &((const struct k_rope_params *)params)->rope;
    spn_status st = need_vector(s, 0, true, "rope", "the list of divisors", err);

    if (r->n_rot < 2 || r->n_rot % 2 != 0 || r->n_rot > r->head_dim)
        return spn_fail(err, SPN_EFORMAT, "rope: %d of %d elements of a head are rotated", r->n_rot,
                        r->head_dim);
    if (st == SPN_OK && s->n_in > 0 && s->has_in[0] && s->in[0].dim[0] != r->n_rot / 2)
        return spn_fail(err, SPN_EFORMAT, "rope: %" PRId64 " divisors for %d pairs",
                        s->in[0].dim[0], r->n_rot / 2);
    if (st == SPN_OK)
        set_out(s, 0, 2, SPN_DIM_ROWS, r->n_rot);
    return st;
}

spn_status k_shape_rope(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_rope *r = &((const struct k_rope_params *)params)->rope;
    spn_status st = need_float(s, 0, "rope", "x", err);

    if (st == SPN_OK)
        st = need_float(s, 1, "rope", "the table of angles", err);
    if (st != SPN_OK)
        return st;
    if (r->pairs != SPN_ROPE_NORMAL && r->pairs != SPN_ROPE_NEOX)
        return spn_fail(err, SPN_EFORMAT, "rope: %d is no kind of pairs", r->pairs);
    if (s->in[0].ndim != 2 || s->in[0].dim[0] != SPN_DIM_ROWS || r->head_dim < 1 ||
        k_cols(&s->in[0]) % r->head_dim != 0) {
        char text[TEXT];

        spn_tensor_shape_text(&s->in[0], text, sizeof text);
        return spn_fail(err, SPN_EFORMAT, "rope: x is %s, wanted rows of heads of %d", text,
                        r->head_dim);
    }
    return out_like(s, 0, 0);
}

static spn_status attention_inputs(const struct spn_op_shapes *s, const struct spn_attention *a,
                                   const char *op, struct spn_err *err)
{
    static const char *const name[] = { "q", "k", "v" };
    int64_t want[3];

    if (a->heads < 1 || a->heads_kv < 1 || a->heads % a->heads_kv != 0 || a->dim_k < 1 ||
        a->dim_v < 1 || a->window < 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %d heads on %d of keys, key width %d, value width %d, window %d", op,
                        a->heads, a->heads_kv, a->dim_k, a->dim_v, a->window);
    if (a->latent && (a->heads_kv != 1 || a->dim_v > a->dim_k || a->softcap > 0 || a->alibi > 0))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: values of %d numbers cannot be a part of %d heads' keys of %d", op,
                        a->dim_v, a->heads_kv, a->dim_k);
    want[0] = (int64_t)a->heads * a->dim_k;
    want[1] = (int64_t)a->heads_kv * a->dim_k;
    want[2] = (int64_t)a->heads_kv * a->dim_v;
    for (int k = 0; k < 3; k++) {
        spn_status st = need_float(s, k, op, name[k], err);
        char text[TEXT];

        if (st != SPN_OK)
            return st;
        if (s->in[k].ndim == 2 && s->in[k].dim[0] == s->in[0].dim[0] && s->in[k].dim[1] == want[k])
            continue;
        spn_tensor_shape_text(&s->in[k], text, sizeof text);
        return spn_fail(err, SPN_EFORMAT, "%s: %s is %s, wanted rows of %" PRId64, op, name[k],
                        text, want[k]);
    }
    return SPN_OK;
}

/* q, k, v -> the result and log of the sum of exponents a head, which the gradient reads. */
spn_status k_shape_attention(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_attention *a = params;
    spn_status st = attention_inputs(s, a, "attention", err);

    if (st == SPN_OK && s->n_in > 3 && s->has_in[3]) {
        st = need_vector(s, 3, false, "attention", "the sinks", err);
        if (st == SPN_OK && s->in[3].dim[0] != a->heads)
            st = bad(err, "attention", "the sinks", &s->in[3], "a number a head");
    }
    if (st == SPN_OK) {
        set_out(s, 0, 2, s->in[0].dim[0], (int64_t)a->heads * a->dim_v);
        set_out(s, 1, 2, s->in[0].dim[0], a->heads);
    }
    return st;
}

/* q, k, v, y, log-sum, dy -> dq, dk, dv. */
spn_status k_shape_attention_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = attention_inputs(s, params, "attention_grad", err);

    if (st == SPN_OK)
        st = need_float(s, 3, "attention_grad", "the result", err);
    if (st == SPN_OK)
        st = need_float(s, 4, "attention_grad", "the log-sum", err);
    if (st == SPN_OK)
        st = need_float(s, 5, "attention_grad", "the gradient", err);
    if (st == SPN_OK && !same_shape(&s->in[3], &s->in[5]))
        st = differ(err, "attention_grad", "the result", &s->in[3], "the gradient", &s->in[5]);
    for (int k = 0; k < 3 && st == SPN_OK; k++)
        out_like(s, k, k);
    return st;
}

spn_status k_shape_add(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "add", err);
}

spn_status k_shape_mul(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "mul", err);
}

spn_status k_shape_scale(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "scale", err);
}

spn_status k_shape_silu_mul(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "silu_mul", err);
}

spn_status k_shape_silu_mul_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = alike(s, 3, "silu_mul_grad", err);

    return st == SPN_OK ? out_like(s, 1, 0) : st;
}

spn_status k_shape_silu(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "silu", err);
}

spn_status k_shape_silu_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "silu_grad", err);
}

spn_status k_shape_gelu(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "gelu", err);
}

spn_status k_shape_gelu_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "gelu_grad", err);
}

spn_status k_shape_softmax(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "softmax", err);
}

spn_status k_shape_softmax_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "softmax_grad", err);
}

spn_status k_shape_take_rows(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "take_rows", "x", err);

    if (st == SPN_OK && (s->in[0].ndim != 2 || s->in[0].dim[0] != SPN_DIM_ROWS))
        st = bad(err, "take_rows", "x", &s->in[0], "[rows, width]");
    if (st == SPN_OK)
        set_out(s, 0, 2, SPN_DIM_OUT, s->in[0].dim[1]);
    return st;
}

spn_status k_shape_take_rows_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "take_rows_grad", "the gradient", err);

    if (st == SPN_OK && (s->in[0].ndim != 2 || s->in[0].dim[0] != SPN_DIM_OUT))
        st = bad(err, "take_rows_grad", "the gradient", &s->in[0], "[out, width]");
    if (st == SPN_OK)
        set_out(s, 0, 2, SPN_DIM_ROWS, s->in[0].dim[1]);
    return st;
}

static spn_status loss_inputs(struct spn_op_shapes *s, const char *op, struct spn_err *err)
{
    spn_status st = need_float(s, 0, op, "the table of logits", err);

    if (st == SPN_OK && s->in[0].ndim != 2)
        st = bad(err, op, "the table of logits", &s->in[0], "two dimensions");
    if (st == SPN_OK && (s->n_in < 3 || !s->has_in[1] || !s->has_in[2]))
        st = spn_fail(err, SPN_EINTERNAL, "%s: targets or weights are missing", op);
    if (st == SPN_OK &&
        (s->in[1].dtype != SPN_I32 || s->in[1].ndim != 1 || s->in[1].dim[0] != s->in[0].dim[0]))
        st = bad(err, op, "the list of targets", &s->in[1], "one i32 a row of logits");
    if (st == SPN_OK && (s->in[2].dtype != s->float_dtype || s->in[2].ndim != 1 ||
                         s->in[2].dim[0] != s->in[0].dim[0]))
        st = bad(err, op, "the list of weights", &s->in[2], "one float a row of logits");
    return st;
}

/* loss [1], each row's loss [R], log-sum [R]. */
spn_status k_shape_cross_entropy(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = loss_inputs(s, "cross_entropy", err);

    if (st == SPN_OK) {
        set_out(s, 0, 1, 1, 0);
        set_out(s, 1, 1, s->in[0].dim[0], 0);
        set_out(s, 2, 1, s->in[0].dim[0], 0);
    }
    return st;
}

/* logits, target, weight, log-sum, gradient of the loss or absent, gradient of each row's loss or
 * absent. */
spn_status k_shape_cross_entropy_grad(struct spn_op_shapes *s, const void *params,
                                      struct spn_err *err)
{
    spn_status st = loss_inputs(s, "cross_entropy_grad", err);

    if (st == SPN_OK)
        st = need_float(s, 3, "cross_entropy_grad", "the log-sum", err);
    return st == SPN_OK ? out_like(s, 0, 0) : st;
}

spn_status k_shape_sum(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "sum", "the input", err);

    if (st == SPN_OK)
        set_out(s, 0, 1, 1, 0);
    return st;
}

/* the gradient [1] and a value of the shape to fill. */
spn_status k_shape_sum_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_float(s, 0, "sum_grad", "the gradient", err);

    if (st == SPN_OK)
        st = need_float(s, 1, "sum_grad", "the summed value", err);
    return st == SPN_OK ? out_like(s, 0, 1) : st;
}

spn_status k_shape_constant(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    set_out(s, 0, 1, 1, 0);
    return SPN_OK;
}
