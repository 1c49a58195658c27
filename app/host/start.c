#include "config.h"

#include "host/start.h"

#include "base/file.h"
#include "host/model_facts.h"
#include "host/models.h"

spn_status start_screen(struct spn_buf *b, struct spn_err *err)
{
    struct model_place *list = NULL;
    size_t n = 0, i;
    spn_status st = models_list(&list, &n, err);

    if (st != SPN_OK)
        return st;
    spn_buf_printf(b,
                   "spinney %s: a workbench for efficient-AI research in the terminal\n\nmodels\n",
                   PACKAGE_VERSION);
    for (i = 0; i < n; i++)
        spn_buf_printf(b, "  %-24s  %s\n", list[i].name, list[i].source);
    if (n == 0)
        spn_buf_puts(b, "  none here; -m FILE.gguf names one of your own\n");
    spn_buf_puts(
        b, "\ntry\n"
           "  spinney chat -p \"4 5 6 10\" --reason fot      a forest on a Game of 24\n"
           "  spinney chat -m FILE.gguf -p \"...\"           one of your own models\n"
           "  spinney help                                 every command\n"
           "  spinney doctor                               what this machine and build have\n");
    models_free(list, n);
    return b->failed ? spn_fail(err, SPN_ENOMEM, "spinney: no memory") : SPN_OK;
}

spn_status start_file(struct spn_buf *b, const char *path, struct spn_err *err)
{
    struct model_facts f;

    if (!spn_path_exists(path))
        return spn_fail(err, SPN_ENOTFOUND, "%s: no such file or folder", path);
    if (!models_is_model(path))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: neither a GGUF or safetensors file nor a model folder", path);
    model_facts_read(&f, path);
    if (!f.runs)
        return spn_fail(err, SPN_EFORMAT, "%s", f.why_not);
    spn_buf_printf(b, "%s: a language model, %s, %llu parameters, mostly %s, %llu bytes\n", path,
                   f.arch, (unsigned long long)f.params, f.type, (unsigned long long)f.bytes);
    spn_buf_printf(b, "context %lld tokens, chat template %s\n  try: spinney chat -m %s\n",
                   (long long)f.ctx, f.chat, path);
    return b->failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory", path) : SPN_OK;
}
