#include "config.h"

#include "host/message.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/visible.h"

static void put_line(const char *lead, const char *text)
{
    fputs(lead, stderr);
    message_write(stderr, text, strlen(text));
    fputc('\n', stderr);
}

/* ---- kept while a screen is drawn ---- */

#define HELD_MAX 64

static struct {
    pthread_mutex_t lock;
    bool on;
    char *text[HELD_MAX];
    int n;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* True: kept. */
static bool hold(const char *text)
{
    bool on;

    pthread_mutex_lock(&held.lock);
    on = held.on;
    if (on && held.n == HELD_MAX) {
        spn_free(held.text[0]);
        memmove(held.text, held.text + 1, (HELD_MAX - 1) * sizeof *held.text);
        held.n--;
    }
    if (on && (held.text[held.n] = spn_strdup(text)) != NULL)
        held.n++;
    pthread_mutex_unlock(&held.lock);
    return on;
}

char *message_held(void)
{
    char *text = NULL;

    pthread_mutex_lock(&held.lock);
    if (held.n > 0) {
        text = held.text[0];
        memmove(held.text, held.text + 1, (size_t)--held.n * sizeof *held.text);
    }
    pthread_mutex_unlock(&held.lock);
    return text;
}

void message_hold(bool on)
{
    char *text;

    pthread_mutex_lock(&held.lock);
    held.on = on;
    pthread_mutex_unlock(&held.lock);
    while (!on && (text = message_held()) != NULL) {
        put_line("spinney: ", text);
        spn_free(text);
    }
}

bool message_holds(void)
{
    bool on;

    pthread_mutex_lock(&held.lock);
    on = held.on;
    pthread_mutex_unlock(&held.lock);
    return on;
}

/* ---- sentences ---- */

void message_error(const struct spn_err *err)
{
    const char *text = err->text[0] != '\0' ? err->text : "failed without a reason given";

    if (hold(text))
        return;
    fflush(stdout);
    put_line("spinney: ", text);
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
    if (!hold(text))
        put_line("spinney: ", text);
}

spn_status message_visible(struct spn_buf *b, const char *bytes, size_t n)
{
    spn_status st = SPN_OK;
    size_t i = 0;

    while (st == SPN_OK && i < n) {
        struct visible v = visible_next(bytes + i, n - i);

        if (v.code != 0 || bytes[i] == '\n' || bytes[i] == '\t')
            st = spn_buf_add(b, bytes + i, v.bytes);
        else
            st = spn_buf_puts(b, v.text);
        i += v.bytes;
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
