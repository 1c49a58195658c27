#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "command/listing.h"
#include "host/job.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/verdicts.h"

#define FILE_CEILING (4 << 20)

static const struct spn_option options[] = {
    { "check", SPN_OPT_FLAG,
      .help = "run the selftest of every plugin that names a paper, and keep the verdicts" },
    { "install", SPN_OPT_FLAG,
      .help = "with --check: keep the verdicts beside the modules, as make install does" },
    { "all", SPN_OPT_FLAG, .help = "also the three methods that others build on" },
    { 0 }
};

/* Is KEY one of the words of LIST? */
static bool names_paper(const char *list, const char *key)
{
    size_t n = strlen(key);

    while (*list != '\0') {
        size_t k = strcspn(list, " ");

        if (k == n && memcmp(list, key, n) == 0)
            return true;
        list += k;
        list += strspn(list, " ");
    }
    return false;
}

/* The loaded plugin that implements KEY: one that passed its selftest before one that did not. */
static const struct plugin *implementer(const char *key, bool *passed)
{
    const struct plugin *first = NULL;
    size_t i;

    *passed = false;
    for (i = 0; i < plugins_count() && !*passed; i++) {
        const struct plugin *p = plugins_at(i);

        if (p->loaded && names_paper(p->desc.papers, key)) {
            *passed = verdicts_passed(p);
            if (first == NULL || *passed)
                first = p;
        }
    }
    return first;
}

static spn_status paper_row(struct listing *l, const json_t *paper, struct spn_err *err)
{
    const char *key = json_string_value(json_object_get(paper, "key")),
               *title = json_string_value(json_object_get(paper, "title"));
    const char *arxiv = json_string_value(json_object_get(paper, "arxiv")),
               *point = json_string_value(json_object_get(paper, "point"));
    const char *summary = json_string_value(json_object_get(paper, "summary"));
    const struct plugin *p;
    bool passed;

    if (key == NULL || title == NULL || arxiv == NULL || point == NULL || summary == NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "papers.jsonl: key, title, arxiv, point and summary are needed (%s)",
                        key != NULL ? key : "?");
    p = implementer(key, &passed);
    {
        const char *cells[] = {
            key, arxiv, point, p != NULL ? p->name : "-", passed ? "yes" : "no", title
        };

        return listing_row(l,
                           json_pack("{s:s, s:s, s:s, s:s, s:s?, s:b, s:s}", "key", key, "title",
                                     title, "arxiv", arxiv, "point", point, "plugin",
                                     p != NULL ? p->name : NULL, "implemented", passed, "summary",
                                     summary),
                           cells, err);
    }
}

static spn_status one_paper(struct spn_job *job, const json_t *paper, struct spn_err *err)
{
    const char *key = json_string_value(json_object_get(paper, "key"));
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    const struct plugin *p;
    json_t *o = json_deep_copy(paper);
    spn_status st;
    bool passed;

    p = implementer(key, &passed);
    json_object_set_new(o, "plugin", p != NULL ? json_string(p->name) : json_null());
    json_object_set_new(o, "implemented", json_boolean(passed));
    spn_buf_printf(&b, "%s\narXiv:%s, %s\n\n%s\n\n",
                   json_string_value(json_object_get(paper, "title")),
                   json_string_value(json_object_get(paper, "arxiv")),
                   json_string_value(json_object_get(paper, "point")),
                   json_string_value(json_object_get(paper, "summary")));
    if (p != NULL)
        spn_buf_printf(&b, "plugin %s: selftest %s\n", p->name, passed ? "passed" : "did not pass");
    else
        spn_buf_puts(&b, "no loaded plugin implements it\n");
    st = table_job.emit(job, o, b.data, err);
    spn_buf_free(&b);
    return st;
}

