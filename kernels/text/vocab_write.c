/* vocab_write.c - a tokenizer into the tokenizer.ggml.* keys of a GGUF. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "text/vocab.h"

#define KEY "tokenizer.ggml."

static spn_status write_pieces(const struct spn_tokenizer *t, struct spn_writer *w)
{
    size_t n = (size_t)t->n;
    const char **text = spn_calloc(n, sizeof *text);
    size_t *length = spn_calloc(n, sizeof *length);
    float *score = spn_calloc(n, sizeof *score);
    int32_t *type = spn_calloc(n, sizeof *type);
    spn_status st =
        text == NULL || length == NULL || score == NULL || type == NULL ? SPN_ENOMEM : SPN_OK;

    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        text[i] = t->bytes + t->piece[i].offset;
        length[i] = t->piece[i].length;
        score[i] = t->piece[i].score;
        type[i] = t->piece[i].type;
    }
    if (st == SPN_OK)
        st = spn_writer_strs(w, KEY "tokens", text, length, n);
    if (st == SPN_OK && t->kind == VOCAB_SPM)
        st = spn_writer_f32s(w, KEY "scores", score, n);
    if (st == SPN_OK)
        st = spn_writer_i32s(w, KEY "token_type", type, n);
    spn_free(text);
    spn_free(length);
    spn_free(score);
    spn_free(type);
    return st;
}

static spn_status write_merges(const struct spn_tokenizer *t, struct spn_writer *w)
{
    size_t n = t->n_merge, bytes = 0;
    const char **text = spn_calloc(n + 1, sizeof *text);
    size_t *length = spn_calloc(n + 1, sizeof *length);
    char *store, *s;
    spn_status st;

    for (size_t i = 0; i < n; i++)
        bytes += t->piece[t->merge[i].joined].length + 1;
    store = s = spn_calloc(bytes + 1, 1);
    st = text == NULL || length == NULL || store == NULL ? SPN_ENOMEM : SPN_OK;
    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        const struct vocab_piece *a = &t->piece[t->merge[i].left],
                                 *b = &t->piece[t->merge[i].right];

        text[i] = s;
        length[i] = a->length + b->length + 1;
        memcpy(s, t->bytes + a->offset, a->length);
        s[a->length] = ' ';
        memcpy(s + a->length + 1, t->bytes + b->offset, b->length);
        s += length[i];
    }
    if (st == SPN_OK)
        st = spn_writer_strs(w, KEY "merges", text, length, n);
    spn_free(text);
    spn_free(length);
    spn_free(store);
    return st;
}

static spn_status write_ids(const struct spn_tokenizer *t, struct spn_writer *w)
{
    const struct {
        const char *key;
        int32_t id;
    } row[] = {
        { KEY "bos_token_id", t->bos },         { KEY "eos_token_id", t->eos },
        { KEY "unknown_token_id", t->unk },     { KEY "eot_token_id", t->eot },
        { KEY "eom_token_id", t->eom },         { KEY "padding_token_id", t->pad },
        { KEY "fim_pre_token_id", t->fim_pre }, { KEY "fim_suf_token_id", t->fim_suf },
        { KEY "fim_mid_token_id", t->fim_mid }, { KEY "fim_pad_token_id", t->fim_pad },
        { KEY "fim_rep_token_id", t->fim_rep }, { KEY "fim_sep_token_id", t->fim_sep },
    };
    spn_status st = SPN_OK;

    for (size_t i = 0; i < sizeof row / sizeof row[0] && st == SPN_OK; i++)
        if (row[i].id >= 0)
            st = spn_writer_u32(w, row[i].key, (uint32_t)row[i].id);
    if (st == SPN_OK)
        st = spn_writer_bool(w, KEY "add_bos_token", t->add_bos);
    if (st == SPN_OK)
        st = spn_writer_bool(w, KEY "add_eos_token", t->add_eos);
    if (st == SPN_OK && t->kind == VOCAB_SPM)
        st = spn_writer_bool(w, KEY "add_space_prefix", t->prefix != VOCAB_PREFIX_NONE);
    return st;
}

spn_status spn_tokenizer_write(const struct spn_tokenizer *t, struct spn_writer *w)
{
    const char *model = t->kind == VOCAB_SPM ? "llama" : "gpt2";
    spn_status st;

    if (t->kind == VOCAB_WORDPIECE)
        return SPN_EUSAGE;
    st = spn_writer_str(w, KEY "model", model, strlen(model));

    if (st == SPN_OK && t->kind == VOCAB_BPE)
        st = spn_writer_str(w, KEY "pre", t->pre.name, strlen(t->pre.name));
    if (st == SPN_OK)
        st = write_pieces(t, w);
    if (st == SPN_OK && t->kind == VOCAB_BPE)
        st = write_merges(t, w);
    if (st == SPN_OK)
        st = write_ids(t, w);
    if (st == SPN_OK && t->chat_template != NULL)
        st = spn_writer_str(w, "tokenizer.chat_template", t->chat_template,
                            strlen(t->chat_template));
    return st;
}
