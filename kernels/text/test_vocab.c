/* test_vocab.c - vocabularies that lie, and tokenizer.json in its variants. */
#include "config.h"

#include "base/file.h"
#include "base/mem.h"
#include "tensor/tensor.h"
#include "text/text_cases.h"
#include "text/tokenizer.h"

/* ---- GGUF files that lie ---- */

struct made { /* what a test file holds; n 0 or NULL: the key is left out */
    const char *model, *pre;
    const char *const *tokens;
    size_t n;
    const float *score;
    size_t n_score;
    const int32_t *type;
    size_t n_type;
    const char *const *merges;
    size_t n_merges;
    int32_t bos, eos;
    bool wrong_kind; /* tokens as numbers */
};

static spn_status add_strings(struct spn_writer *w, const char *key, const char *const *s, size_t n)
{
    size_t length[512];

    for (size_t i = 0; i < n; i++)
        length[i] = strlen(s[i]);
    return spn_writer_strs(w, key, s, length, n);
}

static struct spn_tokenizer *open_made(const struct made *m, struct spn_err *err)
{
    const char *path = case_path("made.gguf");
    struct spn_writer *w = NULL;
    struct spn_tokenizer *t = NULL;
    const int32_t numbers[2] = { 1, 2 };

    case_log[0] = '\0';
    if (spn_gguf_create(&w, path, err) != SPN_OK)
        return NULL;
    spn_writer_str(w, "general.architecture", "llama", 5);
    if (m->model != NULL)
        spn_writer_str(w, "tokenizer.ggml.model", m->model, strlen(m->model));
    if (m->pre != NULL)
        spn_writer_str(w, "tokenizer.ggml.pre", m->pre, strlen(m->pre));
    if (m->wrong_kind)
        spn_writer_i32s(w, "tokenizer.ggml.tokens", numbers, 2);
    else if (m->tokens != NULL)
        add_strings(w, "tokenizer.ggml.tokens", m->tokens, m->n);
    if (m->score != NULL)
        spn_writer_f32s(w, "tokenizer.ggml.scores", m->score, m->n_score);
    if (m->type != NULL)
        spn_writer_i32s(w, "tokenizer.ggml.token_type", m->type, m->n_type);
    if (m->merges != NULL)
        add_strings(w, "tokenizer.ggml.merges", m->merges, m->n_merges);
    if (m->bos != 0)
        spn_writer_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)m->bos);
    if (m->eos != 0)
        spn_writer_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)m->eos);
    if (spn_writer_commit(w, err) == SPN_OK)
        t = case_open(path, err);
    spn_writer_free(w);
    unlink(path);
    return t;
}

static void refused(const char *what, const struct made *m, const char *says)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = open_made(m, &err);

    ok(t == NULL && err.code == SPN_EFORMAT && strstr(err.text, says) != NULL, "%s: %s", what,
       err.text);
    spn_tokenizer_free(t);
}

static bool encodes(const struct spn_tokenizer *t, const char *text, const int32_t *want, size_t n,
                    int flags)
{
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    bool same = t != NULL && spn_tokenize(t, text, strlen(text), flags, &ids, &err) == SPN_OK &&
                ids.n == n && (n == 0 || memcmp(ids.id, want, n * sizeof *want) == 0);

    if (!same) {
        printf("# \"%s\" gives", text);
        for (size_t i = 0; i < ids.n; i++)
            printf(" %d", (int)ids.id[i]);
        printf(" %s\n", err.text);
    }
    spn_ids_free(&ids);
    return same;
}

