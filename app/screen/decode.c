#include "config.h"

#include "screen/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/visible.h"

#define ESC_MS    50   /* a lone ESC is a key after so long */
#define STRING_MS 500  /* an answer that was begun and does not end */
#define PASTE_MS  3000 /* a paste whose end never comes */

enum verdict { MORE, READY, UNKNOWN };

void decoder_init(struct decoder *d)
{
    *d = (struct decoder){ .paste = SPN_BUF_INIT(PASTE_BYTES_MAX) };
}

void decoder_free(struct decoder *d)
{
    spn_buf_free(&d->paste);
}

static enum verdict give_key(struct event *out, uint32_t code, unsigned mods)
{
    out->kind = EVENT_KEY;
    out->key = (struct key){ code, (uint8_t)mods };
    return READY;
}

static enum verdict control_key(struct event *out, unsigned char b)
{
    if (b == '\r')
        return give_key(out, KEY_CODE_ENTER, 0);
    if (b == '\t')
        return give_key(out, KEY_CODE_TAB, 0);
    if (b == 0x7f || b == 8)
        return give_key(out, KEY_CODE_BACKSPACE, 0);
    if (b == 27)
        return give_key(out, KEY_CODE_ESC, 0);
    return give_key(out, b >= 1 && b <= 26 ? b + 96u : b + 64u, MOD_CTRL);
}

/* Parameters of a CSI sequence: numbers between ';', sub-parameters behind ':' left out. */
static int numbers(const char *p, size_t n, int out[8])
{
    int count = 0;
    size_t i;

    memset(out, 0, 8 * sizeof *out);
    for (i = 0; i < n && count < 8; i++) {
        if (p[i] == ';') {
            count++;
        } else if (p[i] == ':') {
            while (i + 1 < n && p[i + 1] != ';')
                i++;
        } else if (p[i] >= '0' && p[i] <= '9') {
            out[count] = out[count] < 1000000 ? out[count] * 10 + (p[i] - '0') : out[count];
        }
    }
    return n > 0 ? (count < 8 ? count + 1 : 8) : 0;
}

/* xterm's number of modifiers is 1 + shift + 2 alt + 4 ctrl. */
static unsigned modifiers(int number)
{
    unsigned m = number > 1 ? (unsigned)number - 1 : 0;

    return (m & 1 ? MOD_SHIFT : 0) | (m & 2 ? MOD_META : 0) | (m & 4 ? MOD_CTRL : 0);
}

static uint32_t tilde_key(int number)
{
    static const uint32_t low[] = { 0,
                                    KEY_CODE_HOME,
                                    KEY_CODE_INS,
                                    KEY_CODE_DEL,
                                    KEY_CODE_END,
                                    KEY_CODE_PGUP,
                                    KEY_CODE_PGDN,
                                    KEY_CODE_HOME,
                                    KEY_CODE_END };

    if (number >= 1 && number <= 8)
        return low[number];
    if (number >= 11 && number <= 15)
        return KEY_CODE_F1 + (uint32_t)(number - 11);
    if (number >= 17 && number <= 21)
        return KEY_CODE_F1 + 5 + (uint32_t)(number - 17);
    if (number == 23 || number == 24)
        return KEY_CODE_F1 + 10 + (uint32_t)(number - 23);
    return 0;
}

static uint32_t letter_key(char final)
{
    switch (final) {
    case 'A':
        return KEY_CODE_UP;
    case 'B':
        return KEY_CODE_DOWN;
    case 'C':
        return KEY_CODE_RIGHT;
    case 'D':
        return KEY_CODE_LEFT;
    case 'F':
        return KEY_CODE_END;
    case 'H':
        return KEY_CODE_HOME;
    case 'P':
        return KEY_CODE_F1;
    case 'Q':
        return KEY_CODE_F1 + 1;
    case 'R':
        return KEY_CODE_F1 + 2;
    case 'S':
        return KEY_CODE_F1 + 3;
    default:
        return 0;
    }
}

