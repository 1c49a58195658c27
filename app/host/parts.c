#include "config.h"

#include "host/parts.h"

#include <dlfcn.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/net.h"
#include "host/paths.h"
#include "media/image.h"
#include "screen/picture_modules.h"
#include "spinney/plugin.h"
#include "tensor/product.h"

#ifdef SPN_STATIC_PLUGINS
#define NOT_MADE "this build has no shared modules"
#else
#define NOT_MADE "configure makes it where it finds its library"
#endif

static const struct part all[] = {
    { "spn_blas", "OpenBLAS, for training", "our own products are used; " NOT_MADE },
    { "spn_chafa", "libchafa, for pictures as characters",
      "pictures are our own half blocks; " NOT_MADE },
    { "spn_cuda", "CUDA", "everything runs on the CPU; " NOT_MADE },
    { "spn_media", "pictures and clips", "no picture is read or written; " NOT_MADE },
    { "spn_net", "libcurl, for engines on servers", "no server can be asked; " NOT_MADE },
    { "spn_sixel", "libsixel, for pictures on sixel terminals",
      "such terminals get blocks; " NOT_MADE },
};

const struct part *parts_at(size_t i)
{
    return i < sizeof all / sizeof *all ? &all[i] : NULL;
}

const struct part *parts_find(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
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

/* Ask the CUDA module, in its own words. */
static bool cuda_state(const char *path, struct spn_buf *text)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module != NULL ? dlsym(module, "spn_cuda_devices") : NULL;
    int (*devices)(char *text, size_t room);
    char said[256] = "";
    int n = 0;

    if (symbol != NULL) {
        memcpy(&devices, &symbol, sizeof devices); /* POSIX: dlsym gives functions too */
        n = devices(said, sizeof said);
        spn_buf_printf(text, "%s", said);
    } else {
        const char *why = dlerror();

        spn_buf_printf(text, "%s", why != NULL ? why : "the module does not open");
    }
    if (n > 0)
        spn_buf_puts(text, "; models run on the CPU in this version");
    if (module != NULL)
        dlclose(module);
    return n > 0;
}

bool parts_state(const struct part *p, struct spn_buf *text)
{
    struct spn_err why = SPN_ERR_INIT;
    char *path = NULL;
    bool works = parts_found(p, &path);

    spn_buf_printf(text, "%s: ", p->what);
    if (!works) {
        spn_buf_puts(text, p->why_not);
    } else if (strcmp(p->name, "spn_blas") == 0) {
        works = spn_blas_open(path, &why) == SPN_OK;
        spn_buf_puts(text, works ? spn_blas_name() : why.text);
    } else if (strcmp(p->name, "spn_net") == 0) {
        const struct spn_net_module *m;

        net_configure(path);
        works = net_module(&m, &why) == SPN_OK;
        spn_buf_puts(text, works ? net_name() : why.text);
    } else if (strcmp(p->name, "spn_media") == 0) {
        const char *name = spn_media_open(path, &why);

        works = name != NULL;
        spn_buf_puts(text, works ? name : why.text);
    } else if (strcmp(p->name, "spn_sixel") == 0 || strcmp(p->name, "spn_chafa") == 0) {
        const char *name =
            p->name[4] == 's' ? picture_sixel_name(&why) : picture_chafa_name(&why);

        works = name != NULL;
        spn_buf_puts(text, works ? name : why.text);
    } else if (strcmp(p->name, "spn_cuda") == 0) {
        works = cuda_state(path, text);
    }
    spn_free(path);
    return works;
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
