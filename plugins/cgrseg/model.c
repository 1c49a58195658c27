/* model.c - an open CGRSeg: what it is by its shapes, and the network behind it. */
#include "config.h"

#include "model.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "network.h"

#define CLASSES_KEPT 255

struct spn_seg_model {
    struct spn_vision *v;
    struct spn_seg_info info;
    char arch[32];
    const char *names[CLASSES_KEPT];
    char *text; /* of the names */
};

static int64_t dim_of(const struct spn_reader *r, const char *name, int i)
{
    const struct spn_entry *e = spn_reader_find(r, name);

    return e != NULL && i < e->t.ndim ? e->t.dim[i] : 0;
}

static bool knows(const struct spn_reader *r)
{
    return dim_of(r, "decode_head.conv_seg.weight", 1) > 0 &&
           spn_reader_find(r, "decode_head.SIM.0.fuse1.conv.weight") != NULL &&
           spn_reader_find(r, "backbone.patch_embed.0.weight") != NULL;
}

/* The paper's letter by widths; a slim one has none. */
static void name_of(const struct spn_reader *r, char *to, size_t room)
{
    int64_t width = dim_of(r, "decode_head.SIM.0.fuse1.conv.weight", 1),
            channels = dim_of(r, "decode_head.conv_seg.weight", 1);
    const char *letter = width == 48 && channels == 128   ? "t"
                         : width == 64 && channels == 256 ? "b"
                         : width == 80 && channels == 256 ? "l"
                                                          : "slim";

    snprintf(to, room, "cgrseg-%s", letter);
}

/* Names out of an array (CLASSES of mmsegmentation) or lines of text (our own metadata). */
static void take_names(struct spn_seg_model *m, const struct spn_reader *r)
{
    struct spn_meta v;
    int n = 0;
    char *at;

    if (spn_reader_meta(r, "spinney.classes", &v) && v.kind == SPN_META_STRING) {
        m->text = spn_strndup(v.s, v.s_length);
        for (at = m->text; at != NULL && *at != '\0' && n < CLASSES_KEPT;) {
            char *end = strchr(at, '\n');

            m->names[n++] = at;
            if (end == NULL)
                break;
            *end = '\0';
            at = end + 1;
        }
    } else if (spn_reader_meta(r, "meta.CLASSES", &v) && v.kind == SPN_META_ARRAY &&
               v.count <= CLASSES_KEPT) {
        m->text = spn_calloc((size_t)v.count, 64);
        for (at = m->text; at != NULL && n < (int)v.count; n++, at += 64) {
            const char *s;
            size_t length;

            if (!spn_meta_elem_str(&v, (uint64_t)n, &s, &length))
                break;
            while (length > 0 && s[length - 1] == ' ') /* the official list has "bed " */
                length--;
            memcpy(at, s, length < 63 ? length : 63);
            m->names[n] = at;
        }
    }
    if (n == m->info.classes)
        m->info.names = m->names;
}

static void describe(struct spn_seg_model *m, const struct spn_reader *r)
{
    const char *note = spn_meta_str(r, "spinney.note");
    int64_t side = 0;

    name_of(r, m->arch, sizeof m->arch);
    m->info = (struct spn_seg_info){ .arch = m->arch,
                                     .classes = (int)dim_of(r, "decode_head.conv_seg.weight", 0),
                                     .mean = { 123.675f, 116.28f, 103.53f },
                                     .std = { 58.395f, 57.12f, 57.375f },
                                     .long_side = 2048,
                                     .short_side = 512,
                                     .fit = SPN_SEG_PAD,
                                     .multiple = CGRSEG_MULTIPLE,
                                     .drawn = note != NULL && strcmp(note, "drawn") == 0 };
    if (spn_meta_int(r, "spinney.side", &side) && side >= 32 && side <= 1024) {
        m->info.short_side = (int)side;
        m->info.long_side = (int)side * 4;
    }
    m->info.palette = m->info.classes == 150   ? "ade20k-150"
                      : m->info.classes == 171 ? "coco-stuff-171"
                      : m->info.classes == 59  ? "pascal-context-59"
                                               : NULL;
    if (m->info.classes == 171 || m->info.classes == 59)
        m->info.fit = SPN_SEG_STRETCH;
    take_names(m, r);
}

static void close_model(struct spn_seg_model *m)
{
    if (m == NULL)
        return;
    spn_vision_close(m->v);
    spn_free(m->text);
    spn_free(m);
}

static spn_status open_model(struct spn_seg_model **out, struct spn_reader *r,
                             struct spn_pool *pool, bool bf16, struct spn_err *err)
{
    const struct spn_vision_setup setup = {
        .build = cgrseg_build, .channels = 3, .bf16 = bf16, .pool = pool
    };
    struct spn_seg_model *m = spn_calloc(1, sizeof *m);
    spn_status st;

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open it", spn_reader_path(r));
    describe(m, r);
    st = spn_vision_open(&m->v, r, &setup, err);
    /* A small map at once: keys and shapes are checked before the first picture is read. */
    if (st == SPN_OK)
        st = spn_vision_prepare(m->v, 1, CGRSEG_MULTIPLE, CGRSEG_MULTIPLE, err);
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
    if (h % CGRSEG_MULTIPLE != 0 || w % CGRSEG_MULTIPLE != 0)
        return spn_fail(err, SPN_EUSAGE, "cgrseg: an input of %lld x %lld, wanted multiples of %d",
                        (long long)w, (long long)h, CGRSEG_MULTIPLE);
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

const struct spn_segmenter cgrseg_segmenter = {
    .summary = "CGRSeg: context-guided spatial features over EfficientFormerV2",
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
