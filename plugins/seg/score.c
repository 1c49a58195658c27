#include "config.h"

#include "score.h"

#include <math.h>
#include <string.h>

/* Raw ids of COCO-Stuff that name no class: things of COCO that were never annotated. */
static const uint8_t coco_absent[] = { 11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90 };
#define COCO_RAW 182

uint8_t score_truth(enum truth_rule rule, uint8_t v)
{
    uint8_t gone = 0;

    if (rule == TRUTH_ADE)
        return v == 0 ? IGNORED : (uint8_t)(v == IGNORED ? IGNORED : v - 1);
    if (rule != TRUTH_COCO)
        return v;
    if (v >= COCO_RAW)
        return IGNORED;
    for (size_t i = 0; i < sizeof coco_absent; i++) {
        if (coco_absent[i] == v)
            return IGNORED;
        gone += coco_absent[i] < v;
    }
    return (uint8_t)(v - gone);
}

void score_add(struct score *s, const uint8_t *prediction, const uint8_t *truth, size_t n,
               enum truth_rule rule)
{
    uint8_t map[256];

    for (int v = 0; v < 256; v++)
        map[v] = score_truth(rule, (uint8_t)v);
    for (size_t i = 0; i < n; i++)
        s->pixels[map[truth[i]]][prediction[i]]++;
    memset(s->pixels[IGNORED], 0, sizeof s->pixels[IGNORED]);
}

void score_merge(struct score *into, const struct score *from)
{
    for (int t = 0; t < CLASSES_MAX; t++)
        for (int p = 0; p < CLASSES_MAX; p++)
            into->pixels[t][p] += from->pixels[t][p];
}

void score_result(const struct score *s, struct class_score each[CLASSES_MAX],
                  struct score_total *total)
{
    double ious = 0, accuracies = 0;
    uint64_t right = 0;
    int in_truth = 0;

    memset(each, 0, CLASSES_MAX * sizeof *each);
    *total = (struct score_total){ 0 };
    for (int t = 0; t < IGNORED; t++)
        for (int p = 0; p < CLASSES_MAX; p++) {
            each[t].truth += s->pixels[t][p];
            each[p].predicted += s->pixels[t][p];
        }
    for (int id = 0; id < IGNORED; id++) {
        struct class_score *c = &each[id];
        uint64_t either;

        c->both = s->pixels[id][id];
        either = c->truth + c->predicted - c->both;
        c->iou = either > 0 ? (double)c->both / (double)either : NAN;
        c->accuracy = c->truth > 0 ? (double)c->both / (double)c->truth : NAN;
        total->pixels += c->truth;
        right += c->both;
        if (either > 0) {
            ious += c->iou;
            total->classes++;
        }
        if (c->truth > 0) {
            accuracies += c->accuracy;
            in_truth++;
        }
    }
    total->miou = total->classes > 0 ? ious / total->classes : NAN;
    total->macc = in_truth > 0 ? accuracies / in_truth : NAN;
    total->aacc = total->pixels > 0 ? (double)right / (double)total->pixels : NAN;
}
