/* report.c - results of a bench. */
#include "config.h"

#include "report.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static spn_status emit(struct measure *m, json_t *object_take, struct spn_buf *text,
                       struct spn_err *err)
{
    spn_status st;

    if (text->failed) {
        json_decref(object_take);
        return spn_fail(err, SPN_ENOMEM, "bench: no memory for a line");
    }
    st = m->job_api->emit(m->job, object_take, text->data, err);
    spn_buf_free(text);
    return st;
}

spn_status report_line(struct measure *m, struct spn_err *err, const char *fmt, ...)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    va_list ap;

    va_start(ap, fmt);
    spn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (b.failed)
        return spn_fail(err, SPN_ENOMEM, "bench: no memory for a line");
    m->job_api->write(m->job, b.data, b.length);
    spn_buf_free(&b);
    return SPN_OK;
}

spn_status report_head(struct measure *m, const char *baseline, struct spn_err *err)
{
    const struct spn_caps *caps = m->engine_api->caps(m->engine);
    spn_status st = report_line(m, err, "%s %s on %s: %zu questions of %s, %d seed%s\n\n",
                                caps->model, caps->type, caps->device, m->questions.n, m->task_name,
                                m->seeds, m->seeds == 1 ? "" : "s");

    if (st == SPN_OK && baseline != NULL)
        st = report_line(m, err, "p: paired McNemar against %s\n\n", baseline);
    return st == SPN_OK ? report_line(m, err, "%-24s %13s %6s %7s %8s %8s %7s\n", "method",
                                      "solved %", "any %", "calls", "tokens", "seconds", "p")
                        : st;
}

static json_t *mcnemar_json(const struct method *base, const struct mcnemar *t, double worst)
{
    return json_pack("{s:s,s:I,s:I,s:f,s:f}", "against", base->label, "only_this",
                     (json_int_t)t->only_a, "only_that", (json_int_t)t->only_b, "p", t->p,
                     "p_worst_seed", worst);
}

/* Points over the baseline, and half of the 95 % interval. */
static json_t *paired_json(const struct method *base, struct paired d)
{
    return json_pack("{s:s,s:f,s:f}", "against", base->label, "difference", d.difference, "half",
                     d.half);
}

spn_status report_method(struct measure *m, const struct method *what, const struct method *base,
                         struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(4096);
    size_t asked = m->questions.n * (size_t)m->seeds;
    struct spread right = measure_success(m, what->right), any = measure_success(m, what->any);
    double n = (double)asked, worst = 0;
    struct mcnemar t = { 0, 0, 1 };
    json_t *o;

    spn_buf_printf(&b, "%-24.24s %6.1f +- %3.1f %6.1f %7.1f %8.1f %8.3f", what->label, right.mean,
                   right.sd, any.mean, (double)what->calls / n, (double)what->tokens_out / n,
                   what->seconds / n);
    o = json_pack("{s:s,s:s,s:s,s:i,s:I,s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:f}", "method",
                  what->label, "reasoner", what->name, "options", what->options, "seeds", m->seeds,
                  "questions", (json_int_t)m->questions.n, "success", right.mean, "success_sd",
                  right.sd, "any", any.mean, "any_sd", any.sd, "calls", (json_int_t)what->calls,
                  "tokens_out", (json_int_t)what->tokens_out, "tokens_in",
                  (json_int_t)what->tokens_in, "tokens_cached", (json_int_t)what->tokens_cached,
                  "seconds", what->seconds);
    if (base != NULL) {
        t = measure_mcnemar(what->right, base->right, asked);
        for (int s = 0; s < m->seeds; s++) {
            size_t at = (size_t)s * m->questions.n;
            struct mcnemar one =
                measure_mcnemar(what->right + at, base->right + at, m->questions.n);

            worst = one.p > worst ? one.p : worst;
        }
        spn_buf_printf(&b, t.p < 1e-4 ? " %7.0e" : " %7.4f", t.p);
        json_object_set_new(o, "mcnemar", mcnemar_json(base, &t, worst));
        json_object_set_new(o, "paired",
                            paired_json(base, measure_paired(m, what->right, base->right)));
    }
    spn_buf_puts(&b, "\n");
    return emit(m, o, &b, err);
}

spn_status report_claim(struct measure *m, bool holds, struct spn_err *err, const char *fmt, ...)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16), line = SPN_BUF_INIT(1 << 16);
    json_t *o;
    va_list ap;

    va_start(ap, fmt);
    spn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    o = json_pack("{s:s,s:b}", "claim", b.data != NULL ? b.data : "", "holds", holds);
    spn_buf_printf(&line, "%s  %s\n", holds ? "yes" : "NO ", b.data != NULL ? b.data : "");
    spn_buf_free(&b);
    return emit(m, o, &line, err);
}
