/* test_hf.c - folders of Hugging Face: configuration as metadata, shards by their index. */
#include "config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "format/test_bytes.h"

#define INDEX "model.safetensors.index.json"

/* One file of the folder in memory. */
static void put_file(struct spn_buf *b, const char *name, const char *text)
{
    put_text(b, "@@ ");
    put_text(b, name);
    put_text(b, "\n");
    put_text(b, text);
    put_text(b, "\n");
}

/* A shard with one tensor of 4 bytes; its name says how many, so that the line break after it is
 * not data. */
static void put_shard(struct spn_buf *b, const char *file, const char *tensor)
{
    char header[256];

    snprintf(header, sizeof header,
             "{\"__metadata__\":{\"format\":\"pt\"},"
             "\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
    put_text(b, "@@ "), put_text(b, file), put_text(b, "\n");
    put_u64(b, strlen(header)), put_text(b, header), put_text(b, "abc\n");
}

static void make_good(struct spn_buf *b)
{
    put_file(b, "config.json",
             "{\"hidden_size\": 64, \"rms_norm_eps\": 1e-06, \"tie\": true, \"none\": null,"
             "\"architectures\": [\"LlamaForCausalLM\", \"x\"], \"eos\": [1, 2], \"mixed\": [0.5, "
             "3, 4.0],"
             "\"flags\": [true, false], \"empty\": [], \"rope\": {\"factor\": 8, \"deep\": {\"a\": "
             "\"b\"}},"
             "\"odd\": [1, \"two\", [3]], \"limit\": [0.0, Infinity], \"nan\": NaN, \"down\": "
             "-Infinity}");
    put_file(b, "tokenizer_config.json",
             "{\"model_max_length\": 1000000000000000019884624838656, \"chat_template\": \"old\"}");
    put_file(b, "chat_template.jinja", "{{ new }}");
    put_file(b, "generation_config.json", "{\"temperature\": 0.6}");
    put_file(b, INDEX, "{\"metadata\": {\"total_size\": 8}, \"weight_map\": "
                       "{\"b\": \"m-2.safetensors\", \"a\": \"m-1.safetensors\"}}");
    put_shard(b, "m-2.safetensors", "b");
    put_shard(b, "m-1.safetensors", "a");
}

static void test_good(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf b = BYTES_INIT;
    struct spn_reader *r = NULL;
    struct spn_meta v;
    const char *s = NULL;
    size_t length = 0;
    int64_t n = 0;
    double f = 0;
    bool t = false;

    make_good(&b);
    if (!ok(spn_reader_open_memory(&r, "hf folder", b.data, b.length, &err) == SPN_OK,
            "a good folder is read %s", err.text))
        return;
    ok_str(spn_reader_format(r), "hf folder", "its format");
    ok(spn_meta_int(r, "config.hidden_size", &n) && n == 64, "an integer");
    ok(spn_meta_float(r, "config.rms_norm_eps", &f) && f == 1e-6, "a real");
    ok(spn_meta_bool(r, "config.tie", &t) && t, "a boolean");
    ok(!spn_reader_meta(r, "config.none", &v) && !spn_reader_meta(r, "config.nan", &v) &&
       !spn_reader_meta(r, "config.down", &v), "null, NaN and -Infinity are absent");
    ok(spn_reader_meta(r, "config.architectures", &v) && v.count == 2 &&
           spn_meta_elem_str(&v, 0, &s, &length) && length == 16 &&
           memcmp(s, "LlamaForCausalLM", 16) == 0,
       "strings");
    ok(spn_reader_meta(r, "config.eos", &v) && spn_meta_elem_int(&v, 1, &n) && n == 2, "integers");
    ok(spn_reader_meta(r, "config.mixed", &v) && v.elem == SPN_META_FLOAT &&
       spn_meta_elem_float(&v, 1, &f) && f == 3, "integers among reals");
    ok(spn_reader_meta(r, "config.flags", &v) && v.elem == SPN_META_BOOL &&
       spn_meta_elem_int(&v, 0, &n) && n == 1, "booleans");
    ok(spn_reader_meta(r, "config.empty", &v) && v.count == 0, "an empty array");
    ok_str(spn_meta_str(r, "config.rope.deep.a"), "b", "nested");
    ok(spn_meta_int(r, "config.odd.0", &n) && n == 1, "an element of an odd array");
    ok_str(spn_meta_str(r, "config.odd.1"), "two", "another one");
    ok(spn_reader_meta(r, "config.odd.2", &v) && v.count == 1, "an array inside");
    ok(spn_meta_float(r, "config.limit.0", &f) && f == 0, "beside an infinity");
    ok(spn_meta_float(r, "tokenizer_config.model_max_length", &f) && f > 9.9e29, "past 64 bits");
    ok_str(spn_meta_str(r, "tokenizer_config.chat_template"), "{{ new }}\n",
           "the template's own file");
    ok(spn_meta_float(r, "generation_config.temperature", &f) && f == 0.6, "generation_config");
    ok_int((long long)spn_reader_count(r), 2, "its tensors");
    ok(spn_reader_find(r, "b") != NULL && memcmp(spn_reader_find(r, "b")->t.data, "abc\n", 4) == 0,
       "data of a shard");
    ok_str(spn_reader_at(r, 0)->file, "m-1.safetensors", "shards by their names");
    spn_reader_close(r);
    spn_buf_free(&b);
}

/* A folder whose file NAME holds TEXT; NULL: it has no such file. */
static void bad(const char *name, const char *text, const char *words, const char *what)
{
    struct spn_buf b = BYTES_INIT;
    const char *const names[] = { "config.json", INDEX };
    const char *const texts[] = { "{}", "{\"weight_map\":{\"a\":\"m-1.safetensors\"}}" };

    if (text != NULL)
        put_file(&b, name, text);
    for (int i = 0; i < 2; i++)
        if (strcmp(name, names[i]) != 0)
            put_file(&b, names[i], texts[i]);
    put_shard(&b, "m-1.safetensors", "a");
    refused("hf folder", &b, words, what);
    spn_buf_free(&b);
}

static void bad_index(const char *shard, const char *words, const char *what)
{
    char text[512];

    snprintf(text, sizeof text, "{\"weight_map\":{\"a\":\"%s\"}}", shard);
    bad(INDEX, text, words, what);
}

static void bad_folders(void)
{
    struct spn_buf b = BYTES_INIT;

    bad("config.json", NULL, "no config.json", "no configuration");
    bad("config.json", "", "not JSON", "an empty configuration");
    bad("config.json", "[1]", "not a JSON object", "a configuration that is an array");
    bad("config.json", "{\"a\":1,\"a\":2}", "duplicate", "a key twice");
    bad("config.json", "{\"a\":{\"b\":1},\"a.b\":2}", "config.a.b is there twice",
        "one key of two");
    bad("config.json", "{\"a\":1e999}", "not JSON", "a real past its range");
    bad("config.json", "{\"a\":\"\xc3\"}", "not JSON", "half a character");
    bad("generation_config.json", "{", "not JSON", "another one cut");
    bad("tokenizer_config.json", "7", "not a JSON object", "a number");
    bad(INDEX, NULL, "neither model.safetensors nor", "no weights");
    bad(INDEX, "{}", "no weight_map", "an index of nothing");
    bad(INDEX, "{\"weight_map\":{}}", "no weight_map", "an empty map");
    bad(INDEX, "{\"weight_map\":[]}", "{ wanted", "a map that is an array");
    bad(INDEX, "{\"weight_map\":{\"a\":1}}", "not a plain string", "a shard that is a number");
    bad(INDEX, "{\"weight_map\":{\"a\":\"m-1.safetensors\"},\"weight_map\":{}}", "twice",
        "two maps");
    bad(INDEX, "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-1.safetensors\"}}",
        "tensor b, which no shard has", "a tensor that is not there");
    bad_index("../../etc/passwd", "no file of this folder", "a way up");
    bad_index("..", "no file of this folder", "the folder above");
    bad_index("/etc/passwd", "no file of this folder", "an absolute path");
    bad_index("sub/m.safetensors", "no file of this folder", "a folder below");
    bad_index("a\\\\b", "no file of this folder", "the other separator");
    bad_index(".hidden", "no file of this folder", "a hidden file");
    bad_index("", "no file of this folder", "no name");
    bad_index("a\\nb", "no file of this folder", "a line break");
    bad_index("a\\u0000b", "not a plain string", "a NUL");
    bad_index("m-9.safetensors", "m-9.safetensors is missing, tensor a", "a missing shard");
    put_file(&b, "config.json", "{}");
    put_file(&b, INDEX, "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"}}");
    put_shard(&b, "m-1.safetensors", "b"), put_shard(&b, "m-2.safetensors", "a");
    refused("hf folder", &b, "which is in m-2.safetensors", "shards exchanged");
    spn_buf_trim(&b, 0), put_file(&b, "config.json", "{}");
    put_file(&b, INDEX, "{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"}}");
    put_shard(&b, "m-1.safetensors", "a"), put_shard(&b, "m-2.safetensors", "a");
    refused("hf folder", &b, "two tensors are named a", "one tensor in two shards");
    spn_buf_trim(&b, 0), put_file(&b, "config.json", "{}"), put_file(&b, "pytorch_model.bin", "");
    refused("hf folder", &b, "pickle", "weights that are none");
    spn_buf_trim(&b, 0), put_file(&b, "config.json", "{}");
    put_file(&b, "model.safetensors", "short");
    refused("hf folder", &b, "model.safetensors: 6 bytes", "a shard cut");
    spn_buf_free(&b);
}

