/* store_open.c - a store's codec, its description, and its chain of steps unpacked. */
#include "config.h"

#include "store_open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define STORE_BYTES_MAX 65536

double store_now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the codec ---- */

spn_status store_codec(struct store *s, const char *name, const char *options, struct spn_err *err)
{
    const struct spn_registry_api *registry = s->run->host->query("registry", 1);
    const char *first = NULL;
    char prefix[96];

    s->values = s->run->host->query("values", 1);
    if (registry == NULL || s->values == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "ckpt: this host has no registry of codecs");
    s->codec = registry->find(SPN_POINT_CODEC, name);
    if (s->codec == NULL && registry->at(SPN_POINT_CODEC, 0, &first, NULL) == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "ckpt: no plugin with a codec is installed, %.64s neither",
                 name);
        return spn_cure(err, "spinney plugins");
    }
    if (s->codec == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "ckpt: no codec is called %.64s", name);
        return spn_cure(err, "--codec %s", first);
    }
    snprintf(prefix, sizeof prefix, "%s", name);
    return s->values->parse(&s->options, s->codec->options, options, prefix, err);
}

/* "excp:alpha=auto" in two. */
spn_status store_split(struct store *s, const char *text, struct spn_err *err)
{
    const char *colon = strchr(text, ':');

    s->codec_name = colon != NULL ? spn_strndup(text, (size_t)(colon - text)) : spn_strdup(text);
    s->options_text = spn_strdup(colon != NULL ? colon + 1 : "");
    if (s->codec_name == NULL || s->options_text == NULL)
        return spn_fail(err, SPN_ENOMEM, "ckpt: no memory");
    return SPN_OK;
}

static void codec_progress(void *ctx, double done, double total)
{
    const struct run *r = ctx;

    r->api->progress(r->job, done / 1e6, total / 1e6, "MB");
}

/* ---- store.json ---- */

