/* bank.c - TF-IDF over a few questions: term frequency times ln((1 + N) / (1 + df)) + 1. */
#include "config.h"

#include "bank.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX  ((size_t)16 << 20)
#define BANK_MAX  4096
#define TERMS_MAX 4096 /* distinct words of a question */

struct term {
    const char *word;
    size_t n;
    double count, weight;
};
struct terms {
    struct term item[TERMS_MAX];
    size_t n;
};

void bank_free(struct bank *b)
{
    for (size_t i = 0; i < b->n; i++) {
        spn_free(b->item[i].question);
        spn_free(b->item[i].answer);
    }
    spn_free(b->item);
    *b = (struct bank){ NULL, 0 };
}

static spn_status add(struct bank *b, const char *line, size_t n, const char *path, int number,
                      struct spn_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(line, n, 0, &why);
    const char *question = json_string_value(json_object_get(o, "question"));
    const char *answer = json_string_value(json_object_get(o, "answer"));
    struct bank_example *bigger;
    spn_status st = SPN_OK;

    if (question == NULL || answer == NULL || b->n == BANK_MAX) {
        st = spn_fail(err, SPN_EFORMAT, "%s:%d: %s", path, number,
                      o == NULL          ? why.text
                      : b->n == BANK_MAX ? "more than 4096 examples"
                                         : "an example has \"question\" and \"answer\", both text");
        json_decref(o);
        return st;
    }
    bigger = spn_realloc(b->item, b->n + 1, sizeof *bigger);
    if (bigger != NULL) {
        b->item = bigger;
        b->item[b->n++] = (struct bank_example){ spn_strdup(question), spn_strdup(answer), 0 };
    }
    if (bigger == NULL || b->item[b->n - 1].question == NULL || b->item[b->n - 1].answer == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu examples", path, b->n + 1);
    json_decref(o);
    return st;
}

spn_status bank_load(struct bank *b, const char *path, struct spn_err *err)
{
    char *text = NULL;
    int number = 0;
    spn_status st = spn_file_read(&text, NULL, path, FILE_MAX, err);

    *b = (struct bank){ NULL, 0 };
    for (const char *s = text; st == SPN_OK && *s != '\0';) {
        size_t n = strcspn(s, "\n");

        number++;
        if (strspn(s, " \t\r") < n)
            st = add(b, s, n, path, number, err);
        s += n + (s[n] == '\n');
    }
    spn_free(text);
    if (st != SPN_OK)
        bank_free(b);
    return st;
}

static struct term *find(struct terms *t, const char *word, size_t n)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->item[i].n == n && strncasecmp(t->item[i].word, word, n) == 0)
            return &t->item[i];
    return NULL;
}

static void count(struct terms *t, const char *text)
{
    t->n = 0;
    for (const char *s = text; *s != '\0';) {
        size_t n = 0;
        struct term *x;

        while (isalnum((unsigned char)s[n]))
            n++;
        if (n == 0) {
            s++;
            continue;
        }
        x = find(t, s, n);
        if (x == NULL && t->n < TERMS_MAX) {
            x = &t->item[t->n++];
            *x = (struct term){ s, n, 0, 0 };
        }
        if (x != NULL)
            x->count++;
        s += n;
    }
}

/* Questions of the bank that have the word of X. */
static size_t holders(const struct bank *b, const struct term *x, struct terms *scratch)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        count(scratch, b->item[i].question);
        n += find(scratch, x->word, x->n) != NULL;
    }
    return n;
}

static void weigh(const struct bank *b, struct terms *t, const struct terms *question,
                  struct terms *scratch)
{
    for (size_t i = 0; i < t->n; i++) {
        struct term *x = &t->item[i];
        bool asked = find((struct terms *)question, x->word, x->n) != NULL;
        double df = (double)(holders(b, x, scratch) + asked);

        x->weight = x->count * (log((2 + (double)b->n) / (1 + df)) + 1);
    }
}

static double cosine(struct terms *a, struct terms *b)
{
    double dot = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct term *y = find(b, a->item[i].word, a->item[i].n);

        aa += a->item[i].weight * a->item[i].weight;
        if (y != NULL)
            dot += a->item[i].weight * y->weight;
    }
    for (size_t i = 0; i < b->n; i++)
        bb += b->item[i].weight * b->item[i].weight;
    return aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
}

spn_status bank_sort(struct bank *b, const char *question, struct spn_err *err)
{
    struct terms *t = spn_calloc(3, sizeof *t);

    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "bank: no memory for the words of a question");
    count(&t[0], question);
    weigh(b, &t[0], &t[0], &t[2]);
    for (size_t i = 0; i < b->n; i++) {
        count(&t[1], b->item[i].question);
        weigh(b, &t[1], &t[0], &t[2]);
        b->item[i].likeness = cosine(&t[0], &t[1]);
    }
    spn_free(t);
    for (size_t i = 1; i < b->n; i++) {
        struct bank_example x = b->item[i];
        size_t k = i;

        for (; k > 0 && b->item[k - 1].likeness < x.likeness; k--)
            b->item[k] = b->item[k - 1];
        b->item[k] = x;
    }
    return SPN_OK;
}
