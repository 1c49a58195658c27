/* model.h - SegFormer as a segmenter. */
#ifndef SEGFORMER_MODEL_H
#define SEGFORMER_MODEL_H
#include "spinney/segmenter.h"

extern const struct spn_segmenter segformer_segmenter;

#endif