spn_status store_read(struct store *s, struct spn_err *err)
{
    char *path = spn_path_join(s->path, "store.json"), *text = NULL;
    const char *codec, *options;
    json_t *o = NULL;
    size_t n;
    spn_status st = path == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", s->path)
                                 : spn_file_read(&text, &n, path, STORE_BYTES_MAX, err);

    if (st == SPN_OK)
        o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    codec = json_string_value(json_object_get(o, "codec"));
    options = json_string_value(json_object_get(o, "options"));
    if (st == SPN_OK && (codec == NULL || options == NULL ||
                         json_integer_value(json_object_get(o, "version")) != 1))
        st = spn_fail(err, SPN_EFORMAT, "%s: not the description of a store, version 1", path);
    if (st == SPN_OK) {
        s->codec_name = spn_strdup(codec);
        s->options_text = spn_strdup(options);
        s->key_every = json_integer_value(json_object_get(o, "key_every"));
        if (s->codec_name == NULL || s->options_text == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory", s->path);
    }
    json_decref(o);
    spn_free(text);
    spn_free(path);
    return st;
}

spn_status store_write(const struct store *s, struct spn_err *err)
{
    char *path = spn_path_join(s->path, "store.json");
    json_t *o = json_pack("{s:i, s:s, s:s, s:I}", "version", 1, "codec", s->codec_name, "options",
                          s->options_text, "key_every", (json_int_t)s->key_every);
    char *text = o != NULL ? json_dumps(o, JSON_INDENT(2)) : NULL;
    spn_status st = path == NULL || text == NULL
                        ? spn_fail(err, SPN_ENOMEM, "%s: no memory", s->path)
                        : spn_file_write(path, text, strlen(text), err);

    free(text);
    json_decref(o);
    spn_free(path);
    return st;
}

/* One process at a time fills a store: the lock is held until the process ends or closes LOCK. */
spn_status store_lock(struct store *s, struct spn_err *err)
{
    char *path = spn_path_join(s->path, "store.json");
    spn_status st = SPN_OK;

    s->lock = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (s->lock < 0)
        st =
            spn_fail(err, SPN_EIO, "%s: store.json cannot be opened: %s", s->path, strerror(errno));
    else if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        st = spn_fail(err, SPN_EIO, "%s: another process works on this store", s->path);
    spn_free(path);
    return st;
}

bool store_is(const char *path)
{
    char *file = spn_path_join(path, "store.json");
    bool is = file != NULL && spn_path_exists(file);

    spn_free(file);
    return is;
}

void store_close(struct store *s)
{
    if (s->options != NULL)
        s->values->free_(s->options);
    scratch_close(&s->scratch);
    if (s->lock >= 0)
        close(s->lock);
    spn_free(s->codec_name);
    spn_free(s->options_text);
}

void store_begin(struct store *s, struct run *r, const char *path)
{
    *s = (struct store){ .run = r, .path = path, .lock = -1, .scratch_step = -1 };
    s->job = (struct spn_codec_job){
        .pool = r->pool, .cancel = r->how.cancel, .progress = codec_progress, .progress_ctx = r
    };
}

/* ---- steps that are there ---- */

spn_status store_step(size_t *i, const struct store *s, const struct ckpt_step *step, size_t n,
                      struct spn_err *err)
{
    int64_t wanted = spn_value_int(s->run->v, "step");

    *i = n > 0 ? n - 1 : 0;
    if (spn_value_given(s->run->v, "step"))
        for (*i = 0; *i < n && step[*i].step != wanted;)
            ++*i;
    return *i < n ? SPN_OK
                  : spn_fail(err, SPN_ENOTFOUND, "%s: step %" PRId64 " is none of its %zu", s->path,
                             wanted, n);
}

/* STORE/step-N/packed.SUFFIX, mapped. */
spn_status store_map(struct spn_map *m, const struct store *s, const char *dir, struct spn_err *err)
{
    char name[64], *path;
    spn_status st;

    snprintf(name, sizeof name, "packed.%.32s", s->codec->suffix);
    path = spn_path_join(dir, name);
    st =
        path == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", dir) : spn_map_open(m, path, err);
    spn_free(path);
    return st;
}

/* Unpack the step in DIR over what the scratch holds. */
static spn_status unpack_one(struct store *s, const char *dir, int64_t step, int64_t before,
                             struct spn_err *err)
{
    struct spn_codec_source old = scratch_source(&s->scratch);
    struct spn_codec_taker taker = scratch_taker(&s->scratch);
    struct spn_map m = { 0 };
    struct spn_codec_packed packed;
    spn_status st = store_map(&m, s, dir, err);

    if (st != SPN_OK)
        return st;
    packed = (struct spn_codec_packed){ m.data, (size_t)m.size, m.path };
    s->job.step = step;
    s->job.before = before;
    st = s->codec->unpack(&s->job, &packed, before >= 0 ? &old : NULL, &taker, err);
    if (st == SPN_OK)
        st = spn_map_check(&m, err);
    spn_map_close(&m);
    if (st == SPN_OK)
        s->scratch_step = step;
    return st;
}

/* Fill the scratch with what step I of STEP unpacks to: from its key frame on. */
spn_status store_unpack(struct store *s, const struct ckpt_step *step, size_t i,
                        struct spn_err *err)
{
    size_t first = i + 1;
    json_t *layout = NULL;
    int64_t before = 0;
    spn_status st = SPN_OK;

    while (st == SPN_OK && before >= 0) { /* back to the key frame */
        if (first == 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: step %" PRId64 " hangs on %" PRId64 ", which is not there",
                            s->path, step[0].step, before);
        first--;
        st = layout_read(&layout, step[first].path, err);
        if (st == SPN_OK)
            before = json_integer_value(json_object_get(layout, "before"));
        if (st == SPN_OK && before < 0 && s->scratch.base == NULL)
            st = scratch_open(&s->scratch, s->path, json_object_get(layout, "params"), err);
        json_decref(layout);
        layout = NULL;
        if (st == SPN_OK && before >= 0 && first > 0 && step[first - 1].step != before)
            st = spn_fail(err, SPN_EFORMAT,
                          "%s: step %" PRId64 " was packed against %" PRId64 ", which is not there",
                          s->path, step[first].step, before);
    }
    for (; st == SPN_OK && first <= i; first++) {
        st = layout_read(&layout, step[first].path, err);
        if (st == SPN_OK)
            st = unpack_one(s, step[first].path, step[first].step,
                            json_integer_value(json_object_get(layout, "before")), err);
        json_decref(layout);
        layout = NULL;
    }
    return st;
}
