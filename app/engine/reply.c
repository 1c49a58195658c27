/* reply.c - stop strings may lie across the pieces a text comes in: what may be the beginning of
 * one is held back until it is known. */
#include "config.h"

#include "engine/reply.h"

#include <string.h>

#include "base/mem.h"

static const size_t text_max = (size_t)64 << 20;

spn_status reply_init(struct reply *y, const struct spn_prompt_request *r, struct spn_err *err)
{
    *y = (struct reply){ .text = SPN_BUF_INIT(text_max),
                         .shown = SPN_BUF_INIT(text_max),
                         .on_text = r->on_text,
                         .on_text_ctx = r->on_text_ctx };
    y->stop = spn_calloc(r->n_stop + 1, sizeof *y->stop);
    if (y->stop == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %zu stop strings", r->n_stop);
    for (size_t i = 0; i < r->n_stop; i++) {
        size_t n = strlen(r->stop[i]);

        if (n == 0)
            continue;
        if ((y->stop[y->n_stop] = spn_strdup(r->stop[i])) == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for a stop string");
        y->n_stop++;
        y->longest_stop = n > y->longest_stop ? n : y->longest_stop;
    }
    return SPN_OK;
}

void reply_free(struct reply *y)
{
    for (size_t i = 0; y->stop != NULL && i < y->n_stop; i++)
        spn_free(y->stop[i]);
    spn_free(y->stop);
    y->stop = NULL;
    y->n_stop = 0;
    spn_buf_free(&y->text);
    spn_buf_free(&y->shown);
}

static void send(struct reply *y, size_t end)
{
    size_t from = y->sent;

    if (end <= from)
        return;
    if (y->shown.length > 0) {
        size_t n = end < y->shown.length ? end : y->shown.length;

        if (memcmp(y->text.data, y->shown.data, n) != 0)
            y->on_text(y->on_text_ctx, "\n", 1);
        else if (end <= y->shown.length)
            return;
        else
            from = y->shown.length;
        spn_buf_trim(&y->shown, 0);
    }
    y->sent = end; /* first: on_text may cancel this very answer */
    if (y->on_text != NULL)
        y->on_text(y->on_text_ctx, y->text.data + from, end - from);
}

/* Where the first stop string begins in the text from FROM on; the text's length when there is
 * none. */
static size_t find_stop(const struct reply *y, size_t from)
{
    size_t first = y->text.length;

    for (size_t i = 0; i < y->n_stop; i++) {
        const char *at =
            memmem(y->text.data + from, y->text.length - from, y->stop[i], strlen(y->stop[i]));

        if (at != NULL && (size_t)(at - y->text.data) < first)
            first = (size_t)(at - y->text.data);
    }
    return first;
}

/* Bytes at the end of the text that may be the beginning of a stop string. */
static size_t held_back(const struct reply *y)
{
    size_t most = y->longest_stop > 0 ? y->longest_stop - 1 : 0;

    if (most > y->text.length)
        most = y->text.length;
    for (size_t n = most; n > 0; n--)
        for (size_t i = 0; i < y->n_stop; i++)
            if (n < strlen(y->stop[i]) &&
                memcmp(y->stop[i], y->text.data + y->text.length - n, n) == 0)
                return n;
    return 0;
}

bool reply_grown(struct reply *y, size_t before)
{
    size_t from, at;

    if (y->text.length == before)
        return false;
    from = before >= y->longest_stop ? before - y->longest_stop : 0;
    at = find_stop(y, from);
    if (at < y->text.length) {
        spn_buf_trim(&y->text, at);
        return true;
    }
    send(y, y->text.length - held_back(y));
    return false;
}

void reply_again(struct reply *y)
{
    if (y->on_text != NULL && y->sent > y->shown.length) {
        spn_buf_trim(&y->shown, 0);
        spn_buf_add(&y->shown, y->text.data, y->sent);
    }
    y->sent = 0;
    spn_buf_trim(&y->text, 0);
}

void reply_flush(struct reply *y)
{
    send(y, y->text.length);
}
