#include "config.h"

#include "screen/theme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "screen/cells.h"

#define FILE_CEILING (1 << 16)

static const char *const role_names[ROLE_COUNT] = {
    [SPN_STYLE_TEXT] = "text",
    [SPN_STYLE_DIM] = "dim",
    [SPN_STYLE_STRONG] = "strong",
    [SPN_STYLE_HEAD] = "head",
    [SPN_STYLE_GOOD] = "good",
    [SPN_STYLE_WARN] = "warn",
    [SPN_STYLE_BAD] = "bad",
    [SPN_STYLE_ACCENT] = "accent",
    [SPN_STYLE_CODE] = "code",
    [SPN_STYLE_KEYWORD] = "keyword",
    [SPN_STYLE_STRING] = "string",
    [SPN_STYLE_COMMENT] = "comment",
    [SPN_STYLE_LINK] = "link",
    [SPN_STYLE_USER] = "user",
    [SPN_STYLE_MODEL] = "model",
    [SPN_STYLE_SERIES_1] = "series1",
    [SPN_STYLE_SERIES_2] = "series2",
    [SPN_STYLE_SERIES_3] = "series3",
    [SPN_STYLE_SERIES_4] = "series4",
    [SPN_STYLE_SERIES_5] = "series5",
    [SPN_STYLE_SERIES_6] = "series6",
    [ROLE_TITLE] = "title",
    [ROLE_STATE] = "state",
    [ROLE_BORDER] = "border",
    [ROLE_PANE] = "pane",
    [ROLE_FOCUS] = "focus",
    [ROLE_CHOICE] = "choice",
    [ROLE_CHOICE_WEAK] = "choice-weak",
    [ROLE_HIT] = "hit",
    [ROLE_GHOST] = "ghost",
    [ROLE_FOOTER] = "footer",
    [ROLE_KEY] = "key",
    [ROLE_DIALOG] = "dialog",
};
static const char *const colour_names[16] = {
    "black",        "red",           "green",       "yellow",         "blue",
    "magenta",      "cyan",          "white",       "bright-black",   "bright-red",
    "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan",
    "bright-white",
};
static const struct {
    const char *name;
    uint8_t attribute;
} attributes[] = {
    { "bold", CELL_BOLD }, { "reverse", CELL_REVERSE }, { "underline", CELL_UNDERLINE },
    { "dim", CELL_DIM },   { "italic", CELL_ITALIC },
};

void theme_plain(struct theme *t)
{
    size_t i;

    *t = (struct theme){ .name = "plain" };
    for (i = 0; i < ROLE_COUNT; i++)
        t->role[i].fg = t->role[i].bg = THEME_NONE;
    t->role[SPN_STYLE_STRONG].attributes = t->role[SPN_STYLE_HEAD].attributes = CELL_BOLD;
    t->role[SPN_STYLE_BAD].attributes = t->role[ROLE_KEY].attributes = CELL_BOLD;
    t->role[SPN_STYLE_LINK].attributes = CELL_UNDERLINE;
    t->role[ROLE_TITLE].attributes = CELL_BOLD;
    t->role[ROLE_FOCUS].attributes = t->role[ROLE_CHOICE].attributes = CELL_REVERSE;
    t->role[ROLE_CHOICE_WEAK].attributes = t->role[ROLE_HIT].attributes = CELL_UNDERLINE;
}

/* "#rrggbb", a name of the 16, "default". */
static bool colour(const char *word, int32_t *out)
{
    char *end;
    size_t i;

    if (strcmp(word, "default") == 0) {
        *out = THEME_NONE;
        return true;
    }
    if (word[0] == '#' && strlen(word) == 7) {
        *out = (int32_t)strtol(word + 1, &end, 16);
        return *end == '\0' && *out >= 0;
    }
    for (i = 0; i < 16; i++)
        if (strcmp(word, colour_names[i]) == 0) {
            *out = THEME_PALETTE | (int32_t)i;
            return true;
        }
    return false;
}

/* "FG [BG] [ATTRIBUTE]…" */
static bool look(char *text, struct theme_role *out)
{
    char *word, *rest = text;
    int n = 0;

    *out = (struct theme_role){ .fg = THEME_NONE, .bg = THEME_NONE };
    while ((word = strsep(&rest, " \t")) != NULL) {
        bool known = false;
        int32_t c;
        size_t i;

        if (*word == '\0')
            continue;
        for (i = 0; i < sizeof attributes / sizeof *attributes; i++)
            if (strcmp(word, attributes[i].name) == 0) {
                out->attributes |= attributes[i].attribute;
                known = true;
            }
        if (!known && n < 2 && colour(word, &c)) {
            *(n++ == 0 ? &out->fg : &out->bg) = c;
            known = true;
        }
        if (!known)
            return false;
    }
    return true;
}