static void test_refused(void)
{
    static const char *const abc[] = { "a", "b", "c" };
    static char long_text[5001];
    const char *const with_long[] = { "a", long_text };
    const float scores[] = { 0, -1, -2 }, with_nan[] = { 0, NAN, -2 };
    const int32_t types[] = { 1, 1, 1 }, bad_type[] = { 1, 7, 1 }, negative[] = { 1, -1, 1 };

    memset(long_text, 'x', sizeof long_text - 1);
    refused("no tokenizer", &(struct made){ 0 }, "there is no tokenizer");
    refused("a kind not known", &(struct made){ .model = "bert", .tokens = abc, .n = 3 },
            "\"bert\" is not known");
    refused("a splitter not known",
            &(struct made){ .model = "gpt2", .pre = "superbpe", .tokens = abc, .n = 3 },
            "\"superbpe\"");
    refused("no tokens", &(struct made){ .model = "llama" }, "tokens is missing");
    refused("tokens that are numbers",
            &(struct made){ .model = "gpt2", .pre = "gpt-2", .wrong_kind = true },
            "does not hold strings");
    refused("no scores", &(struct made){ .model = "llama", .tokens = abc, .n = 3 },
            "scores is missing");
    refused(
        "scores shorter than tokens",
        &(struct made){ .model = "llama", .tokens = abc, .n = 3, .score = scores, .n_score = 2 },
        "2 entries for 3 tokens");
    refused(
        "types shorter than tokens",
        &(struct made){
            .model = "gpt2", .pre = "gpt-2", .tokens = abc, .n = 3, .type = types, .n_type = 1 },
        "1 entries for 3 tokens");
    refused(
        "a score that is no number",
        &(struct made){ .model = "llama", .tokens = abc, .n = 3, .score = with_nan, .n_score = 3 },
        "token 1 is not a number");
    refused("a type past 6",
            &(struct made){ .model = "llama",
                            .tokens = abc,
                            .n = 3,
                            .score = scores,
                            .n_score = 3,
                            .type = bad_type,
                            .n_type = 3 },
            "token 1 has type 7");
    refused("a negative type",
            &(struct made){ .model = "llama",
                            .tokens = abc,
                            .n = 3,
                            .score = scores,
                            .n_score = 3,
                            .type = negative,
                            .n_type = 3 },
            "token 1 has type -1");
    refused("no merges", &(struct made){ .model = "gpt2", .pre = "gpt-2", .tokens = abc, .n = 3 },
            "merges is missing");
    refused("a token of 5000 bytes",
            &(struct made){ .model = "gpt2",
                            .pre = "gpt-2",
                            .tokens = with_long,
                            .n = 2,
                            .merges = abc,
                            .n_merges = 1 },
            "token 1 is 5000 bytes long");
}

