/* pretokenize.c - the table of pre-tokenizers and the loop over their stages.
 *
 * A stage cuts each piece left by the one before; matches and the gaps between them are both
 * pieces, so no byte is lost. The common expressions are written by hand (presplit.c), the others
 * run through PCRE2.
 */
#include "config.h"

#include "text/pretokenize.h"

#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/presplit.h"
#include "text/unicode.h"

#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define SHORTS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define BEFORE "[^\\r\\n\\p{L}\\p{N}]?"

static const struct pre_stage gpt2 = {
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)", presplit_gpt2
};
static const struct pre_stage llama3 = {
    SHORTS "|" BEFORE "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES, presplit_llama3
};
static const struct pre_stage qwen2 = {
    SHORTS "|" BEFORE "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES, presplit_qwen2
};
static const struct pre_stage qwen35 = {
    SHORTS "|" BEFORE "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES, NULL
};
static const struct pre_stage tekken = { BEFORE UPPER
                                         "*" LOWER "+|" BEFORE UPPER "+" LOWER
                                         "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES,
                                         NULL };
static const struct pre_stage gpt4o = { BEFORE UPPER
                                        "*" LOWER "+" SHORTS "?|" BEFORE UPPER "+" LOWER "*" SHORTS
                                        "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES,
                                        NULL };
static const struct pre_stage seed = {
    SHORTS "|" BEFORE "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES, NULL
};
static const struct pre_stage bailing = {
    "'(?i:[sdmt]|ll|ve|re)|" BEFORE
    "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    NULL
};
static const struct pre_stage digit = { "\\p{N}", presplit_digit };
static const struct pre_stage digit3 = { "[0-9][0-9][0-9]", NULL };
static const struct pre_stage numbers = { "\\p{N}+", NULL };
static const struct pre_stage numbers3 = { "\\p{N}{1,3}", NULL };
static const struct pre_stage punct_falcon = { "[\\p{P}\\$\\+<=>\\^~\\|`]+", NULL };
static const struct pre_stage punct = { "[\\p{P}\\$\\+<=>\\^~\\|]+", NULL };
static const struct pre_stage cjk = { "[一-龥぀-ゟ゠-ヿ]+", NULL };
static const struct pre_stage deepseek3 = {
    "[!\"#$%&'()*+,\\-./"
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES,
    NULL
};
static const struct pre_stage bloom = { " ?[^(\\s|.,!?…。，、।۔،)]+", NULL };
static const struct pre_stage line_end = { "[\\r\\n]", NULL };
static const struct pre_stage word = { "\\s?\\p{L}+", NULL };
static const struct pre_stage marks = { "\\s?\\p{P}+", NULL };
static const struct pre_stage east = { "[一-龥ࠀ-一가-퟿]+", NULL };

static const struct pre_row rows[] = {
    { "gpt-2 phi-2 mpt olmo jais exaone4 mellum modern-bert jina-es jina-de a.x-4.0 gigachat "
      "trillion granite-docling "
      "roberta-bpe jina-v1-en jina-v2-code",
      { &gpt2 },
      false,
      false },
    { "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
      { &llama3 },
      true,
      true },
    { "dbrx smaug-bpe chatglm-bpe glm4", { &llama3 }, false, false },
    { "qwen2 stablelm2 deepseek-r1-qwen megrez hunyuan solar-open grok-2 kormo",
      { &qwen2 },
      false,
      false },
    { "qwen35", { &qwen35 }, false, false },
    { "tekken", { &tekken }, true, true },
    { "gpt-4o llama4 kanana2", { &gpt4o }, false, false },
    { "seed-coder", { &seed }, false, false },
    { "bailingmoe bailingmoe2 llada-moe", { &bailing }, false, false },
    { "starcoder refact command-r smollm codeshell exaone minerva-7b",
      { &digit, &gpt2 },
      false,
      false },
    { "falcon", { &punct_falcon, &gpt2, &digit3 }, false, false },
    { "default", { &punct, &gpt2, &numbers, &digit3 }, false, false },
    { "deepseek-coder", { &line_end, &word, &marks, &east, &digit }, false, false },
    { "deepseek-v3 hunyuan-dense joyai-llm", { &numbers3, &cjk, &deepseek3 }, false, false },
    { "poro-chat bloom gpt3-finnish", { &bloom }, false, false },
    { "viking", { &bloom, &digit }, false, false },
};

