/* json_text.h - JSON from outside: an object's members found without parsing them, and bounded
 * parsing of one value.
 *
 * A parsed value takes some 50 times the memory of its text, so headers of megabytes are walked
 * member by member.
 */
#ifndef SPN_JSON_TEXT_H
#define SPN_JSON_TEXT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { K_JSON_BYTES_MAX = 4 << 20, K_JSON_VALUES_MAX = 1 << 18, K_JSON_DEPTH_MAX = 64 };

struct k_text { const char *s; size_t n; };

struct k_json_walk {
    const char *place;                 /* file name, for messages */
    struct k_text text;
    size_t pos, base;                  /* BASE: where TEXT begins in the file, for messages */
    bool done;
};

/* TEXT must begin with `{` after optional space, and hold nothing but space after the matching `}`.
 */
spn_status k_json_walk_begin(struct k_json_walk *w, const char *place, struct k_text text,
                             size_t base, struct spn_err *err);
/* The next member: KEY with its quotes and VALUE as they stand in the text. W->done is set, and
 * they are not, at the end. */
spn_status k_json_walk_next(struct k_json_walk *w, struct k_text *key, struct k_text *value,
                            struct spn_err *err);

/* Parse one value; free with json_decref. Beyond JSON it takes what other writers of these files
   emit: integers too large for 64 bits (as reals) and NaN, Infinity, -Infinity (as null). BASE as
   above. */
spn_status k_json_load(json_t **out, const char *place, struct k_text text, size_t base,
                       struct spn_err *err);

#endif
