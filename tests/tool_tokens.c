/* tool_tokens.c - tokenizers for tests that compare with other programs.
 *
 *   tool_tokens ids PATH FLAGS       a JSON string a line in, ids a line out
 *   tool_tokens text PATH            ids a line in, a JSON string a line out
 *   tool_tokens train VOCAB PRE OUT  text in, a GGUF that holds the tokenizer out
 *
 * PATH is a model file or folder, or a tokenizer.json.
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"
#include "text/tokenizer.h"

enum { TEXT_BYTES_MAX = 64 << 20 };

static spn_status open_any(struct spn_tokenizer **t, const char *path, struct spn_err *err)
{
    size_t length = strlen(path), n = 0;
    struct spn_reader *r = NULL;
    char *json = NULL;
    spn_status st;

    if (length > 5 && strcmp(path + length - 5, ".json") == 0) {
        st = spn_file_read(&json, &n, path, TEXT_BYTES_MAX, err);
        if (st == SPN_OK)
            st = spn_tokenizer_open_json(t, json, n, NULL, 0, err);
        spn_free(json);
        return st;
    }
    st = spn_reader_open(&r, path, err);
    if (st == SPN_OK)
        st = spn_tokenizer_open(t, r, err);
    spn_reader_close(r);
    return st;
}

static spn_status print_ids(const struct spn_tokenizer *t, char *line, int flags,
                            struct spn_err *err)
{
    json_t *text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct spn_ids ids = { 0 };
    spn_status st = SPN_EFORMAT;

    if (json_is_string(text))
        st = spn_tokenize(t, json_string_value(text), json_string_length(text), flags, &ids, err);
    for (size_t i = 0; i < ids.n; i++)
        printf("%s%d", i == 0 ? "" : " ", (int)ids.id[i]);
    putchar('\n');
    json_decref(text);
    spn_ids_free(&ids);
    return st;
}

static spn_status print_text(const struct spn_tokenizer *t, char *line, struct spn_err *err)
{
    struct spn_buf out = SPN_BUF_INIT(TEXT_BYTES_MAX);
    struct spn_ids ids = { 0 };
    spn_status st = SPN_OK;
    json_t *text;

    for (char *p = line, *end; st == SPN_OK; p = end) {
        long id = strtol(p, &end, 10);

        if (end == p)
            break;
        st = spn_ids_add(&ids, (int32_t)id);
    }
    if (st == SPN_OK)
        st = spn_detokenize(t, ids.id, ids.n, false, &out, err);
    text = json_stringn(out.data == NULL ? "" : out.data, out.length);
    if (text != NULL)
        json_dumpf(text, stdout, JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(text);
    spn_ids_free(&ids);
    spn_buf_free(&out);
    return st;
}

static spn_status each_line(char **argv, struct spn_err *err)
{
    struct spn_tokenizer *t = NULL;
    spn_status st = open_any(&t, argv[2], err);
    size_t room = 0;
    char *line = NULL;

    while (st == SPN_OK && getline(&line, &room, stdin) > 0)
        st = strcmp(argv[1], "ids") == 0 ? print_ids(t, line, (int)strtol(argv[3], NULL, 10), err)
                                         : print_text(t, line, err);
    free(line);
    spn_tokenizer_free(t);
    return st;
}

static spn_status train(char **argv, struct spn_err *err)
{
    struct spn_bpe_options o = { .vocab = (int)strtol(argv[2], NULL, 10), .pre = argv[3] };
    struct spn_tokenizer *t = NULL;
    struct spn_writer *w = NULL;
    struct spn_buf text = SPN_BUF_INIT(TEXT_BYTES_MAX);
    char block[65536];
    spn_status st = SPN_OK;

    for (size_t n; st == SPN_OK && (n = fread(block, 1, sizeof block, stdin)) > 0;)
        st = spn_buf_add(&text, block, n);
    if (st == SPN_OK)
        st = spn_bpe_train(&t, text.data, text.length, &o, err);
    if (st == SPN_OK)
        st = spn_gguf_create(&w, argv[4], err);
    if (st == SPN_OK)
        st = spn_writer_str(w, "general.architecture", "llama", 5);
    if (st == SPN_OK)
        st = spn_tokenizer_write(t, w);
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    spn_writer_free(w);
    spn_tokenizer_free(t);
    spn_buf_free(&text);
    return st;
}

int main(int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = SPN_EUSAGE;

    if (argc == 5 && strcmp(argv[1], "train") == 0)
        st = train(argv, &err);
    else if ((argc == 4 && strcmp(argv[1], "ids") == 0) ||
             (argc == 3 && strcmp(argv[1], "text") == 0))
        st = each_line(argv, &err);
    if (st != SPN_OK)
        fprintf(stderr, "tool_tokens: %s\n", err.text);
    return spn_exit_code(st);
}
