#include "config.h"

#include "classes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define LIST_MAX (1u << 20) /* bytes of a list */

/* A colour per id that keeps neighbours apart: the bits of the id, lowest first, become the highest
 * bits of red, green, blue in turn (the rule of the PASCAL VOC colour map). */
static void colour_of_id(int id, uint8_t rgb[3])
{
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int bit = 7; bit >= 0; bit--, id >>= 3)
        for (int k = 0; k < 3; k++)
            rgb[k] |= (uint8_t)((id >> k & 1) << bit);
}

static bool hex_colour(const char *s, uint8_t rgb[3])
{
    char *end;
    unsigned long v;

    if (s[0] != '#' || !isxdigit((unsigned char)s[1]))
        return false;
    v = strtoul(s + 1, &end, 16);
    if (end != s + 7 || *end != '\0')
        return false;
    rgb[0] = (uint8_t)(v >> 16);
    rgb[1] = (uint8_t)(v >> 8);
    rgb[2] = (uint8_t)v;
    return true;
}

static char *trim(char *s)
{
    char *end;

    while (isspace((unsigned char)*s))
        s++;
    end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return s;
}

static spn_status take_lines(struct classes *c, const char *path, struct spn_err *err)
{
    char *line = c->text, *next;

    for (int number = 1; line != NULL; line = next, number++) {
        char *colour;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line = trim(line);
        if (*line == '\0' || *line == '#')
            continue;
        if (c->n == IGNORED)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: more than %d classes", path, number, IGNORED);
        colour = strrchr(line, '#');
        if (colour != NULL && !hex_colour(colour, c->rgb[c->n]))
            return spn_fail(err, SPN_EFORMAT, "%s:%d: \"%.20s\" is no colour #RRGGBB", path, number,
                            colour);
        if (colour != NULL)
            *colour = '\0';
        c->name[c->n++] = trim(line);
    }
    if (c->n == 0)
        return spn_fail(err, SPN_EFORMAT, "%s: no classes in it", path);
    return SPN_OK;
}

static char *list_path(const struct spn_files_api *files, const char *list)
{
    struct spn_buf name = SPN_BUF_INIT(256);
    char *path = NULL;

    if (strchr(list, '/') != NULL || spn_path_exists(list))
        return spn_strdup(list);
    spn_buf_printf(&name, "palettes/%s.txt", list);
    if (!name.failed && files != NULL)
        path = files->find(name.data);
    spn_buf_free(&name);
    return path;
}

spn_status classes_load(struct classes *c, const struct spn_files_api *files, const char *list,
                        struct spn_err *err)
{
    char *path;
    size_t n;
    spn_status st;

    memset(c, 0, sizeof *c);
    for (int id = 0; id < CLASSES_MAX; id++)
        colour_of_id(id + 1, c->rgb[id]);
    if (list == NULL)
        return SPN_OK;
    path = list_path(files, list);
    if (path == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "%.200s: no file and no known list of classes", list);
        return spn_cure(err, "ade20k-150, cityscapes-19, coco-stuff-171, pascal-context-59, or a "
                             "file of lines `name #RRGGBB`");
    }
    st = spn_file_read(&c->text, &n, path, LIST_MAX, err);
    if (st == SPN_OK)
        st = take_lines(c, path, err);
    if (st != SPN_OK)
        classes_free(c);
    spn_free(path);
    return st;
}

void classes_free(struct classes *c)
{
    spn_free(c->text);
    memset(c, 0, sizeof *c);
}

const char *classes_name(const struct classes *c, int id, char room[16])
{
    if (id >= 0 && id < c->n)
        return c->name[id];
    snprintf(room, 16, "class %d", id);
    return room;
}
