/* tool_lm.c - a model from the command line, for tests that compare with other programs.
 *
 *   tool_lm logits MODEL f32|int8 ID...    float32 [ids, vocabulary] to stdout
 *   tool_lm write MODEL OUT TYPE           the model as GGUF, matrices as TYPE
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lm/logits.h"
#include "lm/model.h"

static spn_status logits(struct spn_lm *m, char **ids, int64_t n, struct spn_err *err)
{
    int32_t *id = spn_calloc((size_t)n + 1, sizeof *id);
    float *out = spn_calloc((size_t)n + 1, (size_t)m->shape.n_vocab * sizeof *out);
    spn_status st = id != NULL && out != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "no memory");

    for (int64_t i = 0; i < n && st == SPN_OK; i++)
        id[i] = (int32_t)strtol(ids[i], NULL, 10);
    if (st == SPN_OK)
        st = spn_lm_logits(m, id, n, out, NULL, err);
    if (st == SPN_OK && fwrite(out, sizeof *out, (size_t)(n * m->shape.n_vocab), stdout) !=
                            (size_t)(n * m->shape.n_vocab))
        st = spn_fail(err, SPN_EIO, "stdout: cannot be written");
    spn_free(id);
    spn_free(out);
    return st;
}

int main(int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;
    struct spn_lm *m = NULL;
    spn_status st;

    if (argc < 5) {
        fprintf(stderr,
                "usage: tool_lm logits MODEL f32|int8 ID... | tool_lm write MODEL OUT TYPE\n");
        return 2;
    }
    spn_lm_options_default(&o);
    o.tokenizer = false;
    o.act = strcmp(argv[3], "f32") == 0 ? SPN_ACT_F32 : SPN_ACT_INT8;
    o.pack = strcmp(argv[1], "logits") == 0;
    st = spn_lm_open(&m, argv[2], &o, &err);
    if (st == SPN_OK && o.pack)
        st = logits(m, argv + 4, argc - 4, &err);
    else if (st == SPN_OK)
        st = spn_lm_write_gguf(m, argv[3], spn_dtype_by_name(argv[4]), NULL, "peer", NULL, NULL,
                               &err);
    spn_lm_close(m);
    if (st != SPN_OK)
        fprintf(stderr, "%s\n", err.text);
    return spn_exit_code(st);
}