static spn_status parse_line(struct theme *t, char *line, const char *where, int number,
                             struct spn_err *err)
{
    char *eq, *end;
    size_t i;

    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
        return SPN_OK;
    eq = strchr(line, '=');
    if (eq == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: \"%.60s\" has no \"=\"", where, number, line);
    for (end = eq; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
        continue;
    *end = '\0';
    for (i = 0; i < ROLE_COUNT; i++)
        if (strcmp(line, role_names[i]) == 0)
            break;
    if (i == ROLE_COUNT)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: there is no role \"%.60s\"", where, number, line);
    if (!look(eq + 1, &t->role[i]))
        return spn_fail(err, SPN_EFORMAT,
                        "%s:%d: %s: wanted colours (a name of 16, #rrggbb, default) and bold, "
                        "reverse, underline, dim or italic",
                        where, number, role_names[i]);
    return SPN_OK;
}

spn_status theme_parse(struct theme *t, const char *text, const char *where, struct spn_err *err)
{
    char *copy = spn_strdup(text), *rest = copy, *line;
    spn_status st = copy != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory", where);
    int number = 0;

    theme_plain(t);
    while (st == SPN_OK && (line = strsep(&rest, "\n")) != NULL)
        st = parse_line(t, line, where, ++number, err);
    spn_free(copy);
    if (st != SPN_OK)
        theme_plain(t);
    return st;
}

/* DIR/themes/NAME.theme */
static spn_status from(struct theme *t, const char *dir, const char *name, struct spn_err *err)
{
    char part[64], *path, *text = NULL;
    spn_status st;

    snprintf(part, sizeof part, "themes/%s.theme", name);
    path = dir != NULL ? spn_path_join(dir, part) : NULL;
    if (path == NULL || !spn_path_exists(path))
        st = SPN_ENOTFOUND;
    else
        st = spn_file_read(&text, NULL, path, FILE_CEILING, err);
    if (st == SPN_OK)
        st = theme_parse(t, text, path, err);
    spn_free(path);
    spn_free(text);
    return st;
}

spn_status theme_load(struct theme *t, const char *name, struct spn_err *err)
{
    spn_status st;

    theme_plain(t);
    if (strchr(name, '/') != NULL || strlen(name) >= sizeof t->name)
        return spn_fail(err, SPN_EUSAGE, "theme: \"%.40s\" is no name", name);
    st = from(t, paths()->config_home, name, err);
    if (st == SPN_ENOTFOUND)
        st = from(t, paths()->data, name, err);
    if (st == SPN_ENOTFOUND)
        return spn_fail(err, st, "theme: there is no %s.theme", name);
    if (st == SPN_OK)
        snprintf(t->name, sizeof t->name, "%s", name);
    return st;
}

/* ---- colours of 256 ---- */

static int channel_256(int v)
{
    return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
}

static int square(int v)
{
    return v * v;
}

int theme_256(int32_t rgb)
{
    static const int level[6] = { 0, 95, 135, 175, 215, 255 };
    int r = rgb >> 16 & 255, g = rgb >> 8 & 255, b = rgb & 255;
    int cr = channel_256(r), cg = channel_256(g), cb = channel_256(b);
    int grey = (r + g + b) / 3, step = grey < 8 ? 0 : grey > 238 ? 23 : (grey - 3) / 10;
    int v = 8 + 10 * step;
    int far_cube = square(level[cr] - r) + square(level[cg] - g) + square(level[cb] - b);
    int far_grey = square(v - r) + square(v - g) + square(v - b);

    return far_grey < far_cube ? 232 + step : 16 + 36 * cr + 6 * cg + cb;
}

int32_t theme_shown(int32_t colour, int colours)
{
    static const int32_t palette[16] = { 0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                         0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                         0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff };
    static const int level[6] = { 0, 95, 135, 175, 215, 255 };
    int n;

    if (colour == THEME_NONE)
        return -1;
    if (colour & THEME_PALETTE)
        return palette[colour & 15];
    if (colours < 256)
        return colour;
    n = theme_256(colour);
    if (n >= 232)
        return (8 + 10 * (n - 232)) * 0x010101;
    n -= 16;
    return level[n / 36] << 16 | level[n / 6 % 6] << 8 | level[n % 6];
}
