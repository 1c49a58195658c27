/* picture_modules.c - spn_sixel and spn_chafa, opened on first use. */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/parts.h"
#include "screen/picture_modules.h"
#include "screen/picture_protocol.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* One module: opened once, by whichever thread needs it first. */
struct opened {
    const char *name;
    const void *module; /* NULL: not yet */
    char says[64];
};
static struct opened sixel = { .name = "spn_sixel" }, chafa = { .name = "spn_chafa" };

static const void *open_module(struct opened *o, struct spn_module_head want, struct spn_err *err)
{
    const struct part *part = parts_find(o->name);
    const void *m;
    char *path = NULL;

    pthread_mutex_lock(&lock);
    if (o->module == NULL) {
        if (!parts_found(part, &path))
            spn_fail(err, SPN_ENOTFOUND, "%s: %s", part->what, part->why_not);
        else
            spn_module_open(&o->module, o->name, path, want, err);
        spn_free(path);
    }
    m = o->module;
    pthread_mutex_unlock(&lock);
    return m;
}

const struct spn_sixel_module *picture_sixel(struct spn_err *err)
{
    const struct spn_sixel_module *m =
        open_module(&sixel,
                    (struct spn_module_head){ sizeof(struct spn_sixel_module), SPN_SIXEL_ABI },
                    err);

    return m;
}

const struct spn_chafa_module *picture_chafa(struct spn_err *err)
{
    const struct spn_chafa_module *m =
        open_module(&chafa,
                    (struct spn_module_head){ sizeof(struct spn_chafa_module), SPN_CHAFA_ABI },
                    err);

    return m;
}

const char *picture_sixel_name(struct spn_err *err)
{
    const struct spn_sixel_module *m = picture_sixel(err);

    if (m == NULL)
        return NULL;
    m->start(sixel.says, sizeof sixel.says);
    return sixel.says;
}

const char *picture_chafa_name(struct spn_err *err)
{
    const struct spn_chafa_module *m = picture_chafa(err);

    if (m == NULL)
        return NULL;
    m->start(chafa.says, sizeof chafa.says);
    return chafa.says;
}

spn_status picture_chafa_iterm(char **out, size_t *n, const struct picture_task *t,
                               const uint8_t *rgb, struct spn_err *err)
{
    const struct spn_chafa_module *m = picture_chafa(err);

    if (m == NULL)
        return SPN_ENOTFOUND;
    if (m->iterm(out, n, t->rows, t->columns, rgb, t->width, t->height) == SPN_OK)
        return SPN_OK;
    return spn_fail(err, SPN_ENOMEM, "picture: libchafa has no memory for %d x %d pixels", t->width,
                    t->height);
}

void picture_chafa_release(char *bytes)
{
    if (bytes != NULL)
        picture_chafa(NULL)->release(bytes);
}

bool picture_symbols(struct area a, const struct spn_pixels *p)
{
    const struct spn_chafa_module *m;
    struct spn_chafa_cell *cell;
    int width = 4 * a.columns, height = 8 * a.rows;
    uint8_t *pixels;
    bool drawn;

    /* Classes stay apart in our own half blocks; here they would mix. */
    if (p->kind != SPN_PIXELS_RGB || a.on->ascii || a.rows < 1 || a.columns < 1 ||
        (m = picture_chafa(NULL)) == NULL)
        return false;
    cell = spn_calloc((size_t)a.rows * (size_t)a.columns, sizeof *cell);
    pixels = spn_calloc((size_t)width * (size_t)height, 3);
    drawn = cell != NULL && pixels != NULL && picture_scale(pixels, width, height, p) &&
            m->symbols(cell, a.rows, a.columns, pixels, width, height) == SPN_OK;
    for (int r = 0; drawn && r < a.rows; r++)
        for (int k = 0; k < a.columns; k++) {
            const struct spn_chafa_cell *c = &cell[r * a.columns + k];

            area_glyph(a, r, k, c->code, SPN_STYLE_TEXT, 0);
            area_colours(a, r, k, c->fg, c->bg);
        }
    spn_free(cell);
    spn_free(pixels);
    return drawn;
}
