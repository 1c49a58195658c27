/* prompts.h - sets of prompts by name: "prompts" 1.  A set is a folder with a file TASK.prompts a
 * task (text/prompts.h says what is in one) and, if it likes, TASK.examples: worked examples, JSON
 * Lines with "question" and "answer". */
#ifndef SPINNEY_PROMPTS_H
#define SPINNEY_PROMPTS_H
#include <stdint.h>
#include "base/err.h"
#include "text/prompts.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_prompts_api {
    uint32_t size;
    /* Prompts of TASK from SET: a folder (it has a slash), or the name of a set, the user's own
     * before the project's; NULL: "general".  A set without a file for this task leaves it to
     * "general"; *OUT is NULL with SPN_OK when that has none either.  SPN_ENOTFOUND: there is no
     * such set. Free with spn_prompts_free. */
    spn_status (*open)(struct spn_prompts **out, const char *set, const char *task,
                       struct spn_err *err);
    /* Path of SET's file TASK.examples, with the same order but without "general" in its place;
     * NULL: there is none. Free with spn_free. */
    char *(*examples)(const char *set, const char *task);
};

#ifdef __cplusplus
}
#endif
#endif
