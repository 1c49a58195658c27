/* model.c - an open folder of SegFormer: sizes of config.json, scaling of preprocessor_config.json,
 * names of id2label. */
#include "config.h"

#include "model.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "network.h"

#define CLASSES_KEPT 255
#define CONFIG_MAX   (1 << 20)

struct spn_seg_model {
    struct spn_vision *v;
    struct spn_seg_info info;
    struct segformer_config config;
    char arch[32];
    const char *names[CLASSES_KEPT];
};

static int64_t dim_of(const struct spn_reader *r, const char *name, int i)
{
    const struct spn_entry *e = spn_reader_find(r, name);

    return e != NULL && i < e->t.ndim ? e->t.dim[i] : 0;
}

static bool knows(const struct spn_reader *r)
{
    return spn_reader_find(r, "segformer.encoder.patch_embeddings.0.proj.weight") != NULL &&
           dim_of(r, "decode_head.classifier.weight", 0) > 0;
}

/* Number I of the list KEY, else OTHERWISE. */
static int list_at(const struct spn_reader *r, const char *key, int i, int otherwise)
{
    struct spn_meta v;
    int64_t n;

    if (!spn_reader_meta(r, key, &v) || v.kind != SPN_META_ARRAY ||
        !spn_meta_elem_int(&v, (uint64_t)i, &n) || n < 1 || n > 64)
        return otherwise;
    return (int)n;
}

/* B0 to B5 by the width and the depth of the third stage. */
static void name_of(const struct spn_reader *r, char *to, size_t room)
{
    static const struct {
        int64_t width;
        int depth, number;
    } known[] = { { 32, 2, 0 },  { 64, 2, 1 },  { 64, 6, 2 },
                  { 64, 18, 3 }, { 64, 27, 4 }, { 64, 40, 5 } };
    int64_t width = dim_of(r, "segformer.encoder.patch_embeddings.0.proj.weight", 0);
    int depth = 0;
    char name[80];

    for (;; depth++) {
        snprintf(name, sizeof name, "segformer.encoder.block.2.%d.mlp.dense1.weight", depth);
        if (spn_reader_find(r, name) == NULL)
            break;
    }
    snprintf(to, room, "segformer");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].width == width && known[i].depth == depth)
            snprintf(to, room, "segformer-b%d", known[i].number);
}

static void take_size(struct spn_seg_info *info, const json_t *o)
{
    const json_t *size = json_object_get(o, "size");
    json_int_t h = json_integer_value(json_object_get(size, "height")),
               w = json_integer_value(json_object_get(size, "width"));

    if (json_is_integer(size))
        h = w = json_integer_value(size);
    if (h >= 32 && h <= 4096 && w >= 32 && w <= 4096) {
        info->short_side = (int)h;
        info->long_side = (int)w;
    }
    for (int i = 0; i < 3; i++) {
        double mean =
                   json_number_value(json_array_get(json_object_get(o, "image_mean"), (size_t)i)),
               std = json_number_value(json_array_get(json_object_get(o, "image_std"), (size_t)i));

        if (std > 1e-3) {
            info->mean[i] = (float)(255 * mean);
            info->std[i] = (float)(255 * std);
        }
    }
}

/* What stands in preprocessor_config.json; without one, what its class does by default. */
static void scaling(struct spn_seg_info *info, const struct spn_reader *r)
{
    char *path = spn_reader_folder_file(r, "preprocessor_config.json"), *text = NULL;
    size_t n = 0;
    json_t *o;

    if (path != NULL && spn_file_read(&text, &n, path, CONFIG_MAX, NULL) == SPN_OK) {
        o = json_loadb(text, n, 0, NULL);
        take_size(info, o);
        json_decref(o);
    }
    spn_free(text);
    spn_free(path);
}

