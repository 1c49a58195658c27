#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "command/listing.h"
#include "host/job.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/registry.h"
#include "base/mem.h"

/* What the plugin called NAME registered, as ["reasoner fot", …]. */
static json_t *registered(const char *name, struct spn_buf *words)
{
    json_t *list = json_array();
    const char *what, *owner;
    size_t i;
    int p;

    for (p = 0; p < SPN_POINT_COUNT; p++)
        for (i = 0; registry_at((enum spn_point)p, i, &what, &owner) != NULL; i++)
            if (strcmp(owner, name) == 0) {
                json_array_append_new(list, json_pack("{s:s, s:s}", "point",
                                                      point_name((enum spn_point)p), "name", what));
                spn_buf_printf(words, "%s%s %s", words->length > 0 ? ", " : "",
                               point_name((enum spn_point)p), what);
            }
    return list;
}

/* Append the options of table O to LIST; OF: whose they are. */
static void add_options(json_t *list, const struct spn_option *o, const char *of)
{
    char dflt[64];

    for (; o != NULL && o->name != NULL; o++) {
        spn_option_default_text(o, dflt, sizeof dflt);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "of", of, "name", o->name,
                                              "help", o->help, "default", dflt));
    }
}

/* Every option table of a plugin: its own, where nothing it registered has that one, then those of
   what it registered. */
static json_t *all_options(const struct plugin *p)
{
    const struct spn_option *own = p->desc.options, *table;
    json_t *list = json_array(), *rest = json_array();
    const char *what, *owner;
    const void *impl;
    char of[160];
    size_t i;
    int k;

    for (k = 0; k < SPN_POINT_COUNT; k++)
        for (i = 0; (impl = registry_at((enum spn_point)k, i, &what, &owner)) != NULL; i++) {
            table = registry_options((enum spn_point)k, impl);
            if (strcmp(owner, p->name) != 0 || table == NULL)
                continue;
            snprintf(of, sizeof of, "%s %s", point_name((enum spn_point)k), what);
            add_options(rest, table, of);
            if (table == own)
                own = NULL;
        }
    add_options(list, own, "plugin");
    json_array_extend(list, rest);
    json_decref(rest);
    return list;
}

static json_t *plugin_json(const struct plugin *p, struct spn_buf *words)
{
    const struct spn_plugin *d = &p->desc;

    if (!p->loaded)
        return json_pack("{s:s, s:b, s:s, s:s}", "name", p->name, "loaded", 0, "path", p->path,
                         "why_not", p->why_not);
    return json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "name", p->name,
                     "loaded", 1, "path", p->path, "summary", d->summary, "version", d->version,
                     "licence", d->licence, "papers", d->papers, "needs", d->needs, "registers",
                     registered(p->name, words), "options", all_options(p));
}

static spn_status describe(const struct plugin *p, struct spn_job *job, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20), words = SPN_BUF_INIT(1 << 16);
    const struct spn_plugin *d = &p->desc;
    json_t *o = plugin_json(p, &words), *one;
    const char *of = "";
    spn_status st;
    size_t i;

    if (p->loaded) {
        spn_buf_printf(&b, "%s - %s\nversion %s, %s\nfile %s\n", p->name, d->summary, d->version,
                       d->licence, p->path);
        spn_buf_printf(&b, "papers %s\nneeds %s\nregisters %s\n",
                       d->papers[0] != '\0' ? d->papers : "none",
                       d->needs[0] != '\0' ? d->needs : "nothing",
                       words.data != NULL ? words.data : "nothing");
        json_array_foreach(json_object_get(o, "options"), i, one) {
            const char *whose = json_string_value(json_object_get(one, "of"));

            if (strcmp(whose, of) != 0)
                spn_buf_printf(&b, "\noptions of %s\n", whose);
            of = whose;
            spn_buf_printf(&b, "  %s=%s\t%s\n", json_string_value(json_object_get(one, "name")),
                           json_string_value(json_object_get(one, "default")),
                           json_string_value(json_object_get(one, "help")));
        }
    } else {
        spn_buf_printf(&b, "%s: not loaded\n%s\n", p->name, p->why_not);
    }
    st = o == NULL ? spn_fail(err, SPN_EFORMAT, "%s: its descriptor is not UTF-8 text", p->path)
                   : table_job.emit(job, o, b.data, err);
    spn_buf_free(&b);
    spn_buf_free(&words);
    return st;
}

static spn_status list_all(struct spn_job *job, struct spn_err *err)
{
    static const char *const heads[] = { "NAME", "STATE", "REGISTERS", "SUMMARY" };
    struct listing l;
    spn_status st = SPN_OK, end;
    size_t i;

    listing_begin(&l, job, heads, 4);
    for (i = 0; st == SPN_OK && i < plugins_count(); i++) {
        const struct plugin *p = plugins_at(i);
        struct spn_buf words = SPN_BUF_INIT(1 << 16);
        json_t *o = plugin_json(p, &words);
        const char *cells[] = { p->name, p->loaded ? "loaded" : "refused", words.data,
                                p->loaded ? p->desc.summary : p->why_not };

        st = listing_row(&l, o, cells, err);
        spn_buf_free(&words);
    }
    end = listing_end(&l, st == SPN_OK ? err : NULL);
    return st != SPN_OK ? st : end;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    size_t i;

    if (argc == 0)
        return list_all(job, err);
    for (i = 0; i < plugins_count(); i++)
        if (strcmp(plugins_at(i)->name, argv[0]) == 0)
            return describe(plugins_at(i), job, err);
    spn_fail(err, SPN_ENOTFOUND, "%s: there is no such plugin", argv[0]);
    return spn_cure(err, "spinney plugins");
}

const struct spn_command command_plugins = {
    .summary = "plugins that were found, and why one was refused",
    .usage = "plugins [NAME] [--json]",
    .details = "One row a plugin file: name, loaded or refused, what it registers, what it is for. "
               "With a name: its version, file,\n"
               "papers, needs and options.\n\n"
               "Folders are searched in this order, and the first file of a name is taken: "
               "--plugin-dir, $SPINNEY_PLUGIN_PATH,\n"
               "$LTDL_LIBRARY_PATH, $XDG_DATA_HOME/spinney/plugins, the folder installed with the "
               "program.",
    .examples = "spinney plugins\nspinney plugins --json\n",
    .arguments_max = 1,
    .run = run,
};
