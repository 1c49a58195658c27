/* rows.h - a row of numbers at a time: what turning logits into labels needs. */
#ifndef SPN_VISION_ROWS_H
#define SPN_VISION_ROWS_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* y = wa a + wb b over N numbers; Y may be A or B. */
void spn_row_mix(float *y, const float *a, float wa, const float *b, float wb, int64_t n);
/* The first of the largest of N numbers, N at least 1; NaNs are passed over. */
int64_t spn_row_top(const float *x, int64_t n);

/* Where output I of OUT lies between two of IN numbers, pixel centres, borders repeated: output is
   (1 - *t) at *lo and *t at *hi. */
void spn_between(int64_t i, int64_t in, int64_t out, int64_t *lo, int64_t *hi, float *t);

#ifdef __cplusplus
}
#endif
#endif
