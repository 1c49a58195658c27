/* decode.h - bytes of a terminal to keys, pastes, the mouse and answers to our questions.
 *
 * Keeps no terminal: bytes and a clock go in, events come out.  Knows the forms of xterm, VT, rxvt,
 * linux and CSI-u; a sequence that it does not know is swallowed whole and counted. */
#ifndef APP_SCREEN_DECODE_H
#define APP_SCREEN_DECODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

enum { MOD_SHIFT = 1, MOD_META = 2, MOD_CTRL = 4 };

/* Keys that are no character, beyond Unicode. */
enum {
    KEY_CODE_FIRST = 0x110000,
    KEY_CODE_UP,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_PGUP,
    KEY_CODE_PGDN,
    KEY_CODE_INS,
    KEY_CODE_DEL,
    KEY_CODE_ENTER,
    KEY_CODE_TAB,
    KEY_CODE_ESC,
    KEY_CODE_BACKSPACE,
    KEY_CODE_F1, /* to F12 */
    KEY_CODE_F12 = KEY_CODE_F1 + 11,
    KEY_CODE_LAST
};
struct key {
    uint32_t code; /* a Unicode character or KEY_CODE_…; with MOD_CTRL a lower-case letter or one
                      of @[\]^_ */
    uint8_t mods;
};

enum event_kind { EVENT_KEY, EVENT_PASTE, EVENT_MOUSE, EVENT_REPLY, EVENT_FOCUS };
enum mouse_action { MOUSE_PRESS, MOUSE_RELEASE, MOUSE_DRAG, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };
struct event {
    enum event_kind kind;
    struct key key;
    const char *text; /* PASTE: its bytes; REPLY: the sequence without its introducer. Lent until
                         the next call */
    size_t n;
    char introducer; /* REPLY: '[' CSI, 'P' DCS, ']' OSC, '_' APC */
    struct {
        enum mouse_action action;
        int button, row, column; /* from 0 */
        uint8_t mods;
    } mouse;
    bool focused; /* FOCUS */
};

#define PASTE_BYTES_MAX ((size_t)16 << 20)
struct decoder {
    char pending[4096]; /* an unfinished sequence or character */
    size_t n;
    int64_t since_ms; /* when its first byte came */
    bool pasting, paste_cut;
    struct spn_buf paste;
    char lent[4096];
    uint64_t unknown;      /* sequences swallowed */
    char last_unknown[64]; /* the last of them, for doctor */
};

void decoder_init(struct decoder *d);
void decoder_free(struct decoder *d);
/* Take bytes from *P, *N left, until an event is whole: true and *OUT. false: all are taken. */
bool decoder_next(struct decoder *d, const char **p, size_t *n, int64_t now_ms, struct event *out);
/* Milliseconds until what is pending counts as finished: a lone ESC is the Escape key; -1: nothing
   is. */
int decoder_wait_ms(const struct decoder *d, int64_t now_ms);
/* Call it when that time is over: true and *OUT, the Escape key or what began like a sequence. */
bool decoder_timeout(struct decoder *d, int64_t now_ms, struct event *out);

/* "C-x", "M-Enter", "S-Tab", "F1", "PgDn", "Space", "q". */
void key_name(struct key k, char *out, size_t room);
bool key_parse(const char *name, size_t n, struct key *out);
bool key_same(struct key a, struct key b);
/* The bytes that readline knows the key by; 0: none. */
size_t key_bytes(struct key k, char out[16]);

#endif
