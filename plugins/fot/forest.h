/* forest.h - Forest-of-Thought (arXiv 2412.09078): several trees over one question, stopped early,
   decided by vote. The result is defined in tree order: which trees count, and who wins, does not
   depend on how many run together. */
#ifndef FOT_FOREST_H
#define FOT_FOREST_H
#include "../common/reason.h"

/* AUTO: what fits the task.  One with steps and a check grows beam trees, the first that solves it
   wins; any other grows rollouts, half of the trees must agree, and an expert breaks ties. */
enum fot_base { FOT_BASE_AUTO, FOT_COT, FOT_TOT, FOT_MCTS };
enum fot_stop { FOT_STOP_AUTO, FOT_FIRST, FOT_MAJORITY, FOT_NONE };
enum fot_decide { FOT_DECIDE_AUTO, FOT_VOTE, FOT_SCORE, FOT_RANDOM, FOT_CGED };

struct fot_options {
    int trees, beam, eval;
    int in_flight; /* trees that run together; 0: all */
    int rollouts;  /* of a tree of base mcts */
    enum fot_base base;
    enum fot_stop stop;
    enum fot_decide decide;
    double threshold, temperature;
    bool sparse, correct;
    bool sample_select, random_values, random_proposer;
    bool one_step, dummy; /* base mcts: the released code's backup; a refusal as second root */
    bool augment;         /* later trees see a worked example first, where the set has a bank */
    bool tie_score;       /* cged: tied answers are rated instead of shown to the expert */
    const char *expert;   /* model or engine that breaks ties; NULL: the one that answers */
};

spn_status fot_run(const struct reason_tables *tables, const struct fot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err);
void fot_estimate(const struct fot_options *o, const struct spn_task *task, int64_t *calls,
                  int64_t *tokens);

#endif