static void bad_bombs(void)
{
    struct spn_buf text = BYTES_INIT;

    for (int i = 0; i < 70; i++)
        put_text(&text, "{\"a\":");
    bad("config.json", text.data, "nested deeper than 64", "70 objects in each other");
    spn_buf_trim(&text, 0), put_text(&text, "{\"");
    for (int i = 0; i < 5000; i++)
        put_text(&text, "k");
    put_text(&text, "\":1}");
    bad("config.json", text.data, "a key of more than 4096 bytes", "a long key");
    spn_buf_trim(&text, 0);
    for (int i = 0; i < 5 << 16; i++)
        put_text(&text, "0123456789abcdef");
    bad("config.json", text.data, "4194304 are read", "a configuration of 5 MiB");
    bad("chat_template.jinja", text.data, "4194304 are read", "a template of 5 MiB");
    spn_buf_free(&text);
}

/* The same folder, on disk. */
static void test_disk(void)
{
    static const char *const names[] = { "config.json", "tokenizer.json", "model.safetensors" };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf b = BYTES_INIT;
    struct spn_reader *r = NULL;
    char dir[] = "/tmp/spinney-hf-XXXXXX", path[128], *found;
    size_t skip_line = strlen("@@ model.safetensors\n");

    if (mkdtemp(dir) == NULL)
        return;
    ok(spn_reader_open(&r, dir, &err) == SPN_EFORMAT, "an empty folder: %s", err.text);
    put_shard(&b, "model.safetensors", "w");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (i < 2)
            spn_file_write(path, "{}", 2, &err);
        else
            spn_file_write(path, b.data + skip_line, b.length - skip_line, &err);
    }
    ok(spn_reader_open(&r, dir, &err) == SPN_OK, "read from disk %s", r == NULL ? err.text : "");
    if (r != NULL) {
        ok_str(spn_reader_find(r, "w") != NULL ? spn_reader_find(r, "w")->file : "", path,
               "its file");
        found = spn_reader_folder_file(r, "tokenizer.json");
        ok(found != NULL && strstr(found, "/tokenizer.json") != NULL, "a file beside: %s", found);
        spn_free(found);
        ok(spn_reader_folder_file(r, "tokenizer.model") == NULL, "one that is not there");
        ok_int(spn_reader_check(r, &err), SPN_OK, "nothing changed");
        ok_int(truncate(path, 10), 0, "its weights are cut");
        ok(spn_reader_check(r, &err) == SPN_EIO, "found out: %s", err.text);
        spn_reader_close(r);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    spn_buf_free(&b);
}

int main(void)
{
    struct spn_buf b = BYTES_INIT;

    test_good();
    bad_folders();
    bad_bombs();
    make_good(&b);
    cut_everywhere("hf folder", &b, b.length);
    mutate("hf folder", &b, 10000);
    short_of_memory("hf folder", &b);
    spn_buf_free(&b);
    test_disk();
    return done();
}
