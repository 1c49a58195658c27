/* quantize.c - a model with fewer bits. */
#include "config.h"

#include "command/commands.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/recode.h"
#include "host/job.h"
#include "host/models.h"
#include "lm/mix.h"
#include "lm/model.h"

static const struct spn_option options[] = {
    { "pure", SPN_OPT_FLAG,
      .help = "every matrix the same type, without the mixture's exceptions" },
    { "threads", SPN_OPT_INT, .lo = 0, .hi = 1024, .dflt.i = 0, .arg = "N",
      .help = "threads, 0 as many as this process may use" },
    { 0 }
};

/* A GGUF being written from another. */
struct quantizing {
    struct spn_job *job;
    struct spn_reader *reader;
    const struct spn_mix *mix;
    struct spn_mix_model model;
    bool pure;
    uint64_t numbers;               /* to convert */
    uint64_t bytes[2];              /* of tensors: before, after */
    int64_t types[SPN_DTYPE_COUNT]; /* tensors that became it */
};

/* The value of "ARCHITECTURE.SUFFIX"; a list's first. */
static int64_t number_of(const struct spn_reader *r, const char *suffix, int64_t otherwise)
{
    struct spn_meta v;
    char key[160];
    int64_t n;

    if (!spn_reader_meta(r, "general.architecture", &v) || v.kind != SPN_META_STRING)
        return otherwise;
    snprintf(key, sizeof key, "%.*s.%s", (int)(v.s_length < 100 ? v.s_length : 100), v.s, suffix);
    if (spn_meta_int(r, key, &n))
        return n;
    return spn_reader_meta(r, key, &v) && v.kind == SPN_META_ARRAY && spn_meta_elem_int(&v, 0, &n)
               ? n
               : otherwise;
}

static spn_status watch(void *ctx, uint64_t done)
{
    struct quantizing *q = ctx;

    table_job.progress(q->job, (double)done, (double)q->numbers, "numbers");
    return spn_cancelled(table_job.cancel(q->job)) ? SPN_ECANCEL : SPN_OK;
}

static spn_status add_tensors(struct quantizing *q, struct spn_recoder *c, struct spn_writer *w,
                              struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < spn_reader_count(q->reader) && st == SPN_OK; i++) {
        const struct spn_entry *e = spn_reader_at(q->reader, i);
        int to = spn_mix_type(q->mix, &q->model, e->name, &e->t, q->pure);
        uint64_t n = (uint64_t)spn_tensor_elems(&e->t), before = 0, after = 0;

        if (!spn_dtype_info(e->t.dtype)->decode && e->t.ndim >= 2)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: its type %s is not read: this model cannot be quantised again",
                            e->name, spn_dtype_name(e->t.dtype));
        st = spn_recoder_add(c, w, e, to, err);
        if (to != e->t.dtype)
            q->numbers += n;
        spn_dtype_row_bytes(e->t.dtype, (int64_t)n, &before);
        spn_dtype_row_bytes(to, (int64_t)n, &after);
        q->bytes[0] += before;
        q->bytes[1] += after;
        q->types[to]++;
    }
    return st;
}

static spn_status write_gguf(struct quantizing *q, const char *out, int threads,
                             struct spn_err *err)
{
    static const char *const replaced[] = {
        "general.file_type", "general.quantization_version", "split.no",
        "split.count",       "split.tensors.count",          NULL
    };
    struct spn_pool *pool = spn_pool_new(threads > 0 ? threads : spn_threads_allowed());
    struct spn_recoder *c = NULL;
    struct spn_writer *w = NULL;
    spn_status st = spn_recoder_new(&c, q->reader, pool, err);

    if (st == SPN_OK)
        st = spn_gguf_create(&w, out, err);
    if (st == SPN_OK)
        st = spn_recode_keys(w, q->reader, true, replaced, err);
    if (st == SPN_OK) {
        (void)spn_writer_u32(w, "general.file_type", (uint32_t)q->mix->file_type);
        (void)spn_writer_u32(w, "general.quantization_version", 2);
        spn_recoder_watch(c, watch, q);
        st = add_tensors(q, c, w, err);
    }
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    if (st == SPN_OK)
        st = spn_reader_check(q->reader, err);
    spn_writer_free(w);
    spn_recoder_free(c);
    spn_pool_free(pool);
    return st;
}

/* A folder becomes a GGUF beside OUT first, its matrices as they are in 16 bits or more. */
static spn_status to_gguf(char **path, const char *folder, const char *out, struct spn_job *job,
                          struct spn_err *err)
{
    struct spn_buf name = SPN_BUF_INIT(65536);
    struct spn_lm_options o;
    struct spn_lm *lm = NULL;
    spn_status st;

    spn_lm_options_default(&o);
    o.pack = false;
    o.tokenizer = true;
    st = spn_lm_open(&lm, folder, &o, err);
    if (st == SPN_EFORMAT) { /* without its tokenizer, then */
        struct spn_err again = SPN_ERR_INIT;

        o.tokenizer = false;
        st = spn_lm_open(&lm, folder, &o, &again);
        if (st == SPN_OK && err != NULL)
            table_job.say(job, err->text);
    }
    spn_buf_printf(&name, "%s.%ld.part.gguf", out, (long)getpid());
    if (st == SPN_OK && name.failed)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a name", out);
    if (st == SPN_OK) {
        int dtype = lm->n_list > 0 ? lm->list[0]->t.dtype : SPN_F32;

        st = spn_lm_write_gguf(lm, name.data, dtype == SPN_F32 ? SPN_F32 : dtype, lm->tokenizer,
                               lm->name, lm->chat_template, NULL, err);
    }
    spn_lm_close(lm);
    if (st == SPN_OK)
        *path = spn_buf_steal(&name);
    spn_buf_free(&name);
    return st;
}

