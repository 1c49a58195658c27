/* moving.c - a view whose picture changes all the time over a line to type in: for the tests of
 * slow lines. */
#include <math.h>

#include "base/mem.h"
#include "spinney/plugin.h"

#define WIDTH   640
#define HEIGHT  360
#define STEP_MS 40

struct moving {
    const struct spn_pane_api *api;
    struct spn_screen *screen;
    int frame;
    uint8_t wave[1024];
    uint8_t rgb[HEIGHT][WIDTH][3];
};

static void step(void *view)
{
    struct moving *m = view;
    int t = 7 * m->frame++;

    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            m->rgb[y][x][0] = m->wave[(3 * x + t) & 1023];
            m->rgb[y][x][1] = m->wave[(4 * y + x + 1023 - (t & 1023)) & 1023];
            m->rgb[y][x][2] = (uint8_t)((x ^ y) + m->frame);
        }
    m->api->picture(m->api->pane(m->screen, "picture"),
                    &(struct spn_pixels){ .width = WIDTH, .height = HEIGHT, .data = m->rgb[0][0] });
    m->api->timer(m->screen, STEP_MS);
}

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    struct moving *m = spn_calloc(1, sizeof *m);

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "moving: no memory");
    m->api = (const struct spn_pane_api *)h->query("pane", 1);
    m->screen = s;
    for (int i = 0; i < 1024; i++)
        m->wave[i] = (uint8_t)(128 + 100 * sin(i * 6.283185307 / 1024));
    step(m);
    *out = m;
    return SPN_OK;
}

static void close_view(void *view)
{
    spn_free(view);
}

static const struct spn_view view = { .summary = "a picture that moves",
                                      .layout = "picture",
                                      .prompt = "",
                                      .open = open_view,
                                      .close = close_view,
                                      .timer = step };

static spn_status declare(const struct spn_host *h, struct spn_err *err)
{
    const struct spn_registry_api *r = (const struct spn_registry_api *)h->query("registry", 1);

    return r->add(h, SPN_POINT_VIEW, "moving", &view, err);
}

SPN_PLUGIN(moving) = {
    SPN_PLUGIN_HEAD,   .name = "moving", .summary = "a picture that moves, for tests",
    .papers = "",      .needs = "",      .points = SPN_HAS(SPN_POINT_VIEW),
    .declare = declare
};