const char *pre_regex_gpt2(void)
{
    return gpt2.regex;
}

const char *pre_regex_qwen2(void)
{
    return qwen2.regex;
}

const char *pre_regex_digit(void)
{
    return digit.regex;
}

static bool names_hold(const char *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = names; (p = strstr(p, name)) != NULL; p++)
        if ((p == names || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static spn_status compile(struct pre *p, struct spn_err *err)
{
    for (size_t i = 0; i < PRE_STAGES && p->row->stage[i] != NULL; i++) {
        int code;
        PCRE2_SIZE place;

        if (p->row->stage[i]->next != NULL)
            continue;
        p->code[i] = pcre2_compile((PCRE2_SPTR)p->row->stage[i]->regex, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code, &place, NULL);
        if (p->code[i] == NULL) {
            pre_close(p);
            return code == PCRE2_ERROR_NOMEMORY
                       ? spn_fail(err, SPN_ENOMEM, "pre-tokenizer %s: out of memory", p->name)
                       : spn_fail(err, SPN_EINTERNAL,
                                  "pre-tokenizer %s: expression %zu is wrong at byte %zu (PCRE2 "
                                  "error %d)",
                                  p->name, i, (size_t)place, code);
        }
    }
    return SPN_OK;
}

spn_status pre_open(struct pre *p, const char *name, struct spn_err *err)
{
    memset(p, 0, sizeof *p);
    if (name == NULL || *name == '\0')
        name = "default";
    if (strlen(name) < sizeof p->name && strchr(name, ' ') == NULL) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0] && p->row == NULL; i++)
            if (names_hold(rows[i].names, name))
                p->row = &rows[i];
    }
    if (p->row == NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "tokenizer.ggml.pre: pre-tokenizer \"%.60s\" is not known", name);
    if (strcmp(name, "default") == 0)
        spn_log(SPN_LOG_WARN, "tokenizer.ggml.pre: missing, the old default splits text in a way "
                              "few models were trained with");
    snprintf(p->name, sizeof p->name, "%s", name);
    return compile(p, err);
}

/* Files write the same expression with or without its last alternative, which changes nothing (the
 * gap is a piece). */
static bool same_regex(const char *ours, const char *theirs)
{
    size_t n = strlen(ours);

    return strncmp(ours, theirs, n) == 0 && (theirs[n] == '\0' || strcmp(theirs + n, "|\\s+") == 0);
}

static bool row_matches(const struct pre_row *row, const char *const *regex, size_t n)
{
    size_t i = 0;

    while (i < n && row->stage[i] != NULL && same_regex(row->stage[i]->regex, regex[i]))
        i++;
    return i == n && (n == PRE_STAGES || row->stage[n] == NULL);
}

spn_status pre_open_regexes(struct pre *p, const char *const *regex, size_t n, bool ignore_merges,
                            const char *place, struct spn_err *err)
{
    memset(p, 0, sizeof *p);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0] && n <= PRE_STAGES; r++)
        if (row_matches(&rows[r], regex, n) &&
            (p->row == NULL || rows[r].ignore_merges == ignore_merges))
            p->row = &rows[r];
    if (p->row == NULL)
        return spn_fail(
            err, SPN_EFORMAT,
            "%s: no pre-tokenizer is known that splits by %zu expressions, the first \"%.100s\"",
            place, n, n > 0 ? regex[0] : "");
    snprintf(p->name, sizeof p->name, "%.*s", (int)strcspn(p->row->names, " "), p->row->names);
    return compile(p, err);
}

void pre_close(struct pre *p)
{
    for (size_t i = 0; i < PRE_STAGES; i++) {
        pcre2_code_free(p->code[i]);
        p->code[i] = NULL;
    }
}

void pre_cuts_free(struct pre_cuts *c)
{
    spn_free(c->end);
    *c = (struct pre_cuts){ NULL, 0, 0 };
}

