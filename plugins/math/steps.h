/* steps.h - worked lines: are the results of their calculations true, and do their operands come
 * from somewhere? */
#ifndef MATH_STEPS_H
#define MATH_STEPS_H
#include <stdbool.h>

#include "base/err.h"

enum steps_fault {
    STEPS_FINE,
    STEPS_FALSE,   /* a result is not what its calculation gives */
    STEPS_UNKNOWN, /* an operand is neither in the question nor an earlier result */
    STEPS_ANSWER   /* the answer is no result and no number of the question */
};

/* Look through the lines of REPLY for `calculation = number`; what is no calculation claims
   nothing. *FAULT is the first thing wrong.  *MENDED (free with spn_free): REPLY up to its first
   false result, with the true one in its place and the end of the line where one came; NULL: none
   is false. Numbers of QUESTION count in digits and in words (half, twice, dozen, week and the like
   with what they stand for), and so do 1, 2 and 100. */
spn_status steps_check(const char *question, const char *reply, enum steps_fault *fault,
                       char **mended, struct spn_err *err);

#endif
