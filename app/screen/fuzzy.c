#include "config.h"

#include "screen/fuzzy.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

int fuzzy_score(const char *word, const char *typed)
{
    const char *whole = strcasestr(word, typed), *p = word;
    int score = *typed == '\0' || whole == NULL ? 0 : whole == word ? 40 : 20, run = 0;

    for (; *typed != '\0'; typed++) {
        int want = tolower((unsigned char)*typed);

        while (*p != '\0' && tolower((unsigned char)*p) != want) {
            p++;
            run = 0;
        }
        if (*p == '\0')
            return -1;
        score += 1 + 3 * run;
        if (p == word)
            score += 12;
        else if (!isalnum((unsigned char)p[-1]))
            score += 8;
        run++;
        p++;
    }
    if (*p == '\0')
        score += 4; /* nothing left over */
    return score;
}

static int better(const void *a, const void *b)
{
    const struct fuzzy_item *x = a, *y = b;

    return x->score != y->score ? y->score - x->score
                                : (x->order > y->order) - (x->order < y->order);
}

void fuzzy_collect(struct fuzzy_list *l, const char *lines, const char *typed)
{
    *l = (struct fuzzy_list){ 0 };
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n"), k = 0;
        char *word;
        int score;

        while (k < n && lines[k] != '\t')
            k++;
        word = spn_strndup(lines, k);
        score = word != NULL && k > 0 ? fuzzy_score(word, typed) : -1;
        if (score >= 0) {
            struct fuzzy_item *grown = spn_realloc(l->item, l->n + 1, sizeof *grown);

            if (grown != NULL) {
                l->item = grown;
                grown[l->n] =
                    (struct fuzzy_item){ word, spn_strndup(lines + k + (k < n), n - k - (k < n)),
                                         score, l->n };
                l->n++;
                word = NULL;
            }
        }
        spn_free(word);
        lines += n + (lines[n] == '\n');
    }
    if (l->n > 0)
        qsort(l->item, l->n, sizeof *l->item, better);
}

void fuzzy_free(struct fuzzy_list *l)
{
    size_t i;

    for (i = 0; i < l->n; i++) {
        spn_free(l->item[i].word);
        spn_free(l->item[i].what);
    }
    spn_free(l->item);
    *l = (struct fuzzy_list){ 0 };
}

void fuzzy_paths(const char *path, struct spn_buf *out)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    char *dir = slash == NULL   ? spn_strdup(".")
                : slash == path ? spn_strdup("/")
                                : spn_strndup(path, (size_t)(slash - path));
    DIR *d = dir != NULL ? opendir(dir) : NULL;
    struct dirent *e;
    int left = 500;

    while (d != NULL && left > 0 && (e = readdir(d)) != NULL) {
        char *whole;

        if (strncmp(e->d_name, base, strlen(base)) != 0 ||
            (e->d_name[0] == '.' && base[0] != '.') || strpbrk(e->d_name, "\n\t") != NULL)
            continue;
        whole = spn_path_join(dir, e->d_name);
        spn_buf_add(out, path, (size_t)(base - path));
        spn_buf_printf(out, "%s%s\n", e->d_name,
                       whole != NULL && spn_path_is_dir(whole) ? "/" : "");
        spn_free(whole);
        left--;
    }
    if (d != NULL)
        closedir(d);
    spn_free(dir);
}