static spn_status add_cut(struct pre_cuts *c, size_t end, struct spn_err *err)
{
    if (c->n == c->room) {
        size_t room = c->room < 64 ? 64 : c->room * 2;
        uint32_t *grown = spn_realloc(c->end, room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "tokenize: out of memory after %zu pieces", c->n);
        c->end = grown;
        c->room = room;
    }
    c->end[c->n++] = (uint32_t)end;
    return SPN_OK;
}

static spn_status cut_by_hand(const struct pre_stage *stage, const unsigned char *s, size_t begin,
                              size_t end, struct pre_cuts *out, struct spn_err *err)
{
    for (size_t i = 0; i < end - begin;) {
        i = stage->next(s + begin, end - begin, i);
        if (add_cut(out, begin + i, err) != SPN_OK)
            return SPN_ENOMEM;
    }
    return SPN_OK;
}

/* PCRE2 wants well-formed UTF-8 and checks all of the rest of the text at every call unless it is
   told that it is so. Hence malformed bytes are stepped over here and match nothing. */
static spn_status cut_by_regex(const pcre2_code *code, pcre2_match_data *match,
                               pcre2_match_context *limits, const unsigned char *s, size_t begin,
                               size_t end, struct pre_cuts *out, struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t cut = begin; /* everything before is in OUT */

    for (size_t good = begin; good < end && st == SPN_OK;) {
        size_t stop = good, at = 0;
        unsigned length = 1;

        while (stop < end && uni_decode(s + stop, end - stop, &length) >= 0)
            stop += length;
        while (at < stop - good && st == SPN_OK) {
            const PCRE2_SIZE *span = pcre2_get_ovector_pointer(match);
            int found = pcre2_match(code, s + good, stop - good, at,
                                    PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, match, limits);

            if (found == PCRE2_ERROR_NOMATCH)
                break;
            if (found < 0)
                return spn_fail(
                    err, found == PCRE2_ERROR_NOMEMORY ? SPN_ENOMEM : SPN_EFORMAT,
                    "tokenize: the pre-tokenizer gave up at byte %zu of %zu (PCRE2 error %d)",
                    good + at, end, found);
            if (good + span[0] > cut)
                st = add_cut(out, good + span[0], err);
            cut = good + span[1];
            at = span[1];
            if (st == SPN_OK)
                st = add_cut(out, cut, err);
        }
        good = stop < end ? stop + 1 : end;
    }
    if (st == SPN_OK && cut < end)
        st = add_cut(out, end, err);
    return st;
}

static spn_status run_stage(const struct pre *p, size_t i, const unsigned char *s,
                            const struct pre_cuts *in, struct pre_cuts *out, struct spn_err *err)
{
    pcre2_match_data *match = NULL;
    pcre2_match_context *limits = NULL;
    spn_status st = SPN_OK;
    size_t begin = 0;

    if (p->code[i] != NULL) {
        match = pcre2_match_data_create_from_pattern(p->code[i], NULL);
        limits = pcre2_match_context_create(NULL);
        if (match == NULL || limits == NULL)
            st = spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for the pre-tokenizer");
        else
            pcre2_set_heap_limit(limits, 64 << 10); /* KiB */
    }
    for (size_t k = 0; k < in->n && st == SPN_OK; k++) {
        if (p->code[i] != NULL)
            st = cut_by_regex(p->code[i], match, limits, s, begin, in->end[k], out, err);
        else
            st = cut_by_hand(p->row->stage[i], s, begin, in->end[k], out, err);
        begin = in->end[k];
    }
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
    return st;
}

spn_status pre_split(const struct pre *p, const char *text, size_t n, struct pre_cuts *cuts,
                     struct spn_err *err)
{
    struct pre_cuts other = { NULL, 0, 0 };
    spn_status st;

    cuts->n = 0;
    if (n == 0)
        return SPN_OK;
    st = add_cut(cuts, n, err);
    for (size_t i = 0; i < PRE_STAGES && p->row->stage[i] != NULL && st == SPN_OK; i++) {
        struct pre_cuts swap = *cuts;

        other.n = 0;
        st = run_stage(p, i, (const unsigned char *)text, &swap, &other, err);
        *cuts = other;
        other = swap;
    }
    pre_cuts_free(&other);
    return st;
}