static void test_ignored(void)
{
    static const char *const tokens[] = { "a", "b", "ab", "a", "", "abc", "<x>" };
    static const char *const merges[] = { "a b", "a z", "b", "", "ab c", "a b", " b", "zz zz" };
    const int32_t types[] = { 1, 1, 1, 1, 1, 1, 3 };
    struct made m = { .model = "gpt2",
                      .pre = "gpt-2",
                      .tokens = tokens,
                      .n = 7,
                      .type = types,
                      .n_type = 7,
                      .merges = merges,
                      .n_merges = 8,
                      .bos = 7,
                      .eos = 1 << 30 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = open_made(&m, &err);

    if (!ok(t != NULL, "a vocabulary with odd entries opens %s", err.text))
        return;
    ok(strstr(case_log, "6 merges name pieces") != NULL,
       "merges of absent pieces are ignored with a warning");
    ok(strstr(case_log, "of the 256 bytes have no token") != NULL, "missing bytes are told");
    ok(strstr(case_log, "bos_token_id is 7, outside 0..6") != NULL && spn_token_bos(t) == -1,
       "an id out of range is ignored");
    ok(strstr(case_log, "eos_token_id is 1073741824") != NULL && spn_token_eos(t) == -1,
       "a huge one too");
    ok(spn_token_find(t, "a") == 3, "the last of two equal tokens holds");
    ok(encodes(t, "abba", (int32_t[]){ 2, 1, 3 }, 3, 0), "what is left encodes");
    ok(encodes(t, "a<x>qb", (int32_t[]){ 3, 6, 1 }, 3, SPN_TOK_SPECIAL),
       "bytes without a token are dropped");
    spn_tokenizer_free(t);
}

static void test_bytes(void)
{
    static const char *const tokens[] = { "<unk>",  "<s>",          "</s>",  "<0x41>",
                                          "<0xZZ>", "<0x-1>",       "<0x4>", "zz041x",
                                          "<0x42>", "\xe2\x96\x81", "c" };
    const int32_t types[] = { 2, 3, 3, 6, 6, 6, 6, 6, 6, 1, 1 };
    const float scores[11] = { 0 };
    struct made m = { .model = "llama",
                      .tokens = tokens,
                      .n = 11,
                      .type = types,
                      .n_type = 11,
                      .score = scores,
                      .n_score = 11 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = open_made(&m, &err);

    if (!ok(t != NULL, "a vocabulary with odd byte tokens opens %s", err.text))
        return;
    ok(strstr(case_log, "4 byte tokens are not spelled <0xHH>") != NULL,
       "byte tokens of another spelling are told");
    ok(encodes(t, "AcB", (int32_t[]){ 9, 3, 10, 8 }, 4, 0), "the right ones are used");
    ok(encodes(t, "AZ", (int32_t[]){ 9, 3, 0 }, 3, 0), "a byte without one is unknown");
    spn_tokenizer_free(t);
}

/* Every prefix and every special token of a nested kind: longest first, whatever the order in the
 * file. */
static void test_nested_specials(void)
{
    static const char *const tokens[] = { "a", "<", "<<", "<<<", "<<x", "x" };
    const int32_t types[] = { 1, 3, 3, 4, 4, 1 };
    static const char *const merges[] = { "a a" };
    struct made m = { .model = "gpt2",
                      .pre = "gpt-2",
                      .tokens = tokens,
                      .n = 6,
                      .type = types,
                      .n_type = 6,
                      .merges = merges,
                      .n_merges = 1 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = open_made(&m, &err);

    ok(encodes(t, "a<<<<<xa<", (int32_t[]){ 0, 3, 4, 0, 1 }, 5, SPN_TOK_SPECIAL),
       "the longest special token is cut first %s", err.text);
    ok(encodes(t, "a<<<<<xa<", (int32_t[]){ 0, 3, 4, 0, 1 }, 5, 0),
       "user-defined ones are cut without the flag, \"<\" is a byte");
    spn_tokenizer_free(t);
}

/* ---- tokenizer.json ---- */

#define VOCAB_AB "{\"a\":0,\"b\":1,\"ab\":2,\"\xc4\xa0\":3,\"1\":4,\"2\":5,\"12\":6}"
#define QWEN_SPLIT                                                                                 \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{" \
    "L}\\\\p{N}]?"                                                                                 \
    "\\\\p{L}+|\\\\p{N}| "                                                                         \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"       \
    "\"behavior\":\"Isolated\",\"invert\":false}"
#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

static struct spn_tokenizer *from_json(const char *json, const char *config, struct spn_err *err)
{
    struct spn_tokenizer *t = NULL;

    case_log[0] = '\0';
    return spn_tokenizer_open_json(&t, json, strlen(json), config,
                                   config == NULL ? 0 : strlen(config), err) == SPN_OK
               ? t
               : NULL;
}

static void test_byte_level_json(void)
{
    const char *json = "{\"added_tokens\":[{\"id\":7,\"content\":\"<end>\",\"special\":true},{"
                       "\"id\":9,\"content\":\"<u>\",\"special\":false,"
                       "\"rstrip\":true}],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{"
                       "\"type\":\"Sequence\",\"pretokenizers\":[" QWEN_SPLIT "," BYTE_LEVEL
                       "]},\"post_processor\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
                       "\"vocab\":" VOCAB_AB ",\"merges\":[\"a b\",[\"1\",\"2\"]]}}";
    const char *config =
        "{\"eos_token\":{\"content\":\"<end>\"},\"bos_token\":null,\"chat_template\":"
        "[{\"name\":\"tool_use\",\"template\":\"x\"},{\"name\":\"default\",\"template\":\"<|im_"
        "start|>\"}]}";
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = from_json(json, config, &err);

    if (!ok(t != NULL, "byte-level BPE from JSON %s", err.text))
        return;
    ok_str(spn_tokenizer_kind(t), "gpt2/qwen2", "its splitter is known by its expression");
    ok_int(spn_token_count(t), 10, "added tokens make the vocabulary longer, gaps are unused");
    ok(encodes(t, "ab ab12", (int32_t[]){ 2, 3, 2, 4, 5 }, 5, 0),
       "merges as strings hold; digits stay apart");
    ok(encodes(t, "a<end>b", (int32_t[]){ 0, 7, 1 }, 3, SPN_TOK_SPECIAL), "special tokens are cut");
    ok(encodes(t, "a<u>  b", (int32_t[]){ 0, 9, 1 }, 3, 0),
       "user-defined ones always, with what they strip");
    ok(spn_token_eos(t) == 7 && spn_token_bos(t) == -1 && spn_token_ends(t, 7) &&
           !spn_tokenizer_adds_bos(t),
       "ends");
    ok_str(spn_tokenizer_chat_template(t), "<|im_start|>", "the default chat template");
    spn_tokenizer_free(t);
}

#define SPM_VOCAB                                                               \
    "{\"<unk>\":0,\"<s>\":1,\"</"                                               \
    "s>\":2,\"<0x0A>\":3,\"<0xC3>\":4,\"<0xA9>\":5,\"\xe2\x96\x81\":6,\"a\":7," \
    "\"\xe2\x96\x81"                                                            \
    "a\":8,\"aa\":9,\"\xe2\x96\x81"                                             \
    "aa\":10,\"\xe2\x96\x81\xe2\x96\x81\":11}"
#define SPM_MERGES                                            \
    "[[\"\xe2\x96\x81\",\"a\"],[\"a\",\"a\"],[\"\xe2\x96\x81" \
    "a\",\"a\"],[\"\xe2\x96\x81\",\"\xe2\x96\x81\"]]"
#define SPM_JSON(normalizer, pre)                                                                  \
    "{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true},{\"id\":2,\"content\":\"<" \
    "/s>\",\"special\":true}],"                                                                    \
    "\"normalizer\":" normalizer ",\"pre_tokenizer\":" pre                                         \
    ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["                            \
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}" \
    "}]},"                                                                                         \
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"byte_fallback\":true,"                  \
    "\"vocab\":" SPM_VOCAB ",\"merges\":" SPM_MERGES "}}"
#define REPLACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}"
#define PREPEND                                                                                   \
    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"}" \
    "," REPLACE "]}"
#define METASPACE(scheme, split)                                                            \
    "{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"" scheme \
    "\",\"split\":" split "}"

static void test_marked_json(void)
{
    static const struct {
        const char *what, *json, *text;
        int32_t want[8];
        size_t n;
        int flags;
    } row[] = {
        { "a prefix each time", SPM_JSON(PREPEND, "null"), "a a", { 1, 8, 8 }, 3, 3 },
        { "before a space too", SPM_JSON(PREPEND, "null"), " a", { 6, 8 }, 2, 0 },
        { "and after a special token", SPM_JSON(PREPEND, "null"), "a</s>a", { 8, 2, 8 }, 3, 2 },
        { "no prefix", SPM_JSON(REPLACE, "null"), "a a", { 7, 8 }, 2, 0 },
        { "a prefix where none is",
          SPM_JSON("null", METASPACE("always", "false")),
          " a",
          { 8 },
          1,
          0 },
        { "a prefix where none is, after a special token",
          SPM_JSON("null", METASPACE("always", "false")),
          "a</s>a",
          { 8, 2, 8 },
          3,
          2 },
        { "a prefix at the start alone",
          SPM_JSON("null", METASPACE("first", "false")),
          "a</s>a",
          { 8, 2, 7 },
          3,
          2 },
        { "never a prefix", SPM_JSON("null", METASPACE("never", "false")), "a", { 7 }, 1, 0 },
        { "spaces join", SPM_JSON("null", METASPACE("never", "false")), "  a", { 6, 8 }, 2, 0 },
        { "words are split",
          SPM_JSON("null", METASPACE("never", "true")),
          "a  ",
          { 7, 6, 6 },
          3,
          0 },
        { "words are not split",
          SPM_JSON("null", METASPACE("never", "false")),
          "a  ",
          { 7, 11 },
          2,
          0 },
        { "bytes", SPM_JSON(REPLACE, "null"), "a\n\xc3\xa9", { 7, 3, 4, 5 }, 4, 0 },
        { "a character without all its bytes",
          SPM_JSON(REPLACE, "null"),
          "a\xc3\xaa",
          { 7, 0 },
          2,
          0 },
    };

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct spn_err err = SPN_ERR_INIT;
        struct spn_tokenizer *t = from_json(row[i].json, NULL, &err);

        ok(t != NULL && encodes(t, row[i].text, row[i].want, row[i].n, row[i].flags),
           "marked spaces: %s %s", row[i].what, err.text);
        spn_tokenizer_free(t);
    }
}

static void test_json_written(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t =
                             from_json(SPM_JSON(PREPEND, "null"), "{\"eos_token\":\"</s>\"}", &err),
                         *again;

    again = t == NULL ? NULL : case_reopen(t, &err);
    ok(again != NULL && encodes(again, "aaa a\xc3\xa9", (int32_t[]){ 1, 8, 9, 8, 4, 5 }, 6, 3) &&
           encodes(t, "aaa a\xc3\xa9", (int32_t[]){ 1, 8, 9, 8, 4, 5 }, 6, 3) &&
           spn_token_ends(again, 2),
       "written as a GGUF of kind llama and read back %s", err.text);
    spn_tokenizer_free(t);
    spn_tokenizer_free(again);
}

static bool put_file(const char *dir, const char *name, const char *text)
{
    struct spn_err err = SPN_ERR_INIT;
    char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return spn_file_write(path, text, strlen(text), &err) == SPN_OK;
}

static void remove_files(const char *dir)
{
    static const char *const name[] = { "config.json",           "tokenizer.json",
                                        "tokenizer_config.json", "generation_config.json",
                                        "chat_template.jinja",   "model.safetensors" };
    char path[512];

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, name[i]);
        unlink(path);
    }
    rmdir(dir);
}

static bool put_weights(const char *dir)
{
    static const float one[1] = { 1 };
    const int64_t dim[1] = { 1 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_tensor t;
    char path[512];
    bool fine;

    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    fine = spn_tensor_init(&t, SPN_F32, 1, dim, (void *)one, &err) == SPN_OK &&
           spn_safetensors_create(&w, path, &err) == SPN_OK &&
           spn_writer_tensor(w, "x", &t) == SPN_OK && spn_writer_commit(w, &err) == SPN_OK;
    spn_writer_free(w);
    return fine;
}

static void test_folder(void)
{
    const char *dir = case_path("folder");
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t;
    char keep[256];

    snprintf(keep, sizeof keep, "%s", dir);
    dir = keep;
    if (!ok(spn_make_dirs(dir, &err) == SPN_OK && put_weights(dir) &&
                put_file(dir, "config.json", "{\"model_type\":\"llama\",\"eos_token_id\":2}"),
            "a folder to try with %s", err.text))
        return;
    t = case_open(dir, &err);
    ok(t == NULL && strstr(err.text, "tokenizer.json is missing") != NULL,
       "without a tokenizer: %s", err.text);
    put_file(dir, "tokenizer.json", SPM_JSON(PREPEND, "null"));
    t = case_open(dir, &err);
    ok(t != NULL && spn_token_eos(t) == 2 && spn_token_bos(t) == 1 && spn_tokenizer_adds_bos(t) &&
           spn_tokenizer_chat_template(t) == NULL && spn_token_ends(t, 2) && !spn_token_ends(t, 7),
       "the ends of config.json and of the post-processor");
    spn_tokenizer_free(t);
    put_file(dir, "generation_config.json", "{\"eos_token_id\":[2,7,99,\"x\"]}");
    put_file(dir, "tokenizer_config.json", "{\"add_bos_token\":false,\"chat_template\":\"old\"}");
    put_file(dir, "chat_template.jinja", "<|im_start|>");
    case_log[0] = '\0';
    t = case_open(dir, &err);
    ok(t != NULL && spn_token_ends(t, 7) && !spn_tokenizer_adds_bos(t),
       "several ends of generation_config.json");
    ok(strstr(case_log, "eos_token_id is 99") != NULL, "one out of range is told");
    ok_str(t == NULL ? NULL : spn_tokenizer_chat_template(t), "<|im_start|>",
           "the template's own file comes first");
    spn_tokenizer_free(t);
    put_file(dir, "generation_config.json", "[1");
    t = case_open(dir, &err);
    ok(t == NULL && err.code == SPN_EFORMAT, "a broken file beside it: %s", err.text);
    remove_files(dir);
}

static void bad_json(const char *what, const char *json, const char *says)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = from_json(json, NULL, &err);

    ok(t == NULL && err.code == SPN_EFORMAT && strstr(err.text, says) != NULL, "%s: %s", what,
       err.text);
    spn_tokenizer_free(t);
}

#define BPE(rest)                                                                                 \
    "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":{\"type\":" \
    "\"BPE\"," rest "}}"

static void test_bad_json(void)
{
    bad_json("no JSON", "{", "line 1");
    bad_json("an array", "[]", "not a JSON object");
    bad_json("no model", "{}", "model \"\" is not known");
    bad_json("another model", "{\"model\":{\"type\":\"Unigram\"}}", "\"Unigram\" is not known");
    bad_json("marks inside words", "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"}}",
             "marks inside words");
    bad_json("neither kind", "{\"model\":{\"type\":\"BPE\"}}", "neither byte-level");
    bad_json("no vocabulary", BPE("\"merges\":[]"), "model.vocab is not an object");
    bad_json("an empty one", BPE("\"vocab\":{},\"merges\":[]"), "holds 0 tokens");
    bad_json("no merges", BPE("\"vocab\":" VOCAB_AB), "model.merges is not an array");
    bad_json("a merge of three", BPE("\"vocab\":" VOCAB_AB ",\"merges\":[[\"a\",\"b\",\"c\"]]"),
             "merge 0 is not a pair");
    bad_json("a merge of one", BPE("\"vocab\":" VOCAB_AB ",\"merges\":[\"ab\"]"),
             "merge 0 is not a pair");
    bad_json("a negative id", BPE("\"vocab\":{\"a\":-1},\"merges\":[]"), "\"a\" is not a number");
    bad_json("an id as text", BPE("\"vocab\":{\"a\":\"0\"},\"merges\":[]"),
             "\"a\" is not a number");
    bad_json("an id far out", BPE("\"vocab\":{\"a\":2000000000},\"merges\":[]"),
             "token id 2000000000");
    bad_json("an added token without id",
             "{\"added_tokens\":[{\"content\":\"x\"}],\"pre_tokenizer\":{\"type\":\"ByteLevel\"},"
             "\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
             "added token 0 has no id");
    bad_json("a normalizer not known",
             "{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":{\"type\":\"BPE\"}}",
             "\"Lowercase\"");
    bad_json("a pre-tokenizer not known",
             "{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"BPE\"}}",
             "\"BertPreTokenizer\"");
    bad_json("an expression not known",
             "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
             "\"pattern\":{\"Regex\":\"(a+)+b\"},\"behavior\":\"Isolated\"}," BYTE_LEVEL
             "]},\"model\":{\"type\":\"BPE\"}}",
             "(a+)+b");
    bad_json("a Split that removes",
             "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" "
             "\"},\"behavior\":\"Removed\"},"
             "\"model\":{\"type\":\"BPE\"}}",
             "not an isolating Regex");
}

static void test_memory(void)
{
    const char *json = SPM_JSON(PREPEND, "null");
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = from_json(json, NULL, &err);
    struct spn_ids ids = { 0 };
    uint64_t before, total;
    bool fine = t != NULL;

    spn_tokenizer_free(t);
    before = spn_alloc_count();
    t = from_json(json, NULL, &err);
    total = spn_alloc_count() - before;
    for (uint64_t i = 1; i <= total; i++) {
        struct spn_tokenizer *none;

        spn_fail_at(i);
        none = from_json(json, NULL, &err);
        spn_fail_at(0);
        fine &= none == NULL && err.code == SPN_ENOMEM;
        spn_tokenizer_free(none);
    }
    ok(fine && total > 5, "each of %d allocations of a vocabulary may fail", (int)total);
    before = spn_alloc_count();
    fine = t != NULL && spn_tokenize(t, "a</s>aa a", 9, 3, &ids, &err) == SPN_OK;
    total = spn_alloc_count() - before;
    spn_ids_free(&ids);
    for (uint64_t i = 1; i <= total && fine; i++) {
        spn_fail_at(i);
        fine = spn_tokenize(t, "a</s>aa a", 9, 3, &ids, &err) == SPN_ENOMEM && ids.n == 0;
        spn_fail_at(0);
        spn_ids_free(&ids);
    }
    ok(fine && total > 3, "and each of %d of a text", (int)total);
    spn_tokenizer_free(t);
}

int main(void)
{
    spn_log_sink(case_note, NULL);
    test_refused();
    test_ignored();
    test_bytes();
    test_nested_specials();
    test_byte_level_json();
    test_marked_json();
    test_json_written();
    test_folder();
    test_bad_json();
    test_memory();
    return done();
}