/* A code point with modifiers, as CSI-u and modifyOtherKeys write it. */
static enum verdict coded_key(struct event *out, int code, unsigned mods)
{
    if (code == 13)
        return give_key(out, KEY_CODE_ENTER, mods);
    if (code == 9)
        return give_key(out, KEY_CODE_TAB, mods);
    if (code == 27)
        return give_key(out, KEY_CODE_ESC, mods);
    if (code == 127 || code == 8)
        return give_key(out, KEY_CODE_BACKSPACE, mods);
    if (code < 32 || code >= 0x110000 || (code >= 0x7f && code < 0xa0) ||
        (code >= 0xd800 && code < 0xe000))
        return UNKNOWN;
    if (mods & MOD_CTRL && code >= 'A' && code <= 'Z')
        code += 32;
    if (mods & MOD_SHIFT && code >= 'a' && code <= 'z' && !(mods & MOD_CTRL))
        code -= 32;
    return give_key(out, (uint32_t)code, mods & ~(code > 32 ? (unsigned)MOD_SHIFT : 0u));
}

static enum verdict give_mouse(struct event *out, int b, int x, int y, bool release)
{
    if (x < 1 || y < 1)
        return UNKNOWN;
    out->kind = EVENT_MOUSE;
    out->mouse.column = x - 1;
    out->mouse.row = y - 1;
    out->mouse.mods =
        (uint8_t)((b & 4 ? MOD_SHIFT : 0) | (b & 8 ? MOD_META : 0) | (b & 16 ? MOD_CTRL : 0));
    out->mouse.button = b & 3;
    out->mouse.action = b & 64    ? b & 1 ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP
                        : release ? MOUSE_RELEASE
                        : b & 32  ? MOUSE_DRAG
                                  : MOUSE_PRESS;
    return b & 64 && b & 2 ? UNKNOWN : READY; /* wheels to the side */
}

static enum verdict reply(struct event *out, const char *p, size_t n, char introducer)
{
    out->kind = EVENT_REPLY;
    out->text = p;
    out->n = n;
    out->introducer = introducer;
    return READY;
}

/* P: what follows "ESC [", the final byte among it. */
static enum verdict csi(struct decoder *d, const char *p, size_t n, struct event *out)
{
    int v[8], count;
    char final = p[n - 1];
    unsigned mods;
    uint32_t code;

    if (p[0] == '<') {
        count = numbers(p + 1, n - 2, v);
        return count == 3 && (final == 'M' || final == 'm')
                   ? give_mouse(out, v[0], v[1], v[2], final == 'm')
                   : UNKNOWN;
    }
    if (p[0] == '?' || p[0] == '>' || p[0] == '=' || final == 'n' || final == 't')
        return reply(out, p, n, '[');
    count = numbers(p, n - 1, v);
    mods = modifiers(v[1]);
    if (final == 'R' && count == 2 && v[0] != 1)
        return reply(out, p, n, '[');
    if (final == '~' && v[0] == 200) {
        d->pasting = true;
        d->paste_cut = false;
        spn_buf_trim(&d->paste, 0);
        return MORE;
    }
    if (final == '~' && v[0] == 27 && count == 3)
        return coded_key(out, v[2], mods);
    if (final == 'u')
        return coded_key(out, v[0], mods);
    if (final == 'Z')
        return give_key(out, KEY_CODE_TAB, MOD_SHIFT);
    if ((final == 'I' || final == 'O') && n == 1) {
        out->kind = EVENT_FOCUS;
        out->focused = final == 'I';
        return READY;
    }
    if (final == '~' || final == '$' || final == '^' || final == '@') { /* the last three: rxvt */
        code = tilde_key(v[0]);
        mods |= final == '$' || final == '@' ? (unsigned)MOD_SHIFT : 0u;
        mods |= final == '^' || final == '@' ? (unsigned)MOD_CTRL : 0u;
        return code != 0 ? give_key(out, code, mods) : UNKNOWN;
    }
    if (final >= 'a' && final <= 'd' && n == 1)
        return give_key(out, letter_key((char)(final - 32)), MOD_SHIFT);
    code = letter_key(final);
    return code != 0 ? give_key(out, code, mods) : UNKNOWN;
}

