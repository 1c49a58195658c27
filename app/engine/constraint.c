/* constraint.c - see constraint.h. */
#include "config.h"

#include "engine/constraint.h"

#include <string.h>

#include "base/mem.h"

enum { KEPT_MAX = 16 };

struct constraint {
    struct constraint *next; /* the latest used first */
    struct spn_grammar *grammar;
    char *text;
    bool schema;
    int held;
};
struct constraints {
    struct spn_grammar_words *words;
    struct constraint *first;
};

static void constraint_free(struct constraint *c)
{
    spn_grammar_free(c->grammar);
    spn_free(c->text);
    spn_free(c);
}

void constraints_free(struct constraints *c)
{
    if (c == NULL)
        return;
    while (c->first != NULL) {
        struct constraint *k = c->first;

        c->first = k->next;
        constraint_free(k);
    }
    spn_grammar_words_free(c->words);
    spn_free(c);
}

void constraint_drop(struct constraint *c)
{
    if (c != NULL)
        c->held--;
}

static spn_status compile(struct constraint *k, const struct spn_grammar_words *words,
                          struct spn_err *err)
{
    struct spn_buf gbnf = SPN_BUF_INIT((size_t)64 << 20);
    spn_status st;

    if (!k->schema)
        return spn_grammar_new(&k->grammar, k->text, strlen(k->text), words, err);
    st = spn_grammar_from_schema(&gbnf, k->text, strlen(k->text), err);
    if (st == SPN_OK)
        st = spn_grammar_new(&k->grammar, gbnf.data, gbnf.length, words, err);
    spn_buf_free(&gbnf);
    return st;
}

/* Those that were not used for longest go, but for what a request holds. */
static void forget(struct constraints *c)
{
    struct constraint **at = &c->first;

    for (int n = 0; *at != NULL;) {
        struct constraint *k = *at;

        if (n++ < KEPT_MAX || k->held > 0) {
            at = &k->next;
        } else {
            *at = k->next;
            constraint_free(k);
        }
    }
}

static spn_status make(struct constraints *c, const char *text, bool schema,
                       struct constraint **out, struct spn_err *err)
{
    struct constraint *k = spn_calloc(1, sizeof *k);
    spn_status st;

    if (k == NULL || (k->text = spn_strdup(text)) == NULL) {
        spn_free(k);
        return spn_fail(err, SPN_ENOMEM, "no memory for a grammar");
    }
    k->schema = schema;
    st = compile(k, c->words, err);
    if (st == SPN_OK)
        *out = k;
    else
        constraint_free(k);
    return st;
}

spn_status constraints_find(struct constraints **c, const struct spn_tokenizer *tok,
                            const char *gbnf, const char *schema, struct constraint **hold,
                            struct spn_grammar **out, struct spn_err *err)
{
    const char *text = gbnf != NULL ? gbnf : schema;
    struct constraint **at, *k;
    spn_status st = SPN_OK;

    *hold = NULL;
    *out = NULL;
    if (text == NULL)
        return SPN_OK;
    if (gbnf != NULL && schema != NULL)
        return spn_fail(err, SPN_EUSAGE, "a request has a grammar and a JSON schema; one is taken");
    if (*c == NULL && (*c = spn_calloc(1, sizeof **c)) == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a grammar");
    if ((*c)->words == NULL)
        st = spn_grammar_words_new(&(*c)->words, tok, spn_token_count(tok), err);
    for (at = &(*c)->first; *at != NULL; at = &(*at)->next)
        if ((*at)->schema == (schema != NULL) && strcmp((*at)->text, text) == 0)
            break;
    k = *at;
    if (st == SPN_OK && k != NULL)
        *at = k->next;
    else if (st == SPN_OK)
        st = make(*c, text, schema != NULL, &k, err);
    if (st != SPN_OK)
        return st;
    k->next = (*c)->first;
    (*c)->first = k;
    k->held++;
    forget(*c);
    *hold = k;
    *out = k->grammar;
    return SPN_OK;
}
