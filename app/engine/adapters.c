#include "config.h"

#include "engine/adapters.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

spn_status adapters_text(char **text, const struct spn_values *v, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    *text = NULL;
    for (size_t i = 0; i < spn_value_count(v, "lora"); i++) {
        const char *one = spn_value_nth(v, "lora", i);

        if (*one == '\0' || strchr(one, '\n') != NULL) {
            spn_buf_free(&b);
            return spn_fail(err, SPN_EUSAGE, "--lora: \"%.80s\" is no adapter", one);
        }
        spn_buf_printf(&b, "%s\n", one);
    }
    if (b.length > 0 && (*text = spn_buf_steal(&b)) == NULL)
        return spn_fail(err, SPN_ENOMEM, "--lora: no memory");
    return SPN_OK;
}

/* Cut ":SCALE" off PATH, unless a file is called so. */
static float take_scale(char *path)
{
    char *colon = strrchr(path, ':'), *end;
    double scale;

    if (colon == NULL || colon[1] == '\0' || spn_path_exists(path))
        return 1;
    scale = strtod(colon + 1, &end);
    if (*end != '\0' || !(scale >= -1000 && scale <= 1000))
        return 1;
    *colon = '\0';
    return (float)scale;
}

spn_status adapters_list(struct spn_lm_adapter **out, int *n, const char *text, struct spn_err *err)
{
    size_t lines = 0, bytes = text != NULL ? strlen(text) : 0;
    struct spn_lm_adapter *list;
    char *at;

    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    if (lines == 0)
        return SPN_OK;
    list = spn_calloc(1, lines * sizeof *list + bytes + 1);
    if (list == NULL)
        return spn_fail(err, SPN_ENOMEM, "--lora: no memory");
    at = (char *)(list + lines);
    memcpy(at, text, bytes);
    for (size_t i = 0; i < lines; i++) {
        char *line_end = strchr(at, '\n');

        *line_end = '\0';
        list[i].path = at;
        list[i].scale = take_scale(at);
        at = line_end + 1;
    }
    *out = list;
    *n = (int)lines;
    return SPN_OK;
}
