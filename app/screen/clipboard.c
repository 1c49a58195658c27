#include "config.h"

#include "screen/clipboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "screen/picture_encode.h"

#define CLIPBOARD_MAX 50000

/* tmux ignores OSC 52 from programs by default; its own command sets buffer and clipboard. */
static bool by_tmux(const char *text, size_t n)
{
    FILE *f = popen("tmux load-buffer -w - 2>/dev/null", "w");
    bool whole;

    if (f == NULL)
        return false;
    whole = fwrite(text, 1, n, f) == n;
    return pclose(f) == 0 && whole;
}

static void by_file(struct ui *ui, const char *text, size_t n)
{
    char *path =
        paths()->state_home != NULL ? spn_path_join(paths()->state_home, "copied.txt") : NULL;
    struct spn_err err = SPN_ERR_INIT;
    char say[400];
    mode_t before = umask(077);
    spn_status st = SPN_ENOTFOUND;

    if (path != NULL)
        st = spn_make_dirs(paths()->state_home, &err);
    if (st == SPN_OK)
        st = spn_file_write(path, text, n, &err);
    umask(before);
    if (st == SPN_OK) {
        snprintf(say, sizeof say, "%zu bytes copied to %.300s", n, path);
        ui_say(ui, SPN_STYLE_GOOD, say, NULL);
    } else {
        ui_say(ui, SPN_STYLE_BAD, err.text[0] != '\0' ? err.text : "there is no home for a copy",
               NULL);
    }
    spn_free(path);
}

void clipboard_give(struct ui *ui, struct term *t)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 18);
    const char *text = ui->copied.data != NULL ? ui->copied.data : "";
    size_t n = ui->copied.length;
    bool kept = ui->message != NULL && ui->message_style == SPN_STYLE_ACCENT; /* of `=` */
    char say[120];

    if (n > CLIPBOARD_MAX) {
        by_file(ui, text, n);
        return;
    }
    if (term_facts(t)->tmux && by_tmux(text, n)) {
        snprintf(say, sizeof say, "%zu bytes copied by tmux", n);
    } else {
        spn_buf_puts(&b, "\033]52;c;");
        picture_base64(&b, text, n);
        spn_buf_puts(&b, "\033\\");
        if (!b.failed)
            term_write(t, b.data, b.length);
        spn_buf_free(&b);
        snprintf(say, sizeof say, "%zu bytes copied by OSC 52", n);
    }
    if (!kept)
        ui_say(ui, SPN_STYLE_GOOD, say, NULL);
}
