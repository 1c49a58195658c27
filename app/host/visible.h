/* visible.h - the one place where text from outside becomes text for a terminal.
 *
 * Names, metadata, model output and keys may hold ESC, C1 controls, bidirectional overrides, bytes
 * that are no UTF-8.  Read through here, each becomes characters that show what it was. */
#ifndef APP_HOST_VISIBLE_H
#define APP_HOST_VISIBLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one step of the text shows. */
struct visible {
    uint32_t code; /* a printable character; 0: TEXT stands for it */
    char text[12]; /* "^[", "\x9b", "\u202e"; ASCII, NUL-terminated */
    size_t bytes;  /* of the source, at least 1 */
};

/* The character at P, N bytes left (at least 1). Newline and tab are not special here: "^J", "^I".
 */
struct visible visible_next(const char *p, size_t n);

/* Bytes of the UTF-8 character at P, 0: none stands there (overlong forms, surrogates, cut). */
size_t visible_utf8(const char *p, size_t n, uint32_t *code);
/* CODE as UTF-8: 1 to 4 bytes. */
size_t visible_put_utf8(char out[4], uint32_t code);

#endif
