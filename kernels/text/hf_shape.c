/* hf_shape.c - see hf_shape.h. */
#include "config.h"

#include "text/hf_shape.h"

#include <string.h>

#define SPACE_MARK "\xe2\x96\x81"
#define NESTING_MAX 8

/* The first rule found decides; a file that says two things is refused. */
struct reading {
    struct hf_shape *shape;
    const char *place;
    struct spn_err *err;
    bool byte_level, metaspace, prepend, replace;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s == NULL ? "" : s;
}

static bool flag_of(const json_t *object, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(object, key);

    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static spn_status add_regex(struct reading *r, const char *regex)
{
    if (r->shape->n_regex == PRE_STAGES)
        return spn_fail(r->err, SPN_EFORMAT, "%s: more than %d steps of splitting", r->place,
                        PRE_STAGES);
    r->shape->regex[r->shape->n_regex++] = regex;
    return SPN_OK;
}

static spn_status read_split(struct reading *r, const json_t *node)
{
    const char *regex =
        json_string_value(json_object_get(json_object_get(node, "pattern"), "Regex"));
    const char *behavior = text_of(node, "behavior");

    if (regex == NULL || strcmp(behavior, "Isolated") != 0 || flag_of(node, "invert", false))
        return spn_fail(
            r->err, SPN_EFORMAT,
            "%s: a Split that is not an isolating Regex (behavior \"%.20s\") is not known",
            r->place, behavior);
    return add_regex(r, regex);
}

static spn_status read_byte_level(struct reading *r, const json_t *node)
{
    if (flag_of(node, "add_prefix_space", false))
        return spn_fail(r->err, SPN_EFORMAT, "%s: ByteLevel with add_prefix_space is not known",
                        r->place);
    r->byte_level = true;
    return flag_of(node, "use_regex", true) ? add_regex(r, pre_regex_gpt2()) : SPN_OK;
}

static spn_status read_metaspace(struct reading *r, const json_t *node)
{
    const char *scheme = text_of(node, "prepend_scheme"), *mark = text_of(node, "replacement");

    if (strcmp(mark, SPACE_MARK) != 0)
        return spn_fail(r->err, SPN_EFORMAT,
                        "%s: Metaspace with \"%.20s\" for a space is not known", r->place, mark);
    if (*scheme == '\0')
        scheme = flag_of(node, "add_prefix_space", true) ? "always" : "never";
    r->metaspace = true;
    r->shape->split_words = flag_of(node, "split", true);
    r->shape->prefix = strcmp(scheme, "never") == 0   ? VOCAB_PREFIX_NONE
                       : strcmp(scheme, "first") == 0 ? VOCAB_PREFIX_FIRST
                                                      : VOCAB_PREFIX_MISSING;
    return SPN_OK;
}

static spn_status read_pre(struct reading *r, const json_t *node, int depth)
{
    const char *type = text_of(node, "type");
    const json_t *list = json_object_get(node, "pretokenizers"), *item;
    spn_status st = SPN_OK;
    size_t i;

    if (node == NULL || json_is_null(node))
        return SPN_OK;
    if (strcmp(type, "Split") == 0)
        return read_split(r, node);
    if (strcmp(type, "ByteLevel") == 0)
        return read_byte_level(r, node);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(r, node);
    if (strcmp(type, "Digits") == 0 && flag_of(node, "individual_digits", false))
        return add_regex(r, pre_regex_digit());
    if (strcmp(type, "Sequence") != 0 || depth == NESTING_MAX)
        return spn_fail(r->err, SPN_EFORMAT, "%s: pre-tokenizer \"%.40s\" is not known", r->place,
                        type);
    json_array_foreach (list, i, item) {
        if (st == SPN_OK)
            st = read_pre(r, item, depth + 1);
    }
    return st;
}

static spn_status read_normalizer(struct reading *r, const json_t *node, int depth)
{
    const char *type = text_of(node, "type");
    const json_t *list = json_object_get(node, "normalizers"), *item;
    spn_status st = SPN_OK;
    size_t i;

    if (node == NULL || json_is_null(node))
        return SPN_OK;
    /* Text is kept byte for byte, as the GGUF runtimes keep it: normal form C changes text that few
     * people type. */
    if (strcmp(type, "NFC") == 0)
        return SPN_OK;
    if (strcmp(type, "Prepend") == 0 && strcmp(text_of(node, "prepend"), SPACE_MARK) == 0) {
        r->prepend = true;
        return SPN_OK;
    }
    if (strcmp(type, "Replace") == 0 &&
        strcmp(text_of(json_object_get(node, "pattern"), "String"), " ") == 0 &&
        strcmp(text_of(node, "content"), SPACE_MARK) == 0) {
        r->replace = true;
        return SPN_OK;
    }
    if (strcmp(type, "Sequence") != 0 || depth == NESTING_MAX)
        return spn_fail(r->err, SPN_EFORMAT, "%s: normalizer \"%.40s\" is not known", r->place,
                        type);
    json_array_foreach (list, i, item) {
        if (st == SPN_OK)
            st = read_normalizer(r, item, depth + 1);
    }
    return st;
}

json_t *hf_parse(const char *text, size_t n, const char *place, struct spn_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, n, JSON_ALLOW_NUL, &why);

    if (root == NULL)
        spn_fail(err, SPN_EFORMAT, "%s: line %d, column %d: %.200s", place, why.line, why.column,
                 why.text);
    else if (!json_is_object(root)) {
        spn_fail(err, SPN_EFORMAT, "%s: not a JSON object", place);
        json_decref(root);
        root = NULL;
    }
    return root;
}

