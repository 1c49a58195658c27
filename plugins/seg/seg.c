/* seg.c - `spinney seg`: pictures and their label maps. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "rle.h"
#include "seg.h"

static const struct spn_option options[] = {
    { "model", SPN_OPT_STRING, .letter = 'm', .arg = "MODEL",
      .help = "a network that segments: .pth, .safetensors or a Hugging Face folder" },
    { "slide", SPN_OPT_FLAG, .help = "the model sees windows of the picture, not the whole" },
    { "window", SPN_OPT_INT, .hi = 4096, .arg = "N",
      .help = "side of a window of --slide in pixels, 0 the model's own" },
    { "stride", SPN_OPT_INT, .hi = 4096, .arg = "N",
      .help = "from window to window, 0 two thirds of one" },
    { "scales", SPN_OPT_STRING, .arg = "LIST",
      .help = "the model sees the picture at these scales: 0.5,1,1.5" },
    { "flip", SPN_OPT_FLAG, .help = "and mirrored as well" },
    { "bf16", SPN_OPT_FLAG, .help = "the model multiplies numbers of 16 bits" },
    { "pred", SPN_OPT_STRING, .arg = "MASK",
      .help = "a label map (PNG, NPY, COCO runs as JSON), or a folder of them" },
    { "gt", SPN_OPT_STRING, .arg = "MASK", .help = "the truth to compare with, or its folder" },
    { "classes", SPN_OPT_STRING, .arg = "LIST",
      .help = "ade20k-150, cityscapes-19, coco-stuff-171, pascal-context-59, or a file of `name "
              "#RRGGBB`" },
    { "rule", SPN_OPT_CHOICE, .choices = "plain ade coco", .dflt.s = "plain",
      .help = "how the truth numbers its classes" },
    { "out", SPN_OPT_STRING, .arg = "DIR", .help = "write a file a picture there" },
    { "format", SPN_OPT_CHOICE, .choices = "palette png overlay rle", .dflt.s = "palette",
      .help = "what is written to --out" },
    { "opacity", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.5, .arg = "X",
      .help = "of the classes over the picture in an overlay" },
    { "files-from", SPN_OPT_STRING, .arg = "FILE",
      .help = "more pictures, a path a line, - stdin" },
    { "zero", SPN_OPT_FLAG, .letter = '0', .help = "paths of --files-from end with a zero byte" },
    { "shard", SPN_OPT_STRING, .arg = "K/N", .help = "only pictures whose number mod N is K" },
    { "resume", SPN_OPT_FLAG, .help = "leave out pictures whose file in --out is there" },
    { "threads", SPN_OPT_INT, .hi = 1024, .arg = "N",
      .help = "threads of a model and of eval, 0 as many as this process may use" },
    { 0 }
};

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct seg s = { .host = h, .job = job, .api = h->query("job", 1), .v = v };
    const char *rule = spn_value_str(v, "rule");
    struct inputs in = { 0 };
    spn_status st =
        classes_load(&s.classes, h->query("files", 1), spn_value_str(v, "classes"), err);

    if (st != SPN_OK)
        return st;
    s.rule = strcmp(rule, "ade") == 0    ? TRUTH_ADE
             : strcmp(rule, "coco") == 0 ? TRUTH_COCO
                                         : TRUTH_PLAIN;
    if (argc == 1 && strcmp(argv[0], "eval") == 0) {
        st = seg_evaluate(&s, err);
    } else {
        if (spn_value_str(v, "model") != NULL)
            st = seg_model_open(&s, h, err);
        if (st == SPN_OK)
            st = inputs_read(&in, argc, argv, spn_value_str(v, "files-from"),
                             spn_value_flag(v, "zero"), spn_value_str(v, "shard"), err);
        if (st == SPN_OK)
            st = seg_pictures(&s, &in, err);
    }
    inputs_free(&in);
    seg_model_close(&s);
    classes_free(&s.classes);
    return st;
}

static const struct spn_command command = {
    .summary = "what is where in pictures, by a model or by label maps",
    .usage = "seg PICTURE... -m MODEL [--slide] [--scales LIST] [--flip] [--out DIR]\n"
             "seg PICTURE... [--pred MASK] [--gt MASK] [--classes LIST] [--out DIR]\n"
             "seg eval --pred DIR --gt DIR [--rule ade]",
    .details =
        "Reads pictures (JPEG, PNG, WebP, BMP, GIF, TIFF, PNM, AVIF) with their label maps and "
        "says "
        "which classes they show and how much of the picture each takes; with the truth also how "
        "far they agree. A label map is a palette or grey PNG whose pixels are class ids, a PNG in "
        "the colours of --classes, an NPY array [h][w], or COCO's run lengths in JSON. Without "
        "--pred the map of the same name beside the picture is taken.\n\n"
        "With -m a network makes the label map: CGRSeg from a .pth of mmsegmentation or a "
        ".safetensors file, SegFormer from a folder of Hugging Face. Its classes and colours are "
        "used unless --classes names others.\n\n"
        "eval compares all masks of a folder with the truth of the same names: IoU and accuracy a "
        "class over the whole set, and their means. --rule says how the truth is numbered: ade (0 "
        "is no class, k is class k - 1), coco (the 182 raw ids of COCO-Stuff).",
    .examples =
        "spinney seg share/demo/street.png --pred share/demo/masks --classes "
        "share/demo/street.txt\n"
        "spinney seg share/demo/street.png --pred share/demo/masks --gt share/demo/truth --json\n"
        "spinney seg share/demo/street.png --pred share/demo/masks --out /tmp/over --format "
        "overlay\n"
        "spinney seg eval --pred share/demo/masks --gt share/demo/truth "
        "--classes share/demo/street.txt",
    .options = options,
    .arguments_min = 0,
    .arguments_max = -1,
    .run = run,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "seg: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_COMMAND, "seg", &command, err);
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    static const uint8_t ids[6] = { 0, 1, 1, 0, 0, 1 };
    uint8_t back[6] = { 0 };
    struct spn_buf text = SPN_BUF_INIT(100);
    spn_status st = rle_encode(&text, ids, 3, 2, 1);

    if (st == SPN_OK)
        st = rle_decode(back, 3, 2, 1, text.data, err);
    if (st == SPN_OK && memcmp(ids, back, sizeof ids) != 0)
        st = spn_fail(err, SPN_ENO, "seg: a mask does not survive its run lengths");
    spn_buf_free(&text);
    return st;
}

SPN_PLUGIN(seg) = {
    SPN_PLUGIN_HEAD,
    .name = "seg",
    .summary = "pictures and their label maps: classes, overlays, scores",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_COMMAND),
    .declare = declare,
    .selftest = selftest,
};
