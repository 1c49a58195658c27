/* spn_chafa.c - the module that links libchafa (and GLib behind it), so that nothing else does. */
#include "config.h"

#include "screen/spn_chafa.h"

#include <stdbool.h>
#include <stdio.h>

#include <chafa.h>

static void start(char *name, uint32_t room)
{
    snprintf(name, room, "libchafa %d.%d.%d", CHAFA_MAJOR_VERSION, CHAFA_MINOR_VERSION,
             CHAFA_MICRO_VERSION);
}

static ChafaCanvas *canvas(ChafaPixelMode mode, int rows, int columns)
{
    ChafaCanvasConfig *config = chafa_canvas_config_new();
    ChafaSymbolMap *map = chafa_symbol_map_new();
    ChafaCanvas *c;

    chafa_symbol_map_add_by_tags(map, CHAFA_SYMBOL_TAG_SPACE | CHAFA_SYMBOL_TAG_SOLID |
                                          CHAFA_SYMBOL_TAG_HALF | CHAFA_SYMBOL_TAG_QUAD);
    chafa_canvas_config_set_symbol_map(config, map);
    chafa_symbol_map_unref(map);
    chafa_canvas_config_set_geometry(config, columns, rows);
    chafa_canvas_config_set_pixel_mode(config, mode);
    chafa_canvas_config_set_canvas_mode(config, CHAFA_CANVAS_MODE_TRUECOLOR);
    chafa_canvas_config_set_dither_mode(config, CHAFA_DITHER_MODE_NONE);
    chafa_canvas_config_set_preprocessing_enabled(config, FALSE);
    chafa_canvas_config_set_work_factor(config, 0.5f);
    c = chafa_canvas_new(config);
    chafa_canvas_config_unref(config);
    return c;
}

static spn_status symbols(struct spn_chafa_cell *out, int rows, int columns, const uint8_t *rgb,
                          int width, int height)
{
    ChafaCanvas *c = canvas(CHAFA_PIXEL_MODE_SYMBOLS, rows, columns);

    if (c == NULL)
        return SPN_ENOMEM;
    chafa_canvas_draw_all_pixels(c, CHAFA_PIXEL_RGB8, rgb, width, height, width * 3);
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < columns; k++) {
            struct spn_chafa_cell *cell = &out[r * columns + k];
            gint fg = -1, bg = -1;

            chafa_canvas_get_colors_at(c, k, r, &fg, &bg);
            *cell = (struct spn_chafa_cell){ chafa_canvas_get_char_at(c, k, r), fg, bg };
        }
    chafa_canvas_unref(c);
    return SPN_OK;
}

static spn_status iterm(char **out, size_t *n, int rows, int columns, const uint8_t *rgb, int width,
                        int height)
{
    ChafaCanvas *c = canvas(CHAFA_PIXEL_MODE_ITERM2, rows, columns);
    ChafaTermInfo *info;
    GString *text;

    if (c == NULL)
        return SPN_ENOMEM;
    info = chafa_term_db_get_fallback_info(chafa_term_db_get_default());
    chafa_canvas_draw_all_pixels(c, CHAFA_PIXEL_RGB8, rgb, width, height, width * 3);
    text = chafa_canvas_print(c, info);
    chafa_term_info_unref(info);
    chafa_canvas_unref(c);
    if (text == NULL)
        return SPN_ENOMEM;
    *n = text->len;
    *out = g_string_free(text, FALSE);
    return SPN_OK;
}

static void release(char *bytes)
{
    g_free(bytes);
}

extern const struct spn_chafa_module spn_chafa_LTX_spn_module;
const struct spn_chafa_module spn_chafa_LTX_spn_module = {
    .head = { sizeof(struct spn_chafa_module), SPN_CHAFA_ABI },
    .start = start,
    .symbols = symbols,
    .iterm = iterm,
    .release = release,
};
