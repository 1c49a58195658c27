/* buf.h - a growable byte buffer with a ceiling. After a failed append the buffer stays as it was
 * and `failed` is set. */
#ifndef SPN_BUF_H
#define SPN_BUF_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_buf {
    char *data; /* NUL-terminated when not NULL */
    size_t length, room, ceiling;
    bool failed;
};
#define SPN_BUF_INIT(ceiling_bytes)        \
    {                                      \
        NULL, 0, 0, (ceiling_bytes), false \
    }

spn_status spn_buf_add(struct spn_buf *b, const void *bytes,
                       size_t n); /* SPN_ENOMEM past the ceiling */
spn_status spn_buf_puts(struct spn_buf *b, const char *s);
spn_status spn_buf_printf(struct spn_buf *b, const char *fmt, ...) SPN_PRINTF(2, 3);
spn_status spn_buf_vprintf(struct spn_buf *b, const char *fmt, va_list ap);
void spn_buf_trim(struct spn_buf *b, size_t length); /* cut to LENGTH bytes */
char *spn_buf_steal(struct spn_buf *b); /* the caller's now, free with spn_free; never NULL unless
                                           memory is short */
void spn_buf_free(struct spn_buf *b);

#ifdef __cplusplus
}
#endif
#endif
