/* tool_grads.c - every case of cases.h in double as one JSON line: what went in, the result, the
 * gradients.  Read by tests/peer/grads.py. */
#include "config.h"

#include "grad/cases.h"

static void list(const char *name, const struct spn_tensor *t)
{
    printf(", \"%s\": {\"shape\": [", name);
    for (int i = 0; i < t->ndim; i++)
        printf("%s%lld", i > 0 ? ", " : "", (long long)t->dim[i]);
    printf("], \"data\": [");
    for (int64_t i = 0; i < spn_tensor_elems(t); i++)
        printf("%s%.17g", i > 0 ? ", " : "", number(t, i));
    printf("]}");
}

static void integers(const char *name, const int32_t *x, int64_t n)
{
    printf(", \"%s\": [", name);
    for (int64_t i = 0; i < n && x != NULL; i++)
        printf("%s%d", i > 0 ? ", " : "", (int)x[i]);
    printf("]");
}

static bool dump(int i, uint64_t seed)
{
    struct bench b;
    struct spn_err err = SPN_ERR_INIT;
    bool fine = case_new(&b, i, seed, SPN_F64, seed > 3, NULL, &err);
    struct spn_tensor t;
    char name[16];

    if (!fine) {
        fprintf(stderr, "%s: %s\n", cases[i].name, err.text);
        case_free(&b);
        return false;
    }
    printf("{\"case\": \"%s\", \"seed\": %d, \"leaves\": %d%s", cases[i].name, (int)seed, b.n_leaf,
           b.params);
    for (int k = 0; k < b.n_leaf; k++) {
        snprintf(name, sizeof name, "leaf%d", k);
        t = view(&b, name, false);
        list(name, &t);
        snprintf(name, sizeof name, "grad%d", k);
        t = view(&b, name, true);
        list(name, &t);
    }
    t = view(&b, "probe", false);
    list("probe", &t);
    t = view(&b, "y", true);
    list("y", &t);
    integers("token", b.rows.token, b.rows.n);
    integers("pos", b.rows.pos, b.rows.n);
    integers("first", b.rows.first, b.rows.n);
    integers("parent", b.rows.parent, b.rows.n);
    integers("out", b.rows.out, b.rows.n_out);
    if (b.has_targets) {
        integers("target", b.target, b.rows.n);
        t = view(&b, "weight", false);
        list("weight", &t);
    }
    printf("}\n");
    case_free(&b);
    return true;
}

int main(void)
{
    bool fine = true;

    for (int i = 0; i < CASES; i++)
        for (uint64_t seed = 1; seed <= 5; seed++)
            fine = dump(i, seed) && fine;
    return fine ? 0 : 1;
}
