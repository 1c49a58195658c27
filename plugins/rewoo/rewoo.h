/* rewoo.h - ReWOO (arXiv 2305.18323): one call plans, tools work, one call solves; and ReAct, its
   baseline, which asks again after every observation. */
#ifndef REWOO_REWOO_H
#define REWOO_REWOO_H
#include "../common/reason.h"
#include "spinney/tool.h"

#define REWOO_NOTHING "No evidence found"
#define REWOO_TOOLS   32

struct rewoo_tool {
    char *name;
    const struct spn_tool *tool; /* NULL: the model itself */
    struct spn_values *options;
};
struct rewoo_tools {
    struct rewoo_tool item[REWOO_TOOLS];
    size_t n;
    const struct spn_values_api *values;
};
/* "calculator+search:root=docs+llm"; NULL or "": all that are registered, and llm. */
spn_status rewoo_tools_open(struct rewoo_tools *t, const struct spn_registry_api *registry,
                            const struct spn_values_api *values, const char *list,
                            struct spn_err *err);
void rewoo_tools_close(struct rewoo_tools *t); /* a zeroed one is fine */

struct rewoo_options {
    const struct rewoo_tools *tools;
    const struct spn_prompts *prompts; /* sections planner, solver, react, llm, shots */
    int evidence_max;                  /* bytes of a result that are shown to the solver */
    int steps_max;                     /* ReAct: calls at most */
    double temperature;
};
struct rewoo_cost { /* input tokens by part */
    int64_t planner, workers, solver, react_estimate;
    int64_t calls_model, calls_tool, failed;
};

/* COST may be NULL. Tools that fail are evidence that there is none. */
spn_status rewoo_run(const struct reason_tables *tables, const struct rewoo_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct rewoo_cost *cost, struct spn_err *err);
spn_status react_run(const struct reason_tables *tables, const struct rewoo_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct rewoo_cost *cost, struct spn_err *err);

/* ---- shared by the two ---- */

/* Call tool NAME (not llm): its result, cut to evidence_max bytes, or REWOO_NOTHING with the reason
   in *WHY (free with spn_free; NULL: it worked). NULL: no memory. */
char *rewoo_call(const struct rewoo_options *o, const char *name, const char *input, char **why);
const struct rewoo_tool *rewoo_find(const struct rewoo_tools *t, const char *name);
/* "name[input]: description" a line. Free with spn_free. */
char *rewoo_describe(const struct rewoo_tools *t);
/* One call and its reply; *TEXT a copy, NULL with SPN_OK: the budget is spent or the user is gone.
 */
spn_status rewoo_ask(struct reason_calls *c, const char *prompt, const char *stop, uint64_t key,
                     struct reason_reply *reply, char **text, struct spn_err *err);
/* The reply of the last call becomes the result. */
spn_status rewoo_answer(const struct spn_reason_request *r, const char *reply,
                        struct spn_reason_result *out, struct spn_err *err);

#endif
