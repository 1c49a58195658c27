/* react.c - think, call, look, again: every step sends all that came before. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "../common/tree.h"
#include "base/mem.h"
#include "rewoo.h"

#define TEXT_MAX ((size_t)16 << 20)

/* "Action: tool[input]" in REPLY, its last one; false: none. */
static bool action(const char *reply, char **tool, char **input)
{
    const char *at = NULL, *open, *end;

    *tool = *input = NULL;
    for (const char *s = reply; (s = strstr(s, "Action:")) != NULL; s += 7)
        at = s + 7;
    if (at == NULL)
        return false;
    at += strspn(at, " ");
    open = strchr(at, '[');
    if (open == NULL || memchr(at, '\n', (size_t)(open - at)) != NULL)
        return false;
    end = open + strcspn(open, "\n");
    while (end > open + 1 && end[-1] != ']')
        end--;
    *tool = spn_strndup(at, (size_t)(open - at));
    *input = spn_strndup(open + 1, end > open + 1 ? (size_t)(end - open) - 2 : 0);
    return *tool != NULL && *input != NULL;
}

static spn_status step_words(const struct rewoo_options *o, const char *question, const char *tools,
                             const char *log, char **out, struct spn_err *err)
{
    const char *body = spn_prompts_get(o->prompts, "react");
    const char *shots = spn_prompts_get(o->prompts, "shots");
    const struct spn_place places[] = { { "question", question },
                                        { "tools", tools },
                                        { "shots", shots != NULL ? shots : "" },
                                        { "log", log } };
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);

    if (body == NULL)
        return spn_fail(err, SPN_EUSAGE, "react: the set of prompts has no section [react]");
    if (spn_prompts_fill(&b, body, places, 4) != SPN_OK) {
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "react: no memory for a prompt");
    }
    *out = spn_buf_steal(&b);
    return SPN_OK;
}

/* What REPLY asks for is done and noted in LOG; *OVER: it gave its answer. */
static spn_status follow(struct reason_ground *g, const struct rewoo_options *o, const char *reply,
                         int64_t node, struct spn_buf *log, bool *over, struct rewoo_cost *cost,
                         struct spn_err *err)
{
    char *tool, *input, *why = NULL, *seen = NULL;
    bool acts = action(reply, &tool, &input);
    struct spn_node n = { .parent = node, .level = 2, .kind = "evidence", .score = NAN };

    *over = !acts || strstr(reply, "Answer:") != NULL;
    if (!*over) {
        cost->calls_tool++;
        seen = rewoo_call(o, tool, input, &why);
        cost->failed += why != NULL;
        n.text = seen;
        n.why = why;
        n.state = why != NULL ? SPN_NODE_CUT : SPN_NODE_ENDED;
        if (seen != NULL)
            reason_node_add(g, &n);
        spn_buf_printf(log, "%s\nObservation: %s\n", reply, seen != NULL ? seen : "");
    }
    spn_free(tool);
    spn_free(input);
    spn_free(why);
    if (!*over && (seen == NULL || log->failed)) {
        spn_free(seen);
        return spn_fail(err, SPN_ENOMEM, "react: no memory for an observation");
    }
    spn_free(seen);
    return SPN_OK;
}

spn_status react_run(const struct reason_tables *tables, const struct rewoo_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct rewoo_cost *cost, struct spn_err *err)
{
    struct reason_ground g;
    struct reason_tree_options unused = { 0 };
    struct rewoo_cost spent = { 0 };
    struct spn_buf log = SPN_BUF_INIT(TEXT_MAX);
    char *tools = rewoo_describe(o->tools);
    bool over = false;
    int64_t root;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = 0, .ended = "exhausted", .trees_run = 1
    };
    reason_ground_init(&g, tables, r, &unused, 1, o->temperature);
    root = reason_node_input(&g, 0, r->question);
    spn_buf_puts(&log, "");
    st = tools != NULL && !log.failed ? SPN_OK : spn_fail(err, SPN_ENOMEM, "react: no memory");
    for (int step = 0; step < o->steps_max && !over && st == SPN_OK && reason_open(&g.calls);
         step++) {
        struct reason_reply reply;
        char *prompt = NULL, *text = NULL;

        st = step_words(o, r->question, tools, log.data, &prompt, err);
        if (st == SPN_OK)
            st = rewoo_ask(&g.calls, prompt,
                           "\nObservation:", reason_key(spn_key_seed(r->seed), "react", step),
                           &reply, &text, err);
        if (st == SPN_OK && text != NULL) {
            struct spn_node n = { .parent = root,
                                  .level = 1,
                                  .kind = "thought",
                                  .text = text,
                                  .score = NAN,
                                  .tokens_in = reply.tokens_in,
                                  .tokens_out = reply.tokens_out,
                                  .seconds = reply.seconds,
                                  .state = SPN_NODE_ENDED };
            int64_t node = reason_node_add(&g, &n);

            spent.calls_model++;
            spent.planner += reply.tokens_in;
            st = follow(&g, o, text, node, &log, &over, &spent, err);
            if (st == SPN_OK && over) {
                const char *at = strstr(text, "Answer:");

                st = rewoo_answer(r, at != NULL ? at + 7 + strspn(at + 7, " ") : text, out, err);
                out->winner = node;
            }
        }
        spn_free(prompt);
        spn_free(text);
    }
    if (st == SPN_OK)
        out->ended = g.calls.ended != NULL ? g.calls.ended
                     : out->answer != NULL ? "answer"
                                           : "exhausted";
    reason_node_state(&g, root, SPN_NODE_ENDED, out->ended);
    reason_calls_end(&g.calls);
    reason_calls_totals(&g.calls, out);
    reason_ground_free(&g);
    spn_buf_free(&log);
    spn_free(tools);
    if (cost != NULL)
        *cost = spent;
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}
