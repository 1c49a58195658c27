/* model.h - CGRSeg as a segmenter. */
#ifndef CGRSEG_MODEL_H
#define CGRSEG_MODEL_H
#include "spinney/segmenter.h"

extern const struct spn_segmenter cgrseg_segmenter;
/* A network whose numbers are hashes of their keys gives what the official modules give. */
spn_status cgrseg_selftest(struct spn_err *err);

#endif
