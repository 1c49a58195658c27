#include "config.h"

#include "screen/history.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"

#define FILE_CEILING ((size_t)8 << 20)

static char *file_of(const char *name)
{
    char part[80];

    if (paths()->state_home == NULL)
        return NULL;
    snprintf(part, sizeof part, "history-%s", name);
    return spn_path_join(paths()->state_home, part);
}

/* "\n" and "\\" back to what they stood for, in place. */
static void unescape(char *s)
{
    char *out = s;

    for (; *s != '\0'; s++) {
        if (*s == '\\' && (s[1] == 'n' || s[1] == '\\'))
            *out++ = *++s == 'n' ? '\n' : '\\';
        else
            *out++ = *s;
    }
    *out = '\0';
}

void history_read(const char *name, void (*take)(void *ctx, const char *text), void *ctx)
{
    char *path = file_of(name), *text = NULL, *rest, *line;

    if (path != NULL && spn_path_exists(path) &&
        spn_file_read(&text, NULL, path, FILE_CEILING, NULL) == SPN_OK) {
        rest = text;
        while ((line = strsep(&rest, "\n")) != NULL)
            if (*line != '\0') {
                unescape(line);
                take(ctx, line);
            }
    }
    spn_free(text);
    spn_free(path);
}

static void escape(struct spn_buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n')
            spn_buf_puts(b, "\\n");
        else if (*s == '\\')
            spn_buf_puts(b, "\\\\");
        else
            spn_buf_add(b, s, 1);
    }
    spn_buf_puts(b, "\n");
}

spn_status history_write(const char *name, const char *(*at)(void *ctx, size_t i), void *ctx,
                         struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(FILE_CEILING);
    char *path = file_of(name);
    spn_status st = SPN_OK;
    const char *text;
    mode_t before;
    size_t i;

    if (path == NULL)
        return SPN_OK; /* no home: nothing is kept, which doctor says */
    for (i = 0; (text = at(ctx, i)) != NULL; i++)
        if (*text != ' ' && *text != '\0')
            escape(&b, text);
    before = umask(077);
    st = spn_make_dirs(paths()->state_home, err);
    if (st == SPN_OK)
        st = spn_file_write(path, b.data != NULL ? b.data : "", b.length, err);
    umask(before);
    spn_buf_free(&b);
    spn_free(path);
    return st;
}