/* "ESC [" is there: has the sequence its end? */
static enum verdict csi_part(struct decoder *d, size_t start, struct event *out)
{
    const char *p = d->pending + start;
    size_t n = d->n - start;
    unsigned char last = (unsigned char)p[n - 1];

    if (n == 0)
        return MORE;
    if (p[0] == 'M') { /* the mouse as it was before SGR: three bytes of value + 32 */
        if (n < 4)
            return MORE;
        return give_mouse(out, (unsigned char)p[1] - 32, (unsigned char)p[2] - 32,
                          (unsigned char)p[3] - 32, ((unsigned char)p[1] & 3) == 3);
    }
    if (p[0] == '[') { /* F1 to F5 of the linux console */
        if (n < 2)
            return MORE;
        return p[1] >= 'A' && p[1] <= 'E' ? give_key(out, KEY_CODE_F1 + (uint32_t)(p[1] - 'A'), 0)
                                          : UNKNOWN;
    }
    if (last < 0x20 || last > 0x7e)
        return UNKNOWN;
    if ((last >= 0x40) || (last == '$' && n > 1 && p[0] != '?'))
        return csi(d, p, n, out);
    return MORE;
}

static enum verdict ss3(char final, struct event *out)
{
    uint32_t code = letter_key(final);

    if (code != 0)
        return give_key(out, code, 0);
    if (final == 'M')
        return give_key(out, KEY_CODE_ENTER, 0);
    if (final >= 'a' && final <= 'd')
        return give_key(out, letter_key((char)(final - 32)), MOD_CTRL);
    if (final >= 'j' && final <= 'y') /* keypad: * + , - . / 0 to 9 */
        return give_key(out, (uint32_t)(final - 64), 0);
    return UNKNOWN;
}

/* A string of DCS, OSC, APC, PM or SOS ends with ESC \ or BEL. */
static enum verdict string_part(struct decoder *d, size_t start, struct event *out)
{
    size_t n = d->n;

    if (n > start && d->pending[n - 1] == 7)
        return reply(out, d->pending + start, n - start - 1, d->pending[start - 1]);
    if (n > start + 1 && d->pending[n - 1] == '\\' && d->pending[n - 2] == 27)
        return reply(out, d->pending + start, n - start - 2, d->pending[start - 1]);
    return MORE;
}

/* What stands in pending: whole, or not yet. */
static enum verdict look(struct decoder *d, struct event *out)
{
    unsigned char b = (unsigned char)d->pending[0];
    size_t at = 0, k, need;
    enum verdict v;
    unsigned meta = 0;
    uint32_t code = 0;

    if (b == 27) {
        if (d->n == 1)
            return MORE;
        at = 1;
        if (d->pending[1] == 27) { /* rxvt: ESC before a sequence is Alt */
            if (d->n == 2)
                return MORE;
            if (d->pending[2] != '[' && d->pending[2] != 'O')
                return UNKNOWN;
            at = 2;
            meta = MOD_META;
        }
        b = (unsigned char)d->pending[at];
        if (b == '[' || b == 'O') {
            if (d->n == at + 1)
                return MORE;
            v = b == '[' ? csi_part(d, at + 1, out) : ss3(d->pending[at + 1], out);
            if (v == READY && out->kind == EVENT_KEY)
                out->key.mods |= (uint8_t)meta;
            return v;
        }
        if (b == 'P' || b == ']' || b == '_' || b == '^' || b == 'X')
            return string_part(d, at + 1, out);
        meta = MOD_META;
    }
    if (b < 0x20 || b == 0x7f) {
        v = control_key(out, b);
        out->key.mods |= (uint8_t)meta;
        return v;
    }
    need = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    k = visible_utf8(d->pending + at, d->n - at, &code);
    if (k == 0 && d->n - at < need && b >= 0xc2 && b < 0xf5 &&
        (d->n - at == 1 || ((unsigned char)d->pending[d->n - 1] & 0xc0) == 0x80))
        return MORE;
    if (k == 0 || (code >= 0x80 && code < 0xa0))
        return UNKNOWN;
    return give_key(out, code, meta);
}

