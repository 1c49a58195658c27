/* toy_train.c - a training run of the toy model as a program of its own, to be killed: toy_train
 * RUN STEPS THREADS. Resumes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/pool.h"
#include "toy.h"

int main(int argc, char **argv)
{
    struct toy toy = { .digits = 6 };
    const struct spn_train_source source = { "toy", 1, toy_example, &toy };
    struct spn_recipe *r = NULL;
    struct spn_train *t = NULL;
    struct spn_train_options o = { .resume = true, .seed = 3 };
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    if (argc != 4) {
        fprintf(stderr, "toy_train RUN STEPS THREADS\n");
        return 2;
    }
    o.run = argv[1];
    o.steps = strtol(argv[2], NULL, 10);
    o.pool = spn_pool_new((int)strtol(argv[3], NULL, 10));
    st = toy_recipe(&r, "steps = 100\nsave_every = 7\nkeep = 2\nlog_every = 3", &err);
    if (st == SPN_OK)
        st = spn_train_open(&t, r, &source, 1, &o, &err);
    if (st == SPN_OK)
        st = spn_train_run(t, &err);
    if (st != SPN_OK)
        fprintf(stderr, "toy_train: %s\n", err.text);
    spn_train_close(t);
    spn_recipe_free(r);
    spn_pool_free(o.pool);
    return spn_exit_code(st);
}
