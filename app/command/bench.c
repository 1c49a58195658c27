#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "command/model_open.h"
#include "host/job.h"
#include "host/registry.h"
#include "lm/bench.h"

static const struct spn_option options[] = {
    { "prompt-tokens", SPN_OPT_INT, .lo = 1, .hi = 1 << 24, .dflt.i = 512, .letter = 'p',
      .arg = "N", .help = "tokens of the prompt" },
    { "new-tokens", SPN_OPT_INT, .lo = 1, .hi = 1 << 24, .dflt.i = 128, .letter = 'n', .arg = "N",
      .help = "tokens to generate" },
    { "batch", SPN_OPT_INT, .lo = 1, .hi = 4096, .dflt.i = 8, .arg = "B",
      .help = "sequences of the batched run" },
    { "repeat", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 3, .arg = "R",
      .help = "runs of each; the fastest counts" },
    { 0 }
};

static spn_status emit(struct spn_job *job, const struct model_open *m,
                       const struct spn_lm_bench *b, struct spn_err *err)
{
    struct spn_buf t = SPN_BUF_INIT(1 << 14);
    const char *isa = spn_isa_name(spn_isa_get()), *slash = strrchr(m->path, '/'),
               *name = slash != NULL ? slash + 1 : m->path;
    json_t *o = json_pack(
        "{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:i, s:i, s:s, s:s}",
        "model", name, "prefill_tps", b->prefill_tps, "decode_tps", b->decode_tps,
        "batch_decode_tps", b->batch_decode_tps, "step_ms", b->step_ms, "batch_step_ms",
        b->batch_step_ms, "batch_step_ratio", b->batch_step_ratio, "bytes_per_token",
        (json_int_t)b->bytes_per_token, "read_gbps_measured", b->read_gbps_measured, "pages_used",
        (json_int_t)b->pages_used, "pages_shared", (json_int_t)b->pages_shared, "prompt_tokens",
        (json_int_t)b->prompt, "new_tokens", (json_int_t)b->generate, "batch", b->batch, "threads",
        b->threads, "isa", isa, "device", "cpu");
    spn_status st;

    spn_buf_printf(&t,
                   "prefill\t%.9g\ttokens/s\ndecode\t%.9g\ttokens/s\nbatch of %d\t%.9g\ttokens/s\n",
                   b->prefill_tps, b->decode_tps, b->batch, b->batch_decode_tps);
    spn_buf_printf(&t, "step of 1\t%.9g\tms\nstep of %d\t%.9g\tms\nratio\t%.9g\t\n", b->step_ms,
                   b->batch, b->batch_step_ms, b->batch_step_ratio);
    spn_buf_printf(&t, "weights read a token\t%llu\tbytes\nmemory read, measured\t%.9g\tGB/s\n",
                   (unsigned long long)b->bytes_per_token, b->read_gbps_measured);
    spn_buf_printf(
        &t, "pages used\t%lld\t\npages shared\t%lld\t\nthreads\t%d\t\nisa\t%s\t\ndevice\tcpu\t\n",
        (long long)b->pages_used, (long long)b->pages_shared, b->threads, isa);
    st = table_job.emit(job, o, t.data, err);
    spn_buf_free(&t);
    return st;
}

/* A name that is no bench: say which there are. */
static spn_status no_bench(const char *name, struct spn_err *err)
{
    struct spn_buf have = SPN_BUF_INIT(400);
    const char *other;
    size_t i;

    for (i = 0; registry_at(SPN_POINT_BENCH, i, &other, NULL) != NULL; i++)
        spn_buf_printf(&have, "%s%s", i > 0 ? ", " : "", other);
    spn_fail(err, SPN_EUSAGE, "bench %s: there is no such bench; there are: %s", name,
             have.data != NULL ? have.data : "none");
    spn_buf_free(&have);
    return SPN_EUSAGE;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct spn_lm_bench_options o;
    struct spn_lm_bench out;
    struct model_open m;
    spn_status st;

    if (argc > 0)
        return no_bench(argv[0], err);
    st = model_open(&m, v, false, err);
    if (st != SPN_OK)
        return st;
    spn_lm_bench_default(&o);
    o.prompt = spn_value_int(v, "prompt-tokens");
    o.generate = spn_value_int(v, "new-tokens");
    o.batch = (int)spn_value_int(v, "batch");
    o.repeat = (int)spn_value_int(v, "repeat");
    o.kv_dtype = strcmp(spn_value_str(v, "kv-type"), "f16") == 0 ? SPN_F16 : SPN_F32;
    o.pool = m.pool;
    st = spn_lm_bench(m.lm, &o, &out, err);
    if (st == SPN_OK)
        st = emit(job, &m, &out, err);
    model_close(&m);
    return st;
}

const struct spn_command command_bench = {
    .summary = "speed of a model here, or a paper's claim as one command",
    .usage = "bench [-m MODEL] [-p N] [-n N] [--batch B] | bench NAME [OPTIONS]",
    .details = "Without a name: tokens a second of the prompt, of one sequence and of a batch that "
               "shares its prompt, the bytes of weights that\n"
               "a step reads, and what this machine's memory gives in the same run. With a name: "
               "that bench, with options of its own\n"
               "(spinney bench NAME --help).",
    .examples = "spinney bench -p 64 -n 16 --batch 4 --repeat 1\n",
    .options = options,
    .model = true,
    .arguments_max = 1,
    .run = run,
};
