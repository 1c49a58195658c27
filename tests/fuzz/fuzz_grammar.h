/* fuzz_grammar.h - a grammar that was taken is walked along some bytes. */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H
#include <stdlib.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "text/grammar.h"

static void fuzz_grammar(const char *gbnf, size_t n, const char *text, size_t n_text)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_grammar *g = NULL;
    int32_t state = SPN_GRAMMAR_START;
    bool fine = true;

    if (spn_grammar_new(&g, gbnf, n, NULL, &err) != SPN_OK) {
        /* A refusal without a sentence is a finding. */
        if (g != NULL || err.code == SPN_EINTERNAL || err.text[0] == '\0')
            abort();
        return;
    }
    for (size_t i = 0; i < n_text && fine; i++) {
        if (spn_grammar_bytes(g, &state, text + i, 1, &fine, &err) != SPN_OK)
            break;
        spn_grammar_may_end(g, state);
    }
    spn_grammar_free(g);
}

#endif
