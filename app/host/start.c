#include "config.h"

#include "host/start.h"

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
