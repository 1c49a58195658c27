/* model.c - the model of `spinney seg -m`. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seg.h"

static spn_status scales_of(struct segment_options *o, const char *list, struct spn_err *err)
{
    char *end;

    for (const char *at = list; at != NULL;) {
        double v = strtod(at, &end);

        if (end == at || !(v >= 0.1 && v <= 8) || (*end != ',' && *end != '\0') ||
            o->n_scale == SEGMENT_SCALES_MAX)
            return spn_fail(err, SPN_EUSAGE,
                            "seg: --scales %.80s: wanted at most %d numbers of 0.1 to 8, a comma "
                            "between",
                            list, SEGMENT_SCALES_MAX);
        o->scale[o->n_scale++] = v;
        at = *end == ',' ? end + 1 : NULL;
    }
    return SPN_OK;
}

static spn_status own_classes(struct seg *s, const struct spn_host *h, struct spn_err *err)
{
    const struct spn_seg_info *info = s->net.info;
    spn_status st = SPN_OK;

    if (spn_value_str(s->v, "classes") != NULL)
        return SPN_OK;
    if (info->palette != NULL) {
        classes_free(&s->classes);
        st = classes_load(&s->classes, h->query("files", 1), info->palette, err);
    }
    for (int i = 0; st == SPN_OK && info->names != NULL && i < info->classes; i++)
        s->classes.name[i] = info->names[i];
    if (st == SPN_OK && info->names != NULL)
        s->classes.n = info->classes;
    return st;
}

spn_status seg_model_open(struct seg *s, const struct spn_host *h, struct spn_err *err)
{
    const struct spn_registry_api *registry = h->query("registry", 1);
    spn_status st;

    s->net_path = spn_value_str(s->v, "model");
    s->how.slide = spn_value_flag(s->v, "slide");
    s->how.window = (int)spn_value_int(s->v, "window");
    s->how.stride = (int)spn_value_int(s->v, "stride");
    s->how.flip = spn_value_flag(s->v, "flip");
    st = scales_of(&s->how, spn_value_str(s->v, "scales"), err);
    if (st == SPN_OK && registry == NULL)
        st = spn_fail(err, SPN_ENOTFOUND, "seg: this host has no table \"registry\" 1");
    if (st == SPN_OK)
        st = segment_net_open(&s->net, registry, s->net_path, (int)spn_value_int(s->v, "threads"),
                              spn_value_flag(s->v, "bf16"), err);
    if (st == SPN_OK)
        st = own_classes(s, h, err);
    if (st == SPN_OK && s->net.info->drawn)
        s->api->say(s->job, "this model learnt from drawn scenes alone: take what it says of a "
                            "photograph with care");
    return st;
}

void seg_model_close(struct seg *s)
{
    segment_net_close(&s->net);
}

spn_status seg_model_labels(struct seg *s, const struct spn_image *picture, struct spn_image *mask,
                            struct spn_err *err)
{
    struct segment *done = NULL;
    spn_status st =
        segment_run(&done, &s->net, picture, &s->how, s->api->cancel(s->job), &s->times, err);

    if (st == SPN_OK)
        st = segment_labels(done, mask, err);
    segment_free(done);
    return st;
}

void seg_model_tell(const struct seg *s, json_t *o)
{
    struct spn_vision_cost c = s->net.segmenter->cost(s->net.model);
    json_t *times = json_object();

    json_object_set_new(o, "arch", json_string(s->net.info->arch));
    json_object_set_new(times, "scale", json_real(s->times.scale));
    json_object_set_new(times, "net", json_real(s->times.net));
    for (int i = 0; i < s->times.n_stage; i++)
        json_object_set_new(times, s->times.stage[i], json_real(s->times.seconds[i]));
    json_object_set_new(o, "times", times);
    json_object_set_new(o, "multiply_adds",
                        json_integer((json_int_t)(c.macs.convs + c.macs.again + c.macs.attention)));
    json_object_set_new(o, "run_bytes", json_integer((json_int_t)c.run_bytes));
    if (s->net.info->drawn)
        json_object_set_new(o, "note", json_string("learnt from drawn scenes alone"));
}
