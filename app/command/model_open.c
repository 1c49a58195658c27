#include "config.h"

#include "command/model_open.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "engine/adapters.h"
#include "host/message.h"
#include "host/model_memory.h"
#include "host/models.h"
#include "tensor/dtype.h"

spn_status model_open(struct model_open *m, const struct spn_values *v, bool tokenizer,
                      struct spn_err *err)
{
    struct spn_lm_adapter *list = NULL;
    struct spn_lm_options o;
    char *lora = NULL;
    bool shipped = false;
    int threads = (int)spn_value_int(v, "threads");
    spn_status st;

    *m = (struct model_open){ 0 };
    if (strcmp(spn_value_str(v, "engine"), "local") != 0)
        return spn_fail(err, SPN_EUSAGE, "--engine %.200s: this command works on the model itself",
                        spn_value_str(v, "engine"));
    st = models_resolve(&m->path, &shipped, spn_value_str(v, "model"), err);
    if (st != SPN_OK)
        return st;
    if (shipped && !spn_value_flag(v, "quiet"))
        message_warn("no model was named: this is %s, which comes with spinney", m->path);
    m->pool = spn_pool_new(threads > 0 ? threads : spn_threads_allowed());
    if (m->pool == NULL) {
        model_close(m);
        return spn_fail(err, SPN_ENOMEM, "%d threads: no memory", threads);
    }
    spn_lm_options_default(&o);
    o.act = strcmp(spn_value_str(v, "act"), "f32") == 0 ? SPN_ACT_F32 : SPN_ACT_INT8;
    o.tokenizer = tokenizer;
    o.pool = m->pool;
    st = model_memory_check(m->path, spn_value_int(v, "ctx"),
                            strcmp(spn_value_str(v, "kv-type"), "f16") == 0 ? 2 : 4,
                            spn_value_flag(v, "quiet"), err);
    if (st == SPN_OK)
        st = adapters_text(&lora, v, err);
    if (st == SPN_OK)
        st = adapters_list(&list, &o.n_adapter, lora, err);
    o.adapter = list;
    if (st == SPN_OK)
        st = spn_lm_open(&m->lm, m->path, &o, err);
    spn_free(list);
    spn_free(lora);
    if (st != SPN_OK)
        model_close(m);
    return st;
}

void model_close(struct model_open *m)
{
    spn_lm_close(m->lm);
    spn_pool_free(m->pool);
    spn_free(m->path);
    *m = (struct model_open){ 0 };
}
