/* score.h - how well label maps agree: one count a pair of classes over a whole set. */
#ifndef SEG_SCORE_H
#define SEG_SCORE_H
#include "classes.h"
#include "media/image.h"

/* How the truth of a data set numbers its classes. */
enum truth_rule {
    TRUTH_PLAIN, /* as they are; 255 is ignored */
    TRUTH_ADE,   /* ADE20K: 0 is ignored, k becomes k - 1 */
    TRUTH_COCO   /* COCO-Stuff: the 182 raw ids become 171, those without a class are ignored */
};

struct score {
    /* pixels[truth][prediction]; the prediction IGNORED or past the classes counts as wrong */
    uint64_t pixels[CLASSES_MAX][CLASSES_MAX];
};

/* Id V of the truth as RULE numbers it. */
uint8_t score_truth(enum truth_rule rule, uint8_t v);
/* Add N pixels; the truth's ignored ones are left out. */
void score_add(struct score *s, const uint8_t *prediction, const uint8_t *truth, size_t n,
               enum truth_rule rule);
void score_merge(struct score *into, const struct score *from);

struct class_score {
    uint64_t truth, predicted, both; /* pixels */
    double iou, accuracy;            /* NaN: the class is nowhere; accuracy: not in the truth */
};
struct score_total {
    double miou, macc, aacc; /* means over the classes that are somewhere; share of right pixels */
    uint64_t pixels;
    int classes; /* that miou is the mean of */
};
/* Of CLASSES_MAX classes each. */
void score_result(const struct score *s, struct class_score each[CLASSES_MAX],
                  struct score_total *total);

#endif
