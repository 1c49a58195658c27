#include "config.h"

#include <stdio.h>
#include <string.h>

#include "host/visible.h"
#include "screen/decode.h"

static const struct {
    const char *name;
    uint32_t code;
    const char *bytes; /* as readline's default keymaps know it */
} named[] = {
    { "Up", KEY_CODE_UP, "\033[A" },
    { "Down", KEY_CODE_DOWN, "\033[B" },
    { "Right", KEY_CODE_RIGHT, "\033[C" },
    { "Left", KEY_CODE_LEFT, "\033[D" },
    { "Home", KEY_CODE_HOME, "\033[H" },
    { "End", KEY_CODE_END, "\033[F" },
    { "PgUp", KEY_CODE_PGUP, "\033[5~" },
    { "PgDn", KEY_CODE_PGDN, "\033[6~" },
    { "Ins", KEY_CODE_INS, "\033[2~" },
    { "Del", KEY_CODE_DEL, "\033[3~" },
    { "Enter", KEY_CODE_ENTER, "\r" },
    { "Tab", KEY_CODE_TAB, "\t" },
    { "Esc", KEY_CODE_ESC, "\033" },
    { "Backspace", KEY_CODE_BACKSPACE, "\177" },
    { "Space", ' ', " " },
};

bool key_same(struct key a, struct key b)
{
    return a.code == b.code && a.mods == b.mods;
}

void key_name(struct key k, char *out, size_t room)
{
    char text[8] = "";
    const char *name = text;
    size_t i;

    if (k.code >= KEY_CODE_F1 && k.code <= KEY_CODE_F12)
        snprintf(text, sizeof text, "F%u", (unsigned)(k.code - KEY_CODE_F1 + 1));
    else if (k.code < KEY_CODE_FIRST)
        text[visible_put_utf8(text, k.code)] = '\0';
    for (i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i].code == k.code)
            name = named[i].name;
    snprintf(out, room, "%s%s%s%s", k.mods & MOD_CTRL ? "C-" : "", k.mods & MOD_META ? "M-" : "",
             k.mods & MOD_SHIFT ? "S-" : "", name);
}

bool key_parse(const char *name, size_t n, struct key *out)
{
    size_t i, k;

    *out = (struct key){ 0 };
    while (n > 2 && name[1] == '-') {
        unsigned mod = name[0] == 'C'   ? MOD_CTRL
                       : name[0] == 'M' ? MOD_META
                       : name[0] == 'S' ? MOD_SHIFT
                                        : 0;

        if (mod == 0)
            return false;
        out->mods |= (uint8_t)mod;
        name += 2;
        n -= 2;
    }
    for (i = 0; i < sizeof named / sizeof *named; i++)
        if (strlen(named[i].name) == n && memcmp(named[i].name, name, n) == 0)
            out->code = named[i].code;
    if (out->code == 0 && n >= 2 && n <= 3 && name[0] == 'F') {
        unsigned number = 0;

        for (k = 1; k < n && name[k] >= '0' && name[k] <= '9'; k++)
            number = number * 10 + (unsigned)(name[k] - '0');
        if (k == n && number >= 1 && number <= 12)
            out->code = KEY_CODE_F1 + number - 1;
    }
    if (out->code == 0) {
        k = n > 0 ? visible_utf8(name, n, &out->code) : 0;
        if (k == 0 || k != n || visible_next(name, n).code == 0)
            return false;
    }
    return true;
}

size_t key_bytes(struct key k, char out[16])
{
    char *p = out;
    size_t i, n = 0;

    if (k.mods & MOD_SHIFT && k.code == KEY_CODE_TAB) {
        memcpy(out, "\033[Z", 3);
        return 3;
    }
    if (k.code >= KEY_CODE_UP && k.code <= KEY_CODE_END && k.mods != 0) {
        static const char finals[] = "ABDCHF";

        return (size_t)snprintf(out, 16, "\033[1;%d%c",
                                1 + (k.mods & MOD_SHIFT ? 1 : 0) + (k.mods & MOD_META ? 2 : 0) +
                                    (k.mods & MOD_CTRL ? 4 : 0),
                                finals[k.code - KEY_CODE_UP]);
    }
    if (k.mods & MOD_META)
        *p++ = 27;
    if (k.mods & MOD_CTRL) {
        if (k.code < '@' || k.code > '~')
            return 0;
        *p++ = (char)(k.code & 0x1f);
        return (size_t)(p - out);
    }
    for (i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i].code == k.code) {
            n = strlen(named[i].bytes);
            memcpy(p, named[i].bytes, n);
            return (size_t)(p - out) + n;
        }
    if (k.code >= KEY_CODE_FIRST)
        return 0;
    return (size_t)(p - out) + visible_put_utf8(p, k.code);
}
