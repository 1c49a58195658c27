#include "config.h"

#include "engine/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/module.h"

static const struct spn_net_module *module;
static char place[4096], name[128];

void net_configure(const char *path)
{
    snprintf(place, sizeof place, "%s", path);
}

const char *net_name(void)
{
    return name;
}

spn_status net_module(const struct spn_net_module **out, struct spn_err *err)
{
    struct spn_module_head want = { sizeof *module, SPN_NET_ABI };
    struct spn_err why = SPN_ERR_INIT;
    const void *opened = NULL;

    if (module == NULL) {
        if (place[0] == '\0' || !spn_path_exists(place))
            return spn_fail(err, SPN_EIO,
                            "remote engines need the module spn_net, which is not installed: "
                            "configure makes it where it finds libcurl");
        if (spn_module_open(&opened, "spn_net", place, want, &why) != SPN_OK)
            return spn_fail(err, SPN_EIO, "%s", why.text);
        module = opened;
        if (!module->start(name, sizeof name)) {
            module = NULL;
            return spn_fail(err, SPN_EIO, "spn_net: libcurl does not start");
        }
    }
    *out = module;
    return SPN_OK;
}

/* ---- addresses ---- */

bool net_is_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

size_t net_origin(const char *url)
{
    const char *host = strstr(url, "://");

    host = host != NULL ? host + 3 : url;
    return (size_t)(host - url) + strcspn(host, "/?#");
}

spn_status net_base(char **base, char **model, const char *url, struct spn_err *err)
{
    size_t origin = net_origin(url), n = strcspn(url, "?#"),
           host = (size_t)(strstr(url, "://") != NULL ? strstr(url, "://") + 3 - url : 0);
    const char *named = strchr(url, '#');
    char *b, *m = NULL;

    if (!net_is_url(url) || origin == host || url[host] == ':')
        return spn_fail(err, SPN_EUSAGE, "\"%.200s\" is no address: http://HOST:PORT/v1", url);
    for (const char *p = url; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return spn_fail(err, SPN_EUSAGE, "the address of a server has a blank in it");
    if (memchr(url + host, '@', origin - host) != NULL) {
        spn_fail(err, SPN_EUSAGE, "an address with a name and password in it is seen by others");
        spn_cure(err, "SPINNEY_API_KEY=…, or remote:key-file=FILE");
        return SPN_EUSAGE;
    }
    while (n > origin && url[n - 1] == '/')
        n--;
    b = spn_calloc(n + 4, 1);
    if (named != NULL && named[1] != '\0')
        m = spn_strdup(named + 1);
    if (b == NULL || (named != NULL && named[1] != '\0' && m == NULL)) {
        spn_free(b);
        return spn_fail(err, SPN_ENOMEM, "no memory for the address of a server");
    }
    memcpy(b, url, n);
    if (n == origin)
        memcpy(b + n, "/v1", 3);
    *base = b;
    if (model != NULL)
        *model = m;
    else
        spn_free(m);
    return SPN_OK;
}

bool net_may_follow(const char *from, const char *to)
{
    size_t n = net_origin(from), k = net_origin(to);
    const char *a = strstr(from, "://"), *b = strstr(to, "://");

    if (n == k && strncasecmp(from, to, n) == 0)
        return true;
    if (a == NULL || b == NULL || strncasecmp(from, "http://", 7) != 0 ||
        strncasecmp(to, "https://", 8) != 0)
        return false;
    a += 3;
    b += 3;
    n = strcspn(a, ":/?#");
    k = strcspn(b, ":/?#");
    return n == k && strncasecmp(a, b, n) == 0;
}

/* ---- keys ---- */

/* A key is one word of visible ASCII: nothing that could end a header's line. */
static bool good_key(const char *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isgraph((unsigned char)k[i]))
            return false;
    return n > 0;
}

static spn_status key_of_line(char **key, const char *base, bool mine, char *line, const char *path,
                              struct spn_err *err)
{
    char *rest = NULL, *first = strtok_r(line, " \t\r", &rest),
         *second = first != NULL ? strtok_r(NULL, " \t\r", &rest) : NULL;
    const char *found = NULL;

    if (first == NULL || first[0] == '#')
        return SPN_OK;
    if (second == NULL)
        found = mine ? first : NULL;
    else if (strlen(first) == net_origin(base) && strncasecmp(first, base, net_origin(base)) == 0)
        found = second;
    if (found == NULL || *key != NULL)
        return SPN_OK;
    if (!good_key(found, strlen(found)))
        return spn_fail(err, SPN_EUSAGE, "%s: a key has characters that no key has", path);
    *key = spn_strdup(found);
    return *key != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory for a key", path);
}

static spn_status key_of_file(char **key, const char *base, bool mine, const char *path,
                              struct spn_err *err)
{
    char *text = NULL, *next = NULL;
    struct stat s;
    spn_status st;

    if (stat(path, &s) != 0)
        return spn_fail(err, SPN_ENOTFOUND, "%s: %s", path, strerror(errno));
    if ((s.st_mode & 077) != 0) {
        spn_fail(err, SPN_EUSAGE, "%s: others may read this key, its mode is %03o", path,
                 (unsigned)(s.st_mode & 0777));
        spn_cure(err, "chmod 600 %s", path);
        return SPN_EUSAGE;
    }
    st = spn_file_read(&text, NULL, path, 1 << 16, err);
    for (char *line = st == SPN_OK ? strtok_r(text, "\n", &next) : NULL;
         st == SPN_OK && line != NULL; line = strtok_r(NULL, "\n", &next))
        st = key_of_line(key, base, mine, line, path, err);
    spn_free(text);
    return st;
}

spn_status net_key(char **key, const char *base, bool mine, const char *environment,
                   const char *path, struct spn_err *err)
{
    const char *set = environment != NULL ? getenv(environment) : NULL;

    *key = NULL;
    if (mine && set != NULL && set[0] != '\0') {
        if (!good_key(set, strlen(set)))
            return spn_fail(err, SPN_EUSAGE, "%s: the key has characters that no key has",
                            environment);
        *key = spn_strdup(set);
        return *key != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "no memory for a key");
    }
    return path != NULL ? key_of_file(key, base, mine, path, err) : SPN_OK;
}
