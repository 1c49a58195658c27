#include "config.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"

/* Room for N more bytes and the NUL. */
static spn_status grow(struct spn_buf *b, size_t n)
{
    size_t need, room;
    char *data;

    if (!spn_add_size(b->length, n, &need) || need > b->ceiling || !spn_add_size(need, 1, &need)) {
        b->failed = true;
        return SPN_ENOMEM;
    }
    if (need <= b->room)
        return SPN_OK;
    room = b->room < 64 ? 64 : b->room;
    while (room < need && room <= SIZE_MAX / 2)
        room *= 2;
    if (room < need)
        room = need;
    data = spn_realloc(b->data, room, 1);
    if (data == NULL) {
        b->failed = true;
        return SPN_ENOMEM;
    }
    b->data = data;
    b->room = room;
    return SPN_OK;
}

spn_status spn_buf_add(struct spn_buf *b, const void *bytes, size_t n)
{
    spn_status st = grow(b, n);

    if (st != SPN_OK)
        return st;
    if (n > 0)
        memcpy(b->data + b->length, bytes, n);
    b->length += n;
    b->data[b->length] = '\0';
    return SPN_OK;
}

spn_status spn_buf_puts(struct spn_buf *b, const char *s)
{
    return spn_buf_add(b, s, strlen(s));
}

spn_status spn_buf_vprintf(struct spn_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;
    spn_status st;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        b->failed = true;
        return SPN_EINTERNAL;
    }
    st = grow(b, (size_t)n);
    if (st != SPN_OK)
        return st;
    vsnprintf(b->data + b->length, (size_t)n + 1, fmt, ap);
    b->length += (size_t)n;
    return SPN_OK;
}

spn_status spn_buf_printf(struct spn_buf *b, const char *fmt, ...)
{
    va_list ap;
    spn_status st;

    va_start(ap, fmt);
    st = spn_buf_vprintf(b, fmt, ap);
    va_end(ap);
    return st;
}

void spn_buf_trim(struct spn_buf *b, size_t length)
{
    if (length >= b->length)
        return;
    b->length = length;
    b->data[length] = '\0';
}

char *spn_buf_steal(struct spn_buf *b)
{
    char *data = b->data;

    if (data == NULL)
        data = spn_calloc(1, 1);
    b->data = NULL;
    b->length = b->room = 0;
    b->failed = false;
    return data;
}

void spn_buf_free(struct spn_buf *b)
{
    spn_free(b->data);
    b->data = NULL;
    b->length = b->room = 0;
}
