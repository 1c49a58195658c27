/* search.c - paragraphs of the text files of a folder, ranked by BM25 (k1 1.2, b 0.75). */
#include "config.h"

#include "tools.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

#define DEPTH_MAX     16
#define FILES_MAX     20000
#define FILE_MAX      ((size_t)4 << 20)
#define HITS_MAX      100000
#define WORDS_MAX     16   /* of a query */
#define PARAGRAPH_MAX 1500 /* bytes shown */

struct hit { /* a paragraph with a word of the query */
    char *text;
    size_t words, line;
    int count[WORDS_MAX];
    double score;
};
struct looking {
    const char *word[WORDS_MAX];
    size_t length[WORDS_MAX], n;
    size_t root_length, files, paragraphs, words; /* seen in all */
    struct hit *hit;
    size_t n_hits, room;
};

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static void read_query(struct looking *l, const char *query)
{
    for (const char *s = query; *s != '\0' && l->n < WORDS_MAX;) {
        size_t n = 0;
        bool known = false;

        while (in_word(s[n]))
            n++;
        for (size_t i = 0; i < l->n; i++)
            known |= l->length[i] == n && strncasecmp(l->word[i], s, n) == 0;
        if (n > 0 && !known) {
            l->word[l->n] = s;
            l->length[l->n++] = n;
        }
        s += n > 0 ? n : 1;
    }
}

/* Count the words of TEXT[0..n), and those of the query. */
static bool count(const struct looking *l, const char *text, size_t n, struct hit *h)
{
    bool any = false;

    for (size_t i = 0; i < n;) {
        size_t w = 0;

        while (i + w < n && in_word(text[i + w]))
            w++;
        for (size_t k = 0; w > 0 && k < l->n; k++)
            if (l->length[k] == w && strncasecmp(l->word[k], text + i, w) == 0) {
                h->count[k]++;
                any = true;
            }
        h->words += w > 0;
        i += w > 0 ? w : 1;
    }
    return any;
}

static spn_status add_hit(struct looking *l, struct hit h, const char *path, const char *text,
                          size_t n, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    if (l->n_hits == HITS_MAX)
        return SPN_OK;
    if (l->n_hits == l->room) {
        size_t room = l->room == 0 ? 64 : 2 * l->room;
        struct hit *bigger = spn_realloc(l->hit, room, sizeof *bigger);

        if (bigger == NULL)
            return spn_fail(err, SPN_ENOMEM, "search: no memory for %zu paragraphs", room);
        l->hit = bigger;
        l->room = room;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    spn_buf_printf(&b, "%s:%zu: ", path + l->root_length, h.line);
    spn_buf_add(&b, text, n < PARAGRAPH_MAX ? n : PARAGRAPH_MAX);
    if (n > PARAGRAPH_MAX)
        spn_buf_puts(&b, " [cut]");
    if (b.failed) {
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "search: no memory for a paragraph");
    }
    h.text = spn_buf_steal(&b);
    l->hit[l->n_hits++] = h;
    return SPN_OK;
}

/* Paragraphs end at a blank line. */
static spn_status look_at_text(struct looking *l, const char *path, const char *text, size_t length,
                               struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t line = 1;

    for (size_t at = 0; at < length && st == SPN_OK;) {
        const char *end = memmem(text + at, length - at, "\n\n", 2);
        size_t n = end != NULL ? (size_t)(end - text) - at : length - at;
        struct hit h = { .line = line };

        while (n > 0 && text[at] == '\n') {
            at++;
            n--;
            h.line = ++line;
        }
        if (n > 0) {
            bool any = count(l, text + at, n, &h);

            l->paragraphs++;
            l->words += h.words;
            if (any)
                st = add_hit(l, h, path, text + at, n, err);
        }
        for (size_t i = at; i < at + n; i++)
            line += text[i] == '\n';
        at += n;
        if (end != NULL) {
            at += 2;
            line += 2;
        }
    }
    return st;
}