static void forget(struct decoder *d, bool unknown)
{
    if (unknown) {
        size_t i, n = 0;

        d->unknown++;
        for (i = 0; i < d->n && n + 6 < sizeof d->last_unknown; i++) {
            struct visible v = visible_next(d->pending + i, 1);

            if (v.code != 0)
                d->last_unknown[n++] = (char)v.code;
            else
                n +=
                    (size_t)snprintf(d->last_unknown + n, sizeof d->last_unknown - n, "%s", v.text);
        }
        d->last_unknown[n] = '\0';
    }
    d->n = 0;
}

static bool paste_end(struct decoder *d, struct event *out)
{
    d->pasting = false;
    out->kind = EVENT_PASTE;
    out->text = d->paste.data != NULL ? d->paste.data : "";
    out->n = d->paste.length;
    return true;
}

/* One more byte of a paste; true: the paste is whole. */
static bool paste_byte(struct decoder *d, char b)
{
    static const char end[] = "\033[201~";
    size_t n = sizeof end - 1;

    if (spn_buf_add(&d->paste, &b, 1) != SPN_OK) {
        d->paste_cut = true; /* past the ceiling only the end mark matters */
        spn_buf_trim(&d->paste, d->paste.length > n ? d->paste.length - n : 0);
        d->paste.failed = false;
    }
    if (d->paste.length < n || memcmp(d->paste.data + d->paste.length - n, end, n) != 0)
        return false;
    spn_buf_trim(&d->paste, d->paste.length - n);
    return true;
}

bool decoder_next(struct decoder *d, const char **p, size_t *n, int64_t now_ms, struct event *out)
{
    *out = (struct event){ 0 };
    while (*n > 0) {
        char b = **p;
        enum verdict v;

        if (d->pasting) {
            ++*p;
            --*n;
            d->since_ms = now_ms;
            if (paste_byte(d, b))
                return paste_end(d, out);
            continue;
        }
        /* A new ESC or control inside a key's sequence ends what was there. */
        if (d->n > 1 && b == 27 && (d->pending[1] == '[' || d->pending[1] == 'O'))
            forget(d, true);
        if (d->n == sizeof d->pending - 1) { /* too long to be anything: only its end matters */
            memmove(d->pending + 2, d->pending + d->n - 2, 2);
            d->n = 4;
        }
        if (d->n == 0)
            d->since_ms = now_ms;
        d->pending[d->n++] = b;
        ++*p;
        --*n;
        v = look(d, out);
        if (v == MORE) {
            if (d->pasting)
                d->n = 0;
            continue;
        }
        if (v == READY && out->kind == EVENT_REPLY) {
            size_t skip = (size_t)(out->text - d->pending);

            memcpy(d->lent, d->pending, d->n);
            out->text = d->lent + skip;
        }
        forget(d, v == UNKNOWN);
        if (v == READY)
            return true;
    }
    return false;
}

static int limit_ms(const struct decoder *d)
{
    bool string = d->n > 2 && strchr("P]_^X", d->pending[1]) != NULL;

    return d->pasting ? PASTE_MS : string ? STRING_MS : ESC_MS;
}

int decoder_wait_ms(const struct decoder *d, int64_t now_ms)
{
    int64_t left;

    if (d->n == 0 && !d->pasting)
        return -1;
    left = d->since_ms + limit_ms(d) - now_ms;
    return left > 0 ? (int)left : 0;
}

bool decoder_timeout(struct decoder *d, int64_t now_ms, struct event *out)
{
    *out = (struct event){ 0 };
    if (decoder_wait_ms(d, now_ms) != 0)
        return false;
    if (d->pasting)
        return paste_end(d, out);
    if (d->pending[0] == 27 && (d->n == 1 || (d->n == 2 && d->pending[1] == 27))) {
        forget(d, false);
        return give_key(out, KEY_CODE_ESC, 0) == READY;
    }
    if (d->pending[0] == 27 && d->n == 2) {
        unsigned char b = (unsigned char)d->pending[1];

        forget(d, false);
        return give_key(out, b, MOD_META) == READY;
    }
    forget(d, true);
    return false;
}