static spn_status report(struct quantizing *q, const char *in, const char *out, struct spn_err *err)
{
    struct spn_buf line = SPN_BUF_INIT(65536);
    json_t *types = json_object();
    double bits = 0, numbers = 0;
    spn_status st;

    for (size_t i = 0; i < spn_reader_count(q->reader); i++)
        numbers += (double)spn_tensor_elems(&spn_reader_at(q->reader, i)->t);
    bits = numbers > 0 ? 8 * (double)q->bytes[1] / numbers : 0;
    spn_buf_printf(&line, "%s: %s, %.2f bits a weight, %.1f MB from %.1f MB (", out, q->mix->name,
                   bits, (double)q->bytes[1] / 1e6, (double)q->bytes[0] / 1e6);
    for (int t = 0, n = 0; t < SPN_DTYPE_COUNT; t++)
        if (q->types[t] > 0) {
            spn_buf_printf(&line, "%s%" PRId64 " %s", n++ > 0 ? ", " : "", q->types[t],
                           spn_dtype_name(t));
            json_object_set_new(types, spn_dtype_name(t), json_integer(q->types[t]));
        }
    spn_buf_puts(&line, ")\n");
    st = table_job.emit(q->job,
                        json_pack("{s:s, s:s, s:s, s:f, s:I, s:I, s:o}", "path", in, "out", out,
                                  "mix", q->mix->name, "bits_per_weight", bits, "bytes_raw",
                                  (json_int_t)q->bytes[0], "bytes", (json_int_t)q->bytes[1],
                                  "tensors", types),
                        line.data, err);
    spn_buf_free(&line);
    return st;
}

static spn_status no_mix(const char *name, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(4096);
    const struct spn_mix *m;
    spn_status st;

    for (size_t i = 0; (m = spn_mix_at(i)) != NULL; i++)
        spn_buf_printf(&b, "%s%s", i > 0 ? " " : "", m->name);
    st = spn_fail(err, SPN_EUSAGE, "quantize: no type \"%.32s\"; there are %s", name,
                  b.data != NULL ? b.data : "");
    spn_buf_free(&b);
    return st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct quantizing q = { .job = job,
                            .mix = spn_mix_find(argv[2]),
                            .pure = spn_value_flag(v, "pure") };
    char *path = NULL, *made = NULL;
    spn_status st;

    (void)host;
    (void)argc;
    if (q.mix == NULL)
        return no_mix(argv[2], err);
    if (strlen(argv[1]) < 5 || strcmp(argv[1] + strlen(argv[1]) - 5, ".gguf") != 0)
        return spn_fail(err, SPN_EUSAGE, "%s: a quantised model is a .gguf file", argv[1]);
    st = models_resolve(&path, NULL, argv[0], err);
    if (st == SPN_OK && spn_path_is_dir(path))
        st = to_gguf(&made, path, argv[1], job, err);
    if (st == SPN_OK)
        st = spn_reader_open(&q.reader, made != NULL ? made : path, err);
    if (st == SPN_OK && strncmp(spn_reader_format(q.reader), "gguf", 4) != 0)
        st =
            spn_fail(err, SPN_EFORMAT, "%s: a GGUF file or a model folder is quantised, this is %s",
                     path, spn_reader_format(q.reader));
    if (st == SPN_OK) {
        int64_t heads = number_of(q.reader, "attention.head_count", 1);
        int64_t shared = number_of(q.reader, "attention.head_count_kv", heads);

        q.model = (struct spn_mix_model){ number_of(q.reader, "block_count", 0),
                                          shared > 0 ? heads / shared : 1,
                                          spn_reader_find(q.reader, "output.weight") == NULL };
        st = write_gguf(&q, argv[1], (int)spn_value_int(v, "threads"), err);
    }
    if (st == SPN_OK)
        st = report(&q, argv[0], argv[1], err);
    spn_reader_close(q.reader);
    if (made != NULL)
        unlink(made);
    spn_free(made);
    spn_free(path);
    return st;
}

const struct spn_command command_quantize = {
    .summary = "write a model with fewer bits a weight",
    .usage = "quantize MODEL OUT.gguf TYPE",
    .details =
        "MODEL is a GGUF file, a Hugging Face folder or a name that `spinney models` lists. TYPE "
        "is one of f32 f16 bf16 q8_0 q6_k\n"
        "q5_k_m q5_k_s q4_k_m q4_k_s q3_k_l q3_k_m q3_k_s q2_k q5_1 q5_0 q4_1 q4_0 iq4_nl iq4_xs "
        "mxfp4 tq1_0 tq2_0; q4_k is q4_k_m.\n"
        "A mixture gives the output, some values and some ways down more bits than the rest; "
        "norms, biases and other vectors stay as\n"
        "they are. The file stands under its name when it is whole.",
    .examples = "spinney quantize forest-mini /tmp/mini-q4.gguf q4_k_m\n",
    .options = options,
    .arguments_min = 3,
    .arguments_max = 3,
    .run = run,
};