static void describe(struct spn_seg_model *m, const struct spn_reader *r)
{
    static const int strides[SEGFORMER_STAGES] = { 4, 2, 2, 2 }, heads[] = { 1, 2, 5, 8 },
                     reduce[] = { 8, 4, 2, 1 };
    int n = 0;
    char key[40];

    name_of(r, m->arch, sizeof m->arch);
    m->info = (struct spn_seg_info){ .arch = m->arch,
                                     .classes = (int)dim_of(r, "decode_head.classifier.weight", 0),
                                     .mean = { 123.675f, 116.28f, 103.53f },
                                     .std = { 58.395f, 57.12f, 57.375f },
                                     .resize = SPN_SEG_FIXED,
                                     .pillow = true,
                                     .long_side = 512,
                                     .short_side = 512,
                                     .multiple = 1,
                                     .direct = true };
    scaling(&m->info, r);
    for (int i = 0; i < SEGFORMER_STAGES; i++) {
        m->config.stride[i] = list_at(r, "config.strides", i, strides[i]);
        m->config.heads[i] = list_at(r, "config.num_attention_heads", i, heads[i]);
        m->config.reduce[i] = list_at(r, "config.sr_ratios", i, reduce[i]);
    }
    m->info.palette = m->info.classes == 150  ? "ade20k-150"
                      : m->info.classes == 19 ? "cityscapes-19"
                                              : NULL;
    for (; n < m->info.classes && n < CLASSES_KEPT; n++) {
        snprintf(key, sizeof key, "config.id2label.%d", n);
        m->names[n] = spn_meta_str(r, key);
        if (m->names[n] == NULL)
            break;
    }
    if (n == m->info.classes)
        m->info.names = m->names;
}

static void close_model(struct spn_seg_model *m)
{
    if (m == NULL)
        return;
    spn_vision_close(m->v);
    spn_free(m);
}

static spn_status open_model(struct spn_seg_model **out, struct spn_reader *r,
                             struct spn_pool *pool, bool bf16, struct spn_err *err)
{
    struct spn_seg_model *m = spn_calloc(1, sizeof *m);
    struct spn_vision_setup setup = {
        .build = segformer_build, .channels = 3, .bf16 = bf16, .pool = pool
    };
    spn_status st;

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open it", spn_reader_path(r));
    describe(m, r);
    setup.config = &m->config;
    st = spn_vision_open(&m->v, r, &setup, err);
    /* A small map at once: keys and shapes are checked before the first picture is read. */
    if (st == SPN_OK)
        st = spn_vision_prepare(m->v, 1, 64, 64, err);
    if (st != SPN_OK) {
        close_model(m);
        return st;
    }
    *out = m;
    return SPN_OK;
}

static const struct spn_seg_info *info(const struct spn_seg_model *m)
{
    return &m->info;
}

static spn_status run(struct spn_seg_model *m, const float *x, int64_t batch, int64_t h, int64_t w,
                      struct spn_tensor *logits, struct spn_err *err)
{
    return spn_vision_run(m->v, x, batch, h, w, logits, err);
}

static const char *stage(const struct spn_seg_model *m, int i, double *seconds)
{
    return spn_vision_stage(m->v, i, seconds);
}

static void inside(struct spn_seg_model *m, bool on)
{
    spn_vision_inside(m->v, on);
}

static const char *map_name(const struct spn_seg_model *m, int i)
{
    return spn_vision_map_name(m->v, i);
}

static spn_status map(struct spn_seg_model *m, const char *name, struct spn_tensor *out,
                      struct spn_err *err)
{
    return spn_vision_map(m->v, name, out, err);
}

static struct spn_vision_cost cost(const struct spn_seg_model *m)
{
    return spn_vision_cost(m->v);
}

const struct spn_segmenter segformer_segmenter = {
    .summary = "SegFormer B0 to B5: folders of Hugging Face",
    .knows = knows,
    .open = open_model,
    .close = close_model,
    .info = info,
    .run = run,
    .stage = stage,
    .inside = inside,
    .map_name = map_name,
    .map = map,
    .cost = cost,
};