static spn_status check_all(struct spn_job *job, bool *failed)
{
    size_t i;

    *failed = false;
    for (i = 0; i < plugins_count(); i++) {
        const struct plugin *p = plugins_at(i);
        struct spn_err why = SPN_ERR_INIT;

        if (!p->loaded || p->desc.papers[0] == '\0')
            continue;
        if (spn_cancelled(table_job.cancel(job)))
            return SPN_ECANCEL;
        if (verdicts_run(p, &why) != SPN_OK) {
            *failed = true;
            table_job.say(job, why.text);
        }
    }
    return SPN_OK;
}

/* The rows of share/papers/papers.jsonl; NAME: that one alone. */
static spn_status rows(struct spn_job *job, char *text, const char *name, bool all,
                       struct spn_err *err)
{
    static const char *const heads[] = {
        "KEY", "ARXIV", "POINT", "PLUGIN", "IMPLEMENTED", "TITLE"
    };
    struct listing l;
    spn_status st = SPN_OK, end;
    bool found = false;
    char *line = text;
    int number = 0;

    listing_begin(&l, job, heads, 6);
    while (st == SPN_OK && *line != '\0') {
        size_t n = strcspn(line, "\n");
        json_error_t why;
        json_t *paper = json_loadb(line, n, 0, &why);
        const char *key = json_string_value(json_object_get(paper, "key"));

        number++;
        if (key == NULL)
            st = spn_fail(err, SPN_EFORMAT, "%s/papers/papers.jsonl:%d: %s", paths()->data, number,
                          paper == NULL ? why.text : "no key");
        else if (name != NULL && strcmp(name, key) == 0)
            st = one_paper(job, paper, err);
        else if (name == NULL && (all || !json_is_true(json_object_get(paper, "base"))))
            st = paper_row(&l, paper, err);
        found |= key != NULL && name != NULL && strcmp(name, key) == 0;
        json_decref(paper);
        line += n + (line[n] == '\n');
    }
    end = listing_end(&l, st == SPN_OK ? err : NULL);
    if (st == SPN_OK && name != NULL && !found) {
        spn_fail(err, SPN_ENOTFOUND, "%s: there is no such paper", name);
        return spn_cure(err, "spinney papers --all");
    }
    return st != SPN_OK ? st : end;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    char *file = spn_path_join(paths()->data, "papers/papers.jsonl"), *text = NULL;
    bool failed = false;
    spn_status st, saved;

    if (file == NULL)
        return spn_fail(err, SPN_ENOMEM, "papers: no memory");
    verdicts_load();
    st = spn_file_read(&text, NULL, file, FILE_CEILING, err);
    if (st == SPN_OK && spn_value_flag(v, "check"))
        st = check_all(job, &failed);
    if (st == SPN_OK)
        st = rows(job, text, argc > 0 ? argv[0] : NULL, spn_value_flag(v, "all"), err);
    /* A verdict that cannot be kept costs the next run a second; only --install is asked for it. */
    saved = verdicts_save(spn_value_flag(v, "install"),
                          spn_value_flag(v, "install") && st == SPN_OK ? err : NULL);
    if (st == SPN_OK && spn_value_flag(v, "install"))
        st = saved;
    verdicts_end();
    spn_free(text);
    spn_free(file);
    if (st == SPN_OK && failed)
        return spn_fail(err, SPN_ENO, "papers: a selftest did not pass");
    return st;
}

const struct spn_command command_papers = {
    .summary = "the papers, and which of them are implemented here",
    .usage = "papers [KEY] [--all] [--check] [--json]",
    .details = "One row a paper: key, arXiv id, extension point, plugin, whether it is "
               "implemented, title. A paper is implemented when a\n"
               "loaded plugin names it and the selftest of that plugin passed with the file it has "
               "now; the verdict is kept and made again\n"
               "when the file changes. With a key: what the paper does, in two sentences.",
    .examples = "spinney papers\nspinney papers fot\nspinney papers --json\n",
    .options = options,
    .arguments_max = 1,
    .run = run,
};
