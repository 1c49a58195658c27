/* fuzz_remote.c - what a server answers: streams of events, whole objects, errors, lists of models,
 * the text with its stop strings.  The first byte says which, the second in what pieces it comes.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/remote_body.h"
#include "engine/remote_reader.h"
#include "engine/reply.h"
#include "fuzz/fuzz.h"

enum { CHOICES = 3 };

struct sink {
    struct reply reply[CHOICES];
    size_t given[CHOICES];
};

static void on_piece(void *ctx, const struct remote_piece *p)
{
    struct sink *s = ctx;
    struct reply *y;
    size_t before;

    for (size_t i = 0; i < p->n_logprob; i++)
        if (!(p->logprob[i] <= 0))
            abort();
    if (p->index < 0 || p->index >= CHOICES)
        return;
    y = &s->reply[p->index];
    before = y->text.length;
    spn_buf_add(&y->text, p->text, p->length);
    if (reply_grown(y, before) && memmem(y->text.data, y->text.length, "stop", 4) != NULL)
        abort(); /* the text is cut before the stop string */
    if (p->finish != NULL && p->finish[0] == 'a')
        reply_again(y);
}

static void on_text(void *ctx, const char *bytes, size_t n)
{
    *(size_t *)ctx += n;
}

static void answer(const uint8_t *data, size_t size, unsigned step, bool failed)
{
    static const char *const stops[] = { "stop", "\n\n" };
    struct spn_prompt_request r = { .stop = stops, .n_stop = 2, .on_text = on_text };
    struct remote_reader reader;
    struct sink s;

    for (int i = 0; i < CHOICES; i++) {
        s.given[i] = 0;
        r.on_text_ctx = &s.given[i];
        if (reply_init(&s.reply[i], &r, NULL) != SPN_OK)
            abort();
    }
    remote_reader_init(&reader, on_piece, &s);
    for (size_t at = 0; at < size;) {
        size_t n = step + 1 < size - at ? step + 1 : size - at;
        char *piece = malloc(n); /* of its own size: a reader past its end is seen */

        memcpy(piece, data + at, n);
        if (!remote_reader_feed(&reader, piece, n))
            at = size;
        free(piece);
        at += n;
    }
    remote_reader_end(&reader, failed);
    remote_refused(reader.error, REMOTE_ALL);
    if (reader.tokens_in < 0 || reader.tokens_out < 0 || reader.tokens_cached < 0)
        abort();
    remote_reader_free(&reader);
    for (int i = 0; i < CHOICES; i++) {
        reply_flush(&s.reply[i]);
        reply_free(&s.reply[i]);
    }
}

static void list(const uint8_t *data, size_t size)
{
    struct remote_model *m = NULL;
    size_t n = 0;

    if (remote_models_read(&m, &n, (const char *)data, size, NULL) != SPN_OK)
        return;
    for (size_t i = 0; i < n; i++)
        if (m[i].name == NULL || m[i].context < 0)
            abort();
    remote_models_free(m, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] % 8 == 0)
        list(data + 2, size - 2);
    else
        answer(data + 2, size - 2, data[1], data[0] % 8 == 1);
    return 0;
}
