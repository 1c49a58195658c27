#include "config.h"

#include "host/message.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static void put_line(const char *lead, const char *text)
{
    fputs(lead, stderr);
    message_write(stderr, text, strlen(text));
    fputc('\n', stderr);
}

void message_error(const struct spn_err *err)
{
    fflush(stdout);
    put_line("spinney: ", err->text[0] != '\0' ? err->text : "failed without a reason given");
    if (err->cure[0] != '\0')
        put_line("  try: ", err->cure);
}

void message_warn(const char *fmt, ...)
{
    char text[1600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_line("spinney: ", text);
}

/* Bytes of the UTF-8 character at P, 0 when there is none: overlong forms, surrogates and the C1
   controls, which some terminals obey, count as none. */
static size_t character(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    size_t i;

    if (n == 0 || n > left)
        return 0;
    for (i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return 0;
    if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
        return 0;
    if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
        return 0;
    return n;
}

spn_status message_visible(struct spn_buf *b, const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    spn_status st = SPN_OK;
    size_t i = 0;

    while (st == SPN_OK && i < n) {
        size_t k = character(p + i, n - i);

        if (k == 0)
            st = spn_buf_printf(b, "\\x%02x", p[i]);
        else if (k == 1 && (p[i] < 0x20 || p[i] == 0x7f) && p[i] != '\n' && p[i] != '\t')
            st = spn_buf_printf(b, "^%c", p[i] ^ 0x40);
        else
            st = spn_buf_add(b, p + i, k);
        i += k == 0 ? 1 : k;
    }
    return st;
}

bool message_write(FILE *f, const char *bytes, size_t n)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 30);
    bool good;

    if (!isatty(fileno(f)))
        return fwrite(bytes, 1, n, f) == n;
    good = message_visible(&b, bytes, n) == SPN_OK &&
           (b.length == 0 || fwrite(b.data, 1, b.length, f) == b.length);
    spn_buf_free(&b);
    return good;
}