static spn_status read_wordpiece(struct hf_shape *shape, const json_t *root, const char *place,
                                 struct spn_err *err)
{
    const json_t *model = json_object_get(root, "model"),
                 *norm = json_object_get(root, "normalizer"),
                 *most = json_object_get(model, "max_input_chars_per_word");

    if (strcmp(text_of(norm, "type"), "BertNormalizer") != 0 ||
        strcmp(text_of(json_object_get(root, "pre_tokenizer"), "type"), "BertPreTokenizer") != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: WordPiece is known with BertNormalizer and BertPreTokenizer alone",
                        place);
    if (strcmp(text_of(model, "continuing_subword_prefix"), "##") != 0 ||
        (most != NULL && json_integer_value(most) != 100))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: WordPiece is known with ## inside words of at most 100 characters",
                        place);
    shape->kind = VOCAB_WORDPIECE;
    shape->clean = flag_of(norm, "clean_text", true);
    shape->ideographs = flag_of(norm, "handle_chinese_chars", true);
    shape->lower = flag_of(norm, "lowercase", true);
    shape->strip = flag_of(norm, "strip_accents", shape->lower);
    return SPN_OK;
}

spn_status hf_shape_read(struct hf_shape *shape, const json_t *root, const char *place,
                         struct spn_err *err)
{
    struct reading r = { .shape = shape, .place = place, .err = err };
    const json_t *model = json_object_get(root, "model");
    const char *type = text_of(model, "type");
    spn_status st;

    memset(shape, 0, sizeof *shape);
    if (strcmp(type, "WordPiece") == 0)
        return read_wordpiece(shape, root, place, err);
    if (strcmp(type, "BPE") != 0 && !(*type == '\0' && json_object_get(model, "merges") != NULL))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: model \"%.40s\" is not known, only BPE and WordPiece are", place,
                        type);
    if (*text_of(model, "continuing_subword_prefix") != '\0' ||
        *text_of(model, "end_of_word_suffix") != '\0')
        return spn_fail(err, SPN_EFORMAT, "%s: BPE with marks inside words is not known", place);
    st = read_normalizer(&r, json_object_get(root, "normalizer"), 0);
    if (st == SPN_OK)
        st = read_pre(&r, json_object_get(root, "pre_tokenizer"), 0);
    if (st != SPN_OK)
        return st;
    if (r.byte_level && !r.metaspace && !r.replace && !r.prepend) {
        shape->kind = VOCAB_BPE;
        return SPN_OK;
    }
    if (r.byte_level || shape->n_regex > 0 || (!r.metaspace && !r.replace) ||
        (r.metaspace && (r.prepend || r.replace)))
        return spn_fail(err, SPN_EFORMAT, "%s: neither byte-level BPE nor BPE with marked spaces",
                        place);
    shape->kind = VOCAB_SPM;
    if (r.prepend)
        shape->prefix = VOCAB_PREFIX_EACH;
    return SPN_OK;
}
