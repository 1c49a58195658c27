/* tools.h - what the tools do, without the host. */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* The exact value of an arithmetic expression: 24, 0.125, 10/3 (= 3.3333). */
spn_status tools_calculate(const char *expression, struct spn_buf *out, struct spn_err *err);
/* The MOST paragraphs of the text files below ROOT that match the words of QUERY best (BM25), each
   as "FILE:LINE: text", a blank line between. Links are not followed. SPN_ENOTFOUND: none has a
   word of it, or there is no such folder. */
spn_status tools_search(const char *root, const char *query, size_t most, struct spn_buf *out,
                        struct spn_err *err);
/* SECONDS since 1970 as a person says it: "Tuesday 2026-11-24 18:07:03 UTC", in ZONE "utc" or
   "local". */
spn_status tools_time(long long seconds, const char *zone, struct spn_buf *out,
                      struct spn_err *err);

#endif
