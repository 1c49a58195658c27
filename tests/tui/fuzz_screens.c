/* fuzz_screens.c - random keys, pastes, resizes and bytes on every screen, without a terminal.
 *
 *   fuzz_screens [EVENTS] [SEED] [SCREEN]      events a screen (2,000), seed (1), all screens
 *
 * Under a sanitizer it is the judge; without one a crash or a hang shows.  The screens of plugins
 * are among them, opened with something to show.  Nothing is written but under a folder of its
 * own: ':' and 'w' open a prompt whose Enter is left out.  A model that is asked answers, so some
 * runs of the chat screen have jobs under way. */
#include "config.h"

#include <ftw.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "command/commands.h"
#include "host/engines.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/registry.h"
#include "host/settings.h"
#include "screen/decode.h"
#include "screen/ui.h"
#include "tap.h"

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

/* Bytes that a terminal may send: sequences whole and cut, UTF-8 right and wrong. */
static size_t some_bytes(char *out, size_t room)
{
    static const char *const parts[] = { "\033[A",
                                         "\033[1;5",
                                         "\033[200~x\033]0;\007\ny\033[201~",
                                         "\033[<0;10;5M",
                                         "\033[<64;3;3M",
                                         "\033[?1;2c",
                                         "\033P1$r",
                                         "\360\237\230\200",
                                         "\377",
                                         "\033",
                                         "\xc2\x9b",
                                         "\t",
                                         "q",
                                         "\033[3;9R",
                                         "\342\200\256" };
    size_t n = 0;

    while (n + 32 < room && draw(4) != 0) {
        const char *p = parts[draw(sizeof parts / sizeof *parts)];
        size_t k = strlen(p);

        memcpy(out + n, p, k);
        n += k;
    }
    return n;
}

static void random_key(struct ui *ui)
{
    struct key k = { draw(10) < 7 ? 32 + draw(95) : KEY_CODE_FIRST + 1 + draw(27), 0 };

    if (draw(8) == 0)
        k.mods = (uint8_t)(1u << draw(3));
    if (k.mods & MOD_CTRL)
        k.code = 'a' + draw(26);
    /* Enter in a prompt would write files and start programs that the letters happen to name. */
    if (k.code == KEY_CODE_ENTER && ui->prompt != PROMPT_NONE)
        k.code = KEY_CODE_ESC;
    ui_key(ui, k);
}

static void one_event(struct ui *ui, struct decoder *d)
{
    char bytes[256];
    const char *p = bytes;
    struct event e;
    size_t n;

    switch (draw(20)) {
    case 0:
        ui_resize(ui, 1 + (int)draw(70), 1 + (int)draw(220), NULL);
        break;
    case 1:
        n = some_bytes(bytes, sizeof bytes);
        ui_paste(ui, bytes, n);
        break;
    case 2:
        n = some_bytes(bytes, sizeof bytes);
        while (decoder_next(d, &p, &n, ui->now_ms, &e))
            if (e.kind == EVENT_MOUSE || e.kind == EVENT_PASTE)
                ui_event(ui, &e);
        break;
    case 3:
        e = (struct event){ .kind = EVENT_MOUSE };
        e.mouse.action = (enum mouse_action)draw(5);
        e.mouse.row = (int)draw(80);
        e.mouse.column = (int)draw(230);
        ui_event(ui, &e);
        break;
    default:
        random_key(ui);
    }
}

/* Every cell is drawn by us: no control character among them, wide ones in pairs. */
static bool sound(const struct cells *c)
{
    size_t i, n = (size_t)c->rows * (size_t)c->columns;

    for (i = 0; i < n; i++) {
        const struct cell *cell = &c->cell[i];

        if (cell->code != 0 && (cell->code < 0x20 || (cell->code >= 0x7f && cell->code < 0xa0)))
            return false;
        if (cell->width == 0 && (i % (size_t)c->columns == 0 || c->cell[i - 1].width != 2))
            return false;
    }
    return true;
}

/* What a screen is opened with; others begin with nothing. */
static const struct {
    const char *view, *shows; /* a file below the sources */
} shown[] = {
    { "ckpt", "share/models/forest-mini.gguf" },
    { "lab", "tests/data/curves" },
    { "seg", "share/demo/street.png" },
};

static void open_screen(struct ui *ui, const char *name)
{
    const char *sources = getenv("SPINNEY_SRCDIR");
    char path[1000], *argv[1] = { path };
    size_t i;

    for (i = 0; sources != NULL && i < sizeof shown / sizeof *shown; i++)
        if (strcmp(shown[i].view, name) == 0) {
            snprintf(path, sizeof path, "%s/%s", sources, shown[i].shows);
            ui_go(ui, name, 1, argv);
            return;
        }
    ui_go(ui, name, 0, NULL);
}

static void play(const char *name, int events)
{
    struct spn_err err = SPN_ERR_INIT;
    struct decoder d;
    struct ui *ui = NULL;
    bool good = true;
    int i;

    if (!ok(ui_open(&ui, 24, 80, &err) == SPN_OK, "open %s: %s", name, err.text))
        return;
    decoder_init(&d);
    open_screen(ui, name);
    for (i = 0; i < events && good; i++) {
        ui->now_ms = ui_clock();
        one_event(ui, &d);
        ui->leaving = ui->suspend = ui->editor = ui->redraw = false;
        spn_free(ui->pipe_command);
        ui->pipe_command = NULL;
        spn_buf_free(&ui->pipe_text);
        if (ui_shown(ui) == NULL)
            open_screen(ui, name);
        ui_tick(ui);
        if (draw(3) == 0) {
            ui_draw(ui);
            good = sound(&ui->cells);
        }
    }
    decoder_free(&d);
    ui_close(ui);
    ok(good, "%s: %d events", name, events);
}

static int take_away(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

#ifdef SPN_SANITIZED
/* readline keeps its line and its undo list until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libreadline";
}
#endif

int main(int argc, char **argv)
{
    static char dir[] = "/tmp/spinney-fuzz-XXXXXX";
    struct spn_err err = SPN_ERR_INIT;
    int events = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2000;
    const char *name, *owner;
    size_t i;

    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return skip_all("no UTF-8 locale");
    if (mkdtemp(dir) == NULL || paths_init(dir, &err) != SPN_OK || settings_load(&err) != SPN_OK ||
        commands_register(&err) != SPN_OK || views_register(&err) != SPN_OK ||
        plugins_start(NULL, 0, &err) != SPN_OK) {
        ok(false, "start: %s", err.text);
        return done();
    }
    for (i = 0; registry_at(SPN_POINT_VIEW, i, &name, &owner) != NULL; i++)
        if (argc < 4 || strcmp(argv[3], name) == 0)
            play(name, events);
    engines_end();
    plugins_end(true); /* leak reports name what is mapped */
    registry_end();
    settings_end();
    paths_free();
    nftw(dir, take_away, 16, FTW_DEPTH | FTW_PHYS);
    return done();
}