static spn_status look_at_file(struct looking *l, const char *path, struct spn_err *err)
{
    char *text = NULL;
    size_t n = 0;
    spn_status st = spn_file_read(&text, &n, path, FILE_MAX, NULL);

    /* What cannot be read, is long or is no text is passed over. */
    if (st == SPN_ENOMEM)
        return spn_fail(err, SPN_ENOMEM, "search: no memory for %s", path);
    if (st == SPN_OK && memchr(text, '\0', n) == NULL)
        st = look_at_text(l, path, text, n, err);
    else
        st = SPN_OK;
    spn_free(text);
    return st;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static spn_status look_in(struct looking *l, const char *dir, int depth, struct spn_err *err)
{
    struct dirent **name = NULL;
    int n = depth < DEPTH_MAX ? scandir(dir, &name, visible, alphasort) : 0;
    spn_status st = SPN_OK;

    for (int i = 0; i < n; i++) {
        char *path = st == SPN_OK ? spn_path_join(dir, name[i]->d_name) : NULL;
        struct stat s;

        if (st == SPN_OK && path == NULL)
            st = spn_fail(err, SPN_ENOMEM, "search: no memory for a path");
        if (path != NULL && l->files < FILES_MAX && lstat(path, &s) == 0) {
            if (S_ISDIR(s.st_mode)) {
                st = look_in(l, path, depth + 1, err);
            } else if (S_ISREG(s.st_mode) && s.st_size <= (off_t)FILE_MAX) {
                l->files++;
                st = look_at_file(l, path, err);
            }
        }
        spn_free(path);
        free(name[i]);
    }
    free(name);
    return st;
}

static void rate(struct looking *l)
{
    double mean = l->paragraphs > 0 ? (double)l->words / (double)l->paragraphs : 1;
    double idf[WORDS_MAX];

    for (size_t k = 0; k < l->n; k++) {
        double held = 0;

        for (size_t i = 0; i < l->n_hits; i++)
            held += l->hit[i].count[k] > 0;
        idf[k] = log(1 + ((double)l->paragraphs - held + 0.5) / (held + 0.5));
    }
    for (size_t i = 0; i < l->n_hits; i++) {
        struct hit *h = &l->hit[i];

        for (size_t k = 0; k < l->n; k++)
            h->score += idf[k] * h->count[k] * 2.2 /
                        (h->count[k] + 1.2 * (0.25 + 0.75 * (double)h->words / mean));
    }
}

spn_status tools_search(const char *root, const char *query, size_t most, struct spn_buf *out,
                        struct spn_err *err)
{
    struct looking l = { .root_length =
                             strlen(root) + (root[0] == '\0' || root[strlen(root) - 1] != '/') };
    spn_status st;

    if (!spn_path_is_dir(root))
        return spn_fail(err, SPN_ENOTFOUND, "search: %s: no such folder", root);
    read_query(&l, query);
    st = l.n > 0 ? look_in(&l, root, 0, err)
                 : spn_fail(err, SPN_EUSAGE, "search: no word in \"%.60s\"", query);
    if (st == SPN_OK)
        rate(&l);
    if (st == SPN_OK && l.n_hits == 0)
        st = spn_fail(err, SPN_ENOTFOUND,
                      "search: nothing in %zu files of %s has a word of \"%.60s\"", l.files, root,
                      query);
    for (size_t shown = 0; shown < most && shown < l.n_hits && st == SPN_OK; shown++) {
        size_t best = 0;

        for (size_t i = 1; i < l.n_hits; i++)
            if (l.hit[i].score > l.hit[best].score)
                best = i;
        spn_buf_printf(out, "%s%s", shown > 0 ? "\n\n" : "", l.hit[best].text);
        l.hit[best].score = -1;
    }
    if (st == SPN_OK && out->failed)
        st = spn_fail(err, SPN_ENOMEM, "search: no memory for what was found");
    for (size_t i = 0; i < l.n_hits; i++)
        spn_free(l.hit[i].text);
    spn_free(l.hit);
    return st;
}
