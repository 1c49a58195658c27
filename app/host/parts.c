#include "config.h"

#include "host/parts.h"

#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "host/plugins.h"

#ifdef SPN_STATIC_PLUGINS
#define BUILT_WITHOUT "built without shared modules; "
#else
#define BUILT_WITHOUT ""
#endif

static const struct part all[] = {
    { "spn_blas", "OpenBLAS, for training",
      BUILT_WITHOUT "our own products are used; configure makes the module where it finds OpenBLAS" },
    { "spn_cuda", "CUDA",
      BUILT_WITHOUT "everything runs on the CPU; configure makes the module where it finds nvcc" },
    { "spn_media", "video and image decoding",
      "no command of this version reads pictures or clips" },
    { "spn_net", "remote engines", "no engine of this version answers over the network" },
};

const struct part *parts_at(size_t i)
{
    return i < sizeof all / sizeof *all ? &all[i] : NULL;
}

bool parts_found(const struct part *p, char **path)
{
    char file[64], *full;
    bool found;

    snprintf(file, sizeof file, "%s%s.so", paths()->build != NULL ? ".libs/" : "", p->name);
    full = spn_path_join(paths()->modules, file);
    found = full != NULL && spn_path_exists(full);
    if (path != NULL)
        *path = full;
    else
        spn_free(full);
    return found;
}

void parts_describe(struct spn_buf *b, json_t *parts)
{
    size_t i;

    spn_buf_printf(b, "spinney %s, plugin ABI %d.%d\n", PACKAGE_VERSION, SPN_ABI_MAJOR,
                   SPN_ABI_MINOR);
#ifdef HAVE_X86
    spn_buf_printf(b, "kernels: portable C, AVX2, AVX-512; in use: %s\n",
                   spn_isa_name(spn_isa_get()));
#else
    spn_buf_printf(b, "kernels: portable C; in use: %s\n", spn_isa_name(spn_isa_get()));
#endif
#ifdef SPN_STATIC_PLUGINS
    spn_buf_puts(b, "plugins: linked in\n");
#endif
    for (i = 0; i < sizeof all / sizeof *all; i++) {
        bool found = parts_found(&all[i], NULL);

        spn_buf_printf(b, "%s (%s): %s\n", all[i].name, all[i].what, found ? "yes" : "no");
        if (parts != NULL)
            json_object_set_new(parts, all[i].name, json_boolean(found));
    }
}
