#include "config.h"

#include "host/verdicts.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/output.h"
#include "host/paths.h"

#define FILE_CEILING (1 << 20)
#define CODE_CEILING ((size_t)1 << 30)

static json_t *kept; /* NAME: {"code": fingerprint, "passed": bool} */
static bool changed;

static char *file_in(const char *dir)
{
    return dir != NULL ? spn_path_join(dir, "selftest.json") : NULL;
}

static void take(const char *dir)
{
    char *file = file_in(dir), *text = NULL;
    json_t *more = NULL;

    if (file != NULL && spn_path_exists(file) &&
        spn_file_read(&text, NULL, file, FILE_CEILING, NULL) == SPN_OK)
        more = json_loads(text, 0, NULL);
    if (json_is_object(more))
        json_object_update(kept, more);
    json_decref(more);
    spn_free(text);
    spn_free(file);
}

void verdicts_load(void)
{
    verdicts_end();
    kept = json_object();
    take(paths()->modules);
    take(paths()->state_home);
}

void verdicts_end(void)
{
    json_decref(kept);
    kept = NULL;
    changed = false;
}

/* FNV-1a over 64 bits (Fowler, Noll, Vo) of the file's bytes: it tells builds apart, it is no
 * defence. */
static bool fingerprint(const struct plugin *p, char out[17])
{
    char *file = plugins_code_file(p), *bytes = NULL;
    size_t n = 0, i;
    uint64_t h = 0xcbf29ce484222325u;
    bool read = file != NULL && spn_file_read(&bytes, &n, file, CODE_CEILING, NULL) == SPN_OK;

    for (i = 0; read && i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    snprintf(out, 17, "%016llx", (unsigned long long)h);
    spn_free(bytes);
    spn_free(file);
    return read;
}

spn_status verdicts_run(const struct plugin *p, struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    char code[17];
    spn_status st;

    if (p->desc.selftest == NULL) {
        st = spn_fail(&why, SPN_ENO, "%s: it has no selftest", p->name);
    } else {
        const char *before = plugins_enter(p->name);

        st = p->desc.selftest(&p->host, &why);
        plugins_leave(before);
    }
    if (kept != NULL && fingerprint(p, code)) {
        json_object_set_new(kept, p->name,
                            json_pack("{s:s, s:b}", "code", code, "passed", st == SPN_OK));
        changed = true;
    }
    if (st != SPN_OK && err != NULL)
        *err = why;
    return st;
}

bool verdicts_passed(const struct plugin *p)
{
    json_t *entry = json_object_get(kept, p->name);
    const char *code = json_string_value(json_object_get(entry, "code"));
    char now[17];

    if (code == NULL || !fingerprint(p, now) || strcmp(code, now) != 0)
        return verdicts_run(p, NULL) == SPN_OK;
    return json_is_true(json_object_get(entry, "passed"));
}

spn_status verdicts_save(bool install, struct spn_err *err)
{
    const char *dir = install ? paths()->modules : paths()->state_home;
    char *file = file_in(dir), *text = NULL;
    spn_status st = SPN_OK;

    if (file != NULL && changed) {
        text = output_line(kept);
        st = spn_make_dirs(dir, err);
        if (st == SPN_OK && text != NULL)
            st = spn_file_write(file, text, strlen(text), err);
        changed = st != SPN_OK;
    }
    free(text);
    spn_free(file);
    return st;
}
