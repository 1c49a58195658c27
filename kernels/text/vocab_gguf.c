/* vocab_gguf.c - a tokenizer from the tokenizer.ggml.* keys of a GGUF. */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/vocab.h"

#define KEY "tokenizer.ggml."

static spn_status get_array(const struct spn_reader *r, const char *key, bool needed,
                            uint64_t at_least, struct spn_meta *out, bool *found,
                            struct spn_err *err)
{
    *found = spn_reader_meta(r, key, out);
    if (!*found)
        return needed ? spn_fail(err, SPN_EFORMAT, "%s: key %s is missing", spn_reader_path(r), key)
                      : SPN_OK;
    if (out->kind != SPN_META_ARRAY)
        return spn_fail(err, SPN_EFORMAT, "%s: key %s is not an array", spn_reader_path(r), key);
    if (out->count < at_least)
        return spn_fail(err, SPN_EFORMAT, "%s: key %s holds %llu entries for %llu tokens",
                        spn_reader_path(r), key, (unsigned long long)out->count,
                        (unsigned long long)at_least);
    return SPN_OK;
}

static spn_status read_pieces(struct spn_tokenizer *t, const struct spn_reader *r,
                              struct spn_err *err)
{
    struct spn_meta tokens, scores, types;
    bool have_tokens, have_scores = false, have_types = false;
    spn_status st = get_array(r, KEY "tokens", true, 0, &tokens, &have_tokens, err);

    if (st == SPN_OK)
        st = get_array(r, KEY "scores", t->kind == VOCAB_SPM, tokens.count, &scores, &have_scores,
                       err);
    if (st == SPN_OK)
        st = get_array(r, KEY "token_type", false, tokens.count, &types, &have_types, err);
    for (uint64_t i = 0; st == SPN_OK && i < tokens.count; i++) {
        const char *text;
        size_t length;
        double score = 0;
        int64_t type = VOCAB_NORMAL;

        if (!spn_meta_elem_str(&tokens, i, &text, &length))
            return spn_fail(err, SPN_EFORMAT, "%s: key " KEY "tokens does not hold strings",
                            spn_reader_path(r));
        if (have_scores && t->kind == VOCAB_SPM && !spn_meta_elem_float(&scores, i, &score))
            return spn_fail(err, SPN_EFORMAT, "%s: key " KEY "scores does not hold numbers",
                            spn_reader_path(r));
        if (have_types && !spn_meta_elem_int(&types, i, &type))
            return spn_fail(err, SPN_EFORMAT, "%s: key " KEY "token_type does not hold integers",
                            spn_reader_path(r));
        if (!have_types && t->kind == VOCAB_SPM && vocab_byte_of(text, length) >= 0)
            type = VOCAB_BYTE;
        if (type < VOCAB_NORMAL || type > VOCAB_BYTE)
            return spn_fail(err, SPN_EFORMAT, "%s: token %llu has type %lld, known are 1 to 6",
                            spn_reader_path(r), (unsigned long long)i, (long long)type);
        st = vocab_add(t, text, length, (float)score, (int)type, err);
    }
    return st;
}

/* "left right": the first space at or after byte 1 parts them. */
static spn_status read_merges(struct spn_tokenizer *t, const struct spn_reader *r,
                              struct spn_err *err)
{
    struct spn_meta merges;
    bool found;
    spn_status st = get_array(r, KEY "merges", true, 0, &merges, &found, err);

    for (uint64_t i = 0; st == SPN_OK && i < merges.count; i++) {
        const char *text, *gap;
        size_t length;

        if (!spn_meta_elem_str(&merges, i, &text, &length))
            return spn_fail(err, SPN_EFORMAT, "%s: key " KEY "merges does not hold strings",
                            spn_reader_path(r));
        gap = length < 2 ? NULL : memchr(text + 1, ' ', length - 1);
        if (gap == NULL)
            t->merges_ignored++;
        else
            st = vocab_add_merge(t, text, (size_t)(gap - text), gap + 1,
                                 length - (size_t)(gap - text) - 1, err);
    }
    return st;
}

static int32_t read_id(const struct spn_tokenizer *t, const struct spn_reader *r, const char *key,
                       int32_t otherwise)
{
    int64_t id;

    return spn_meta_int(r, key, &id) ? vocab_checked_id(t, id, key)
           : otherwise < t->n        ? otherwise
                                     : -1;
}

