#include "config.h"

#include "host/engines.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "host/job.h"
#include "host/message.h"
#include "host/models.h"
#include "tensor/dtype.h"

static char *model; /* what -m said; NULL: not given */
static bool quiet, said;

static spn_status open_named(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    bool shipped = false;
    char *path = NULL;
    spn_status st = models_resolve(&path, &shipped, spec != NULL ? spec : model, err);

    if (st == SPN_OK && shipped && !quiet && !said) {
        message_warn("no model was named: %s answers, a small one that comes with spinney and "
                     "knows little; -m names another",
                     path);
        said = true;
    }
    if (st == SPN_OK)
        st = engine_local()->open(out, path, err);
    spn_free(path);
    return st;
}

const struct spn_engine_api *engines_table(void)
{
    static struct spn_engine_api table;

    if (table.size == 0) {
        table = *engine_local();
        table.open = open_named;
    }
    return &table;
}

/* "cpu", "cuda", "cuda:N". */
static spn_status check_device(const char *device, struct spn_err *err)
{
    if (strcmp(device, "cpu") == 0)
        return SPN_OK;
    if (strncmp(device, "cuda", 4) == 0 && (device[4] == '\0' || device[4] == ':')) {
        spn_fail(err, SPN_ENOMEM, "--device %s: models run on the CPU only in this version",
                 device);
        return spn_cure(err, "--device cpu");
    }
    return spn_fail(err, SPN_EUSAGE, "--device: \"%.40s\" is neither cpu nor cuda[:N]", device);
}

spn_status engines_configure(const struct spn_values *v, bool is_quiet, struct spn_err *err)
{
    struct engine_settings s = { .ctx = spn_value_int(v, "ctx"),
                                 .threads = (int)spn_value_int(v, "threads"),
                                 .cancel = job_cancel() };
    const char *name = spn_value_str(v, "model");
    spn_status st = check_device(spn_value_str(v, "device"), err);

    if (st != SPN_OK)
        return st;
    s.act_f32 = strcmp(spn_value_str(v, "act"), "f32") == 0;
    s.kv_dtype = strcmp(spn_value_str(v, "kv-type"), "f16") == 0 ? SPN_F16 : SPN_F32;
    quiet = is_quiet;
    spn_free(model);
    model = name != NULL ? spn_strdup(name) : NULL;
    if (name != NULL && model == NULL)
        return spn_fail(err, SPN_ENOMEM, "-m: no memory");
    engine_local_configure(&s);
    return SPN_OK;
}

void engines_end(void)
{
    engine_local_end();
    spn_free(model);
    model = NULL;
}
