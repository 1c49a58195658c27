/* picture_pane.c - the pane that holds a picture. */
#include "config.h"

#include "base/mem.h"
#include "screen/pane.h"
#include "screen/picture.h"

struct picture {
    struct picture_source *source; /* NULL: none could be kept */
};

static void drop(struct picture *t)
{
    picture_source_unref(t->source);
    t->source = NULL;
}

static void free_picture(struct spn_pane *p)
{
    picture_service()->forget(picture_service()->ctx, p);
    drop(p->content);
    spn_free(p->content);
}

void picture_set(struct spn_pane *p, const struct spn_pixels *pixels)
{
    struct picture *t = pane_content(p, &pane_picture, sizeof *t);

    if (t == NULL)
        return;
    drop(t);
    t->source = picture_source_new(pixels);
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    const struct picture *t = p->content;

    if (t->source == NULL)
        area_puts(a, 0, 1, "no picture", SPN_STYLE_DIM);
    else if (a.rows > 0 && a.columns > 0)
        picture_service()->draw(picture_service()->ctx, p, a, t->source, false);
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    return PANE_NOT_MINE;
}

static bool write_picture(struct spn_pane *p, struct spn_buf *out, bool json)
{
    const struct picture *t = p->content;

    if (json || t->source == NULL)
        return false;
    spn_buf_printf(out, "%s\n",
                   t->source->pixels.alt != NULL ? t->source->pixels.alt : "a picture");
    return true;
}

const struct pane_kind pane_picture = {
    .free_ = free_picture, .draw = draw, .command = command, .write = write_picture
};