/* Ids that only llama files may leave out have defaults; a byte-level file that names no end has
   none (llama.cpp takes id 11 then, a comma in GPT-2). */
static void read_ids(struct spn_tokenizer *t, const struct spn_reader *r)
{
    bool spm = t->kind == VOCAB_SPM;

    t->bos = read_id(t, r, KEY "bos_token_id", spm ? 1 : -1);
    t->eos = read_id(t, r, KEY "eos_token_id", spm ? 2 : -1);
    t->unk = read_id(t, r, KEY "unknown_token_id", spm ? 0 : -1);
    t->eot = read_id(t, r, KEY "eot_token_id", -1);
    t->eom = read_id(t, r, KEY "eom_token_id", -1);
    t->pad = read_id(t, r, KEY "padding_token_id", -1);
    t->fim_pre = read_id(t, r, KEY "fim_pre_token_id", -1);
    t->fim_suf = read_id(t, r, KEY "fim_suf_token_id", -1);
    t->fim_mid = read_id(t, r, KEY "fim_mid_token_id", -1);
    t->fim_pad = read_id(t, r, KEY "fim_pad_token_id", -1);
    t->fim_rep = read_id(t, r, KEY "fim_rep_token_id", -1);
    t->fim_sep = read_id(t, r, KEY "fim_sep_token_id", -1);
    t->add_bos = spm || t->pre.row->adds_bos;
    t->whole_pieces = !spm && t->pre.row->ignore_merges;
    spn_meta_bool(r, KEY "add_bos_token", &t->add_bos);
    spn_meta_bool(r, KEY "add_eos_token", &t->add_eos);
}

/* Phi-3's control tokens swallow the white space behind them; only its name tells. */
static void mark_phi3(struct spn_tokenizer *t, const struct spn_reader *r)
{
    const char *name = spn_meta_str(r, "general.name");

    if (name == NULL || (strcasestr(name, "phi-3") == NULL && strcasestr(name, "phi3") == NULL))
        return;
    for (int32_t i = 0; i < t->n; i++) {
        const char *text = t->bytes + t->piece[i].offset;

        if ((t->piece[i].type == VOCAB_CONTROL || t->piece[i].type == VOCAB_USER ||
             t->piece[i].type == VOCAB_UNKNOWN) &&
            strcmp(text, "<unk>") != 0 && strcmp(text, "<s>") != 0 &&
            strcmp(text, "<|endoftext|>") != 0)
            t->piece[i].flags |= VOCAB_STRIP_RIGHT;
    }
}

static spn_status read_all(struct spn_tokenizer *t, const struct spn_reader *r, struct spn_err *err)
{
    const char *template = spn_meta_str(r, "tokenizer.chat_template");
    bool space = true;
    spn_status st = SPN_OK;

    if (t->kind == VOCAB_BPE)
        st = pre_open(&t->pre, spn_meta_str(r, KEY "pre"), err);
    if (st == SPN_OK)
        st = read_pieces(t, r, err);
    if (st == SPN_OK)
        st = vocab_index(t, err);
    if (st == SPN_OK && t->kind == VOCAB_BPE)
        st = read_merges(t, r, err);
    if (st != SPN_OK)
        return st;
    read_ids(t, r);
    mark_phi3(t, r);
    spn_meta_bool(r, KEY "add_space_prefix", &space);
    t->prefix = t->kind == VOCAB_SPM && space ? VOCAB_PREFIX_EACH : VOCAB_PREFIX_NONE;
    st = vocab_set_chat_template(t, template, err);
    return st == SPN_OK ? vocab_finish(t, err) : st;
}

spn_status vocab_from_gguf(struct spn_tokenizer **out, const struct spn_reader *r,
                           struct spn_err *err)
{
    const char *model = spn_meta_str(r, KEY "model");
    struct spn_tokenizer *t;
    spn_status st;

    if (model == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: there is no tokenizer: key " KEY "model is missing",
                        spn_reader_path(r));
    if (strcmp(model, "llama") != 0 && strcmp(model, "gpt2") != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tokenizer \"%.40s\" is not known, only llama and gpt2 are",
                        spn_reader_path(r), model);
    t = vocab_new(strcmp(model, "llama") == 0 ? VOCAB_SPM : VOCAB_BPE);
    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: out of memory for the tokenizer", spn_reader_path(r));
    st = read_all(t, r, err);
    if (st == SPN_OK)
        *out = t;
    else
        spn_tokenizer_free(t);
    return st;
}
