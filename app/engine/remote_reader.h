/* remote_reader.h - what a server answers, from bytes to pieces of text: a stream of events or one
 * JSON object.  Anything may come. */
#ifndef APP_ENGINE_REMOTE_READER_H
#define APP_ENGINE_REMOTE_READER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/* A piece of one choice; all lent for the call. */
struct remote_piece {
    int64_t index; /* which of the n answers */
    const char *text;
    size_t length;
    const char *finish;   /* "stop", "length" …; NULL: more comes */
    const float *logprob; /* of the tokens in this piece; NULL: not given */
    size_t n_logprob;
};

struct remote_reader {
    void (*on_piece)(void *ctx, const struct remote_piece *p);
    void *ctx;
    enum { REMOTE_UNKNOWN, REMOTE_EVENTS, REMOTE_BODY } form;
    struct spn_buf line, data; /* of an event; data: the whole body of a REMOTE_BODY */
    bool after_cr;
    bool done;  /* "[DONE]" came */
    bool usage; /* the next three were given */
    int64_t tokens_in, tokens_cached, tokens_out;
    int64_t pieces;  /* that had text */
    bool odd;        /* an object came that holds nothing of ours */
    char error[512]; /* what the server says went wrong; "" */
    char wrong[256]; /* what we could not read, first one; "" */
    float *logprob;
    size_t room_logprob;
};

void remote_reader_init(struct remote_reader *r,
                        void (*on_piece)(void *, const struct remote_piece *), void *ctx);
void remote_reader_free(struct remote_reader *r); /* twice is fine */
/* The next bytes.  False: more than an answer can have; the transfer is to be stopped. */
bool remote_reader_feed(struct remote_reader *r, const char *bytes, size_t n);
/* No more bytes.  FAILED: the status code says that they are an error's. */
void remote_reader_end(struct remote_reader *r, bool failed);

/* One answer of `GET /models`: names and facts.  Free with remote_models_free. */
struct remote_model {
    char *name;
    int64_t context, params, bytes; /* 0: not told */
};
spn_status remote_models_read(struct remote_model **out, size_t *n, const char *text, size_t length,
                              struct spn_err *err);
void remote_models_free(struct remote_model *m, size_t n);

#endif
