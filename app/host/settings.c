#include "config.h"

#include "host/settings.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"

#define FILE_CEILING (1 << 20)
#define SETTINGS_MAX 1024

struct setting {
    const char *key, *value;
    int line;
};

static char *text, *file_name;
static struct setting settings[SETTINGS_MAX];
static size_t n_settings;

static char *trim(char *s)
{
    char *end;

    s += strspn(s, " \t\r");
    end = s + strlen(s);
    while (end > s && strchr(" \t\r", end[-1]) != NULL)
        end--;
    *end = '\0';
    return s;
}

static spn_status take_line(char *line, int number, struct spn_err *err)
{
    char *eq, *key, *value, *p;

    line = trim(line);
    if (*line == '\0' || *line == '#')
        return SPN_OK;
    eq = strchr(line, '=');
    if (eq == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: \"%.80s\" has no \"=\"", file_name, number, line);
    *eq = '\0';
    key = trim(line);
    value = trim(eq + 1);
    for (p = key; *p != '\0'; p++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.", *p) == NULL)
            return spn_fail(err, SPN_EFORMAT,
                            "%s:%d: \"%.80s\" is no key: letters a-z, digits, dots and dashes",
                            file_name, number, key);
    }
    if (*key == '\0')
        return spn_fail(err, SPN_EFORMAT, "%s:%d: no key before \"=\"", file_name, number);
    if (n_settings == SETTINGS_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: more than %d settings", file_name, number,
                        SETTINGS_MAX);
    settings[n_settings++] = (struct setting){ key, value, number };
    return SPN_OK;
}

/* Read the file FILE_NAME. */
static spn_status read_file(struct spn_err *err)
{
    spn_status st = spn_file_read(&text, NULL, file_name, FILE_CEILING, err);
    char *line = text;
    int number = 0;

    while (st == SPN_OK && line != NULL && *line != '\0') {
        char *end = line + strcspn(line, "\n"), *next = *end != '\0' ? end + 1 : end;

        *end = '\0';
        st = take_line(line, ++number, err);
        line = next;
    }
    return st;
}

spn_status settings_load(struct spn_err *err)
{
    settings_end();
    if (paths()->config_home == NULL)
        return SPN_OK;
    file_name = spn_path_join(paths()->config_home, "spinneyrc");
    if (file_name == NULL)
        return spn_fail(err, SPN_ENOMEM, "spinneyrc: no memory");
    return spn_path_exists(file_name) ? read_file(err) : SPN_OK;
}

spn_status settings_load_from(const char *path, struct spn_err *err)
{
    settings_end();
    file_name = spn_strdup(path);
    if (file_name == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    return read_file(err);
}

void settings_end(void)
{
    spn_free(text);
    spn_free(file_name);
    text = file_name = NULL;
    n_settings = 0;
}

const char *settings_get(const char *key)
{
    size_t i;

    for (i = n_settings; i-- > 0;)
        if (strcmp(settings[i].key, key) == 0)
            return settings[i].value;
    return NULL;
}

const char *settings_at(size_t i, const char **value)
{
    if (i >= n_settings)
        return NULL;
    *value = settings[i].value;
    return settings[i].key;
}

static spn_status set(struct spn_values *v, const struct setting *s, const char *name,
                      struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    spn_status st = spn_values_set(v, name, s->value, &why);

    if (st != SPN_OK)
        return spn_fail(err, st, "%s:%d: %s: %s", file_name, s->line, s->key, why.text);
    return SPN_OK;
}

spn_status settings_apply(struct spn_values *v, const char *prefix, struct spn_err *err)
{
    size_t i, n = strlen(prefix);
    spn_status st = SPN_OK;

    for (i = 0; st == SPN_OK && i < n_settings; i++)
        if (strncmp(settings[i].key, prefix, n) == 0 && settings[i].key[n] == '.')
            st = set(v, &settings[i], settings[i].key + n + 1, err);
    return st;
}

spn_status settings_apply_common(struct spn_values *v, const struct spn_option *a,
                                 const struct spn_option *b, struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < n_settings; i++) {
        const char *key = settings[i].key;
        size_t n = strlen(key);

        if ((spn_option_find(a, key, n) != NULL || spn_option_find(b, key, n) != NULL) &&
            spn_option_find(spn_values_table(v), key, n) != NULL)
            st = set(v, &settings[i], key, err);
    }
    return st;
}
