/* grammar.c - a grammar walked byte by byte, and the tokens that may come next.
 *
 * A place in the grammar is a set of stacks; a stack is an item to match and what follows behind
 * its rule. Stacks and sets are interned, so a place is a number, and its transitions by byte are
 * remembered: a lazily made automaton. The tokens allowed at a place come from one walk over the
 * vocabulary in the order of its bytes, which skips all that share a prefix that cannot be.
 */
#include "config.h"

#include "text/grammar.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_rules.h"

enum {
    STATES_MAX = 60000,
    STACKS_MAX = 1 << 20, /* kept */
    SET_MAX = 20000,      /* stacks of one place */
    MASK_BYTES_MAX = 256 << 20
};
enum { NOT_YET = -2, DEAD = -1 };

struct spn_grammar_words {
    const struct spn_tokenizer *tok;
    int32_t n_vocab, n; /* N: tokens that have bytes */
    int32_t *id;        /* in the order of their bytes */
    size_t *offset;     /* [n_vocab + 1] by id */
    char *bytes;
    uint32_t *shared;   /* bytes in common with the one before */
};
struct stack {
    int32_t item, below; /* BELOW -1: nothing */
    int32_t next;        /* of the same hash */
};
struct state {
    int32_t *stack;      /* sorted */
    int32_t n, next_same;
    int32_t *to;         /* [256], NULL: none looked at yet */
    uint64_t *mask;
    bool may_end;
};
struct spn_grammar {
    pthread_mutex_t lock;
    struct g_rules rules;
    const struct spn_grammar_words *words;
    struct stack *stack;
    size_t n_stack, stack_room;
    int32_t stack_slot[1 << 14];
    struct state *state;
    size_t n_state, state_room;
    int32_t state_slot[1 << 14];
    size_t mask_bytes;
    int32_t *set, *work; /* [SET_MAX] of the closure under way */
    int32_t *seen;       /* [stack_room] the closure that met a stack last */
    int32_t n_set, closure;
    int32_t *path;       /* places along a token's bytes */
    bool may_end;
};

/* ---- words ---- */

struct word {
    const char *s;
    size_t n;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

    return order != 0    ? order
           : x->n < y->n ? -1
           : x->n > y->n ? 1
                         : (x->id > y->id) - (x->id < y->id);
}

void spn_grammar_words_free(struct spn_grammar_words *w)
{
    if (w == NULL)
        return;
    spn_free(w->id);
    spn_free(w->offset);
    spn_free(w->bytes);
    spn_free(w->shared);
    spn_free(w);
}

static spn_status collect(struct spn_grammar_words *w, struct spn_buf *bytes, struct spn_err *err)
{
    for (int32_t id = 0; id < w->n_vocab; id++) {
        struct spn_detok d;

        w->offset[id] = bytes->length;
        if (id >= spn_token_count(w->tok) || spn_token_ends(w->tok, id) ||
            spn_token_is_control(w->tok, id))
            continue;
        spn_detok_init(&d, w->tok, false);
        d.first = false;
        if (spn_detok_add(&d, id, bytes) != SPN_OK || spn_detok_end(&d, bytes) != SPN_OK)
            return spn_fail(err, SPN_ENOMEM, "grammar: out of memory for the vocabulary");
        w->n += bytes->length > w->offset[id];
    }
    w->offset[w->n_vocab] = bytes->length;
    return SPN_OK;
}

spn_status spn_grammar_words_new(struct spn_grammar_words **out, const struct spn_tokenizer *tok,
                                 int32_t n_vocab, struct spn_err *err)
{
    struct spn_grammar_words *w = spn_calloc(1, sizeof *w);
    struct spn_buf bytes = SPN_BUF_INIT((size_t)1 << 30);
    struct word *word = NULL;
    int32_t k = 0;
    spn_status st = SPN_OK;

    if (w != NULL) {
        w->tok = tok;
        w->n_vocab = n_vocab;
        w->offset = spn_calloc((size_t)n_vocab + 1, sizeof *w->offset);
    }
    if (w == NULL || w->offset == NULL)
        st = spn_fail(err, SPN_ENOMEM, "grammar: out of memory for the vocabulary");
    if (st == SPN_OK)
        st = collect(w, &bytes, err);
    if (st == SPN_OK) {
        w->bytes = spn_buf_steal(&bytes);
        w->id = spn_calloc((size_t)w->n + 1, sizeof *w->id);
        w->shared = spn_calloc((size_t)w->n + 1, sizeof *w->shared);
        word = spn_calloc((size_t)w->n + 1, sizeof *word);
        if (w->bytes == NULL || w->id == NULL || w->shared == NULL || word == NULL)
            st = spn_fail(err, SPN_ENOMEM, "grammar: out of memory for %d tokens", (int)w->n);
    }
    for (int32_t id = 0; id < n_vocab && st == SPN_OK; id++)
        if (w->offset[id + 1] > w->offset[id])
            word[k++] = (struct word){ w->bytes + w->offset[id],
                                       w->offset[id + 1] - w->offset[id], id };
    if (st == SPN_OK) {
        qsort(word, (size_t)k, sizeof *word, by_bytes);
        for (int32_t i = 0; i < k; i++) {
            w->id[i] = word[i].id;
            while (i > 0 && w->shared[i] < word[i].n && w->shared[i] < word[i - 1].n &&
                   word[i].s[w->shared[i]] == word[i - 1].s[w->shared[i]])
                w->shared[i]++;
        }
        *out = w;
    } else {
        spn_grammar_words_free(w);
    }
    spn_free(word);
    spn_buf_free(&bytes);
    return st;
}

/* ---- stacks and places ---- */

static spn_status too_large(struct spn_err *err, const char *what)
{
    return spn_fail(err, SPN_EFORMAT,
                    "grammar: too many %s; a rule that begins with itself has no end", what);
}

static bool room_for(void *items, size_t *room, size_t n, size_t size)
{
    void **at = items, *grown;
    size_t want = *room < 64 ? 64 : *room * 2;

    if (n <= *room)
        return true;
    grown = spn_realloc(*at, want, size);
    if (grown == NULL)
        return false;
    *at = grown;
    *room = want;
    return true;
}

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

    return (uint32_t)(h >> 40);
}

static spn_status intern_stack(struct spn_grammar *g, int32_t item, int32_t below, int32_t *out,
                               struct spn_err *err)
{
    int32_t *slot = &g->stack_slot[mix((uint32_t)item, (uint32_t)below) & ((1 << 14) - 1)];
    size_t room = g->stack_room;

    for (int32_t i = *slot; i >= 0; i = g->stack[i].next)
        if (g->stack[i].item == item && g->stack[i].below == below) {
            *out = i;
            return SPN_OK;
        }
    if (g->n_stack >= STACKS_MAX)
        return too_large(err, "stacks");
    if (!room_for(&g->stack, &g->stack_room, g->n_stack + 1, sizeof *g->stack))
        return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
    if (g->stack_room != room) {
        int32_t *grown = spn_realloc(g->seen, g->stack_room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
        memset(grown + room, 0, (g->stack_room - room) * sizeof *grown);
        g->seen = grown;
    }
    g->stack[g->n_stack] = (struct stack){ item, below, *slot };
    *slot = *out = (int32_t)g->n_stack++;
    return SPN_OK;
}

static spn_status meet(struct spn_grammar *g, int32_t item, int32_t below, int32_t *n_work,
                       struct spn_err *err)
{
    int32_t s;
    spn_status st = intern_stack(g, item, below, &s, err);

    if (st != SPN_OK || g->seen[s] == g->closure)
        return st;
    g->seen[s] = g->closure;
    if (*n_work >= SET_MAX)
        return too_large(err, "ways to go on");
    g->work[(*n_work)++] = s;
    return SPN_OK;
}

/* Everything that the stacks in WORK may match next goes to SET. */
static spn_status close_set(struct spn_grammar *g, int32_t n_work, struct spn_err *err)
{
    spn_status st = SPN_OK;
    int64_t steps = 0;

    while (n_work > 0 && st == SPN_OK) {
        int32_t s = g->work[--n_work], item = g->stack[s].item, below = g->stack[s].below;
        const struct g_item *it = &g->rules.item[item];

        if (++steps > 100 * SET_MAX)
            return too_large(err, "ways to go on");
        if (it->kind == G_BYTES) {
            if (g->n_set >= SET_MAX)
                return too_large(err, "ways to go on");
            g->set[g->n_set++] = s;
        } else if (it->kind == G_END) {
            if (below < 0)
                g->may_end = true;
            else
                st = meet(g, g->stack[below].item, g->stack[below].below, &n_work, err);
        } else {
            int32_t back = below;

            if (it[1].kind != G_END)
                st = intern_stack(g, item + 1, below, &back, err);
            for (int32_t a = g->rules.rule[it->rule].first; a >= 0 && st == SPN_OK;
                 a = g->rules.alt[a].next)
                st = meet(g, g->rules.alt[a].first, back, &n_work, err);
        }
    }
    return st;
}

static int by_number(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The place of the set that was just closed; DEAD when it is empty and no end. */
static spn_status intern_state(struct spn_grammar *g, int32_t *out, struct spn_err *err)
{
    uint32_t h = g->may_end;
    struct state *s;
    int32_t *slot;

    if (g->n_set == 0 && !g->may_end) {
        *out = DEAD;
        return SPN_OK;
    }
    qsort(g->set, (size_t)g->n_set, sizeof *g->set, by_number);
    for (int32_t i = 0; i < g->n_set; i++)
        h = mix(h, (uint32_t)g->set[i]);
    slot = &g->state_slot[h & ((1 << 14) - 1)];
    for (int32_t i = *slot; i >= 0; i = g->state[i].next_same)
        if (g->state[i].n == g->n_set && g->state[i].may_end == g->may_end &&
            (g->n_set == 0 ||
             memcmp(g->state[i].stack, g->set, (size_t)g->n_set * sizeof *g->set) == 0)) {
            *out = i;
            return SPN_OK;
        }
    if (g->n_state >= STATES_MAX)
        return too_large(err, "places");
    if (!room_for(&g->state, &g->state_room, g->n_state + 1, sizeof *g->state))
        return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
    s = &g->state[g->n_state];
    *s = (struct state){ .n = g->n_set, .next_same = *slot, .may_end = g->may_end };
    s->stack = spn_calloc((size_t)g->n_set + 1, sizeof *s->stack);
    if (s->stack == NULL)
        return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
    if (g->n_set > 0)
        memcpy(s->stack, g->set, (size_t)g->n_set * sizeof *g->set);
    *slot = *out = (int32_t)g->n_state++;
    return SPN_OK;
}

static void begin_set(struct spn_grammar *g)
{
    g->n_set = 0;
    g->may_end = false;
    g->closure++;
}

static spn_status step(struct spn_grammar *g, int32_t from, unsigned char byte, int32_t *out,
                       struct spn_err *err)
{
    struct state *s = &g->state[from];
    int32_t n_work = 0;
    spn_status st = SPN_OK;

    if (s->to == NULL) {
        s->to = spn_calloc(256, sizeof *s->to);
        if (s->to == NULL)
            return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
        for (int i = 0; i < 256; i++)
            s->to[i] = NOT_YET;
    }
    if (s->to[byte] != NOT_YET) {
        *out = s->to[byte];
        return SPN_OK;
    }
    begin_set(g);
    for (int32_t i = 0; i < s->n && st == SPN_OK; i++) {
        const struct stack *k = &g->stack[s->stack[i]];
        const struct g_item *it = &g->rules.item[k->item];

        if (byte >= it->lo && byte <= it->hi)
            st = meet(g, k->item + 1, k->below, &n_work, err);
    }
    if (st == SPN_OK)
        st = close_set(g, n_work, err);
    if (st == SPN_OK)
        st = intern_state(g, out, err);
    if (st == SPN_OK)
        g->state[from].to[byte] = *out;
    return st;
}

static spn_status walk(struct spn_grammar *g, int32_t *state, const char *text, size_t n,
                       struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < n && *state >= 0 && st == SPN_OK; i++)
        st = step(g, *state, (unsigned char)text[i], state, err);
    return st;
}

/* ---- opening ---- */

spn_status spn_grammar_new(struct spn_grammar **out, const char *text, size_t n,
                           const struct spn_grammar_words *words, struct spn_err *err)
{
    struct spn_grammar *g = spn_calloc(1, sizeof *g);
    int32_t n_work = 0, start;
    spn_status st;

    if (g == NULL)
        return spn_fail(err, SPN_ENOMEM, "grammar: out of memory");
    pthread_mutex_init(&g->lock, NULL);
    g->words = words;
    memset(g->stack_slot, 0xff, sizeof g->stack_slot);
    memset(g->state_slot, 0xff, sizeof g->state_slot);
    g->set = spn_calloc(SET_MAX, sizeof *g->set);
    g->work = spn_calloc(SET_MAX, sizeof *g->work);
    g->path = spn_calloc((size_t)1 << 16, sizeof *g->path);
    st = g->set == NULL || g->work == NULL || g->path == NULL
             ? spn_fail(err, SPN_ENOMEM, "grammar: out of memory")
             : gbnf_parse(&g->rules, text, n, err);
    begin_set(g);
    for (int32_t a = st == SPN_OK ? g->rules.rule[0].first : -1; a >= 0 && st == SPN_OK;
         a = g->rules.alt[a].next)
        st = meet(g, g->rules.alt[a].first, -1, &n_work, err);
    if (st == SPN_OK)
        st = close_set(g, n_work, err);
    if (st == SPN_OK)
        st = intern_state(g, &start, err);
    if (st == SPN_OK && start != SPN_GRAMMAR_START)
        st = spn_fail(err, SPN_EFORMAT, "grammar: no text follows it");
    if (st == SPN_OK)
        *out = g;
    else
        spn_grammar_free(g);
    return st;
}

void spn_grammar_free(struct spn_grammar *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n_state; i++) {
        spn_free(g->state[i].stack);
        spn_free(g->state[i].to);
        spn_free(g->state[i].mask);
    }
    g_rules_free(&g->rules);
    spn_free(g->state);
    spn_free(g->stack);
    spn_free(g->seen);
    spn_free(g->set);
    spn_free(g->work);
    spn_free(g->path);
    pthread_mutex_destroy(&g->lock);
    spn_free(g);
}

/* ---- masks ---- */

static spn_status make_mask(struct spn_grammar *g, int32_t state, uint64_t *mask, bool *any,
                            struct spn_err *err)
{
    const struct spn_grammar_words *w = g->words;
    size_t alive = 0; /* bytes of the word before that could be matched */
    spn_status st = SPN_OK;

    g->path[0] = state;
    for (int32_t i = 0; i < w->n && st == SPN_OK; i++) {
        int32_t id = w->id[i];
        const char *s = w->bytes + w->offset[id];
        size_t n = w->offset[id + 1] - w->offset[id], at = w->shared[i];

        if (at > alive || n >= (size_t)1 << 16) /* the byte that failed before is in here too */
            continue;
        for (; at < n && st == SPN_OK; at++) {
            st = step(g, g->path[at], (unsigned char)s[at], &g->path[at + 1], err);
            if (st == SPN_OK && g->path[at + 1] == DEAD)
                break;
        }
        alive = at;
        if (at == n) {
            mask[id / 64] |= (uint64_t)1 << (id % 64);
            *any = true;
        }
    }
    for (int32_t id = 0; g->state[state].may_end && id < spn_token_count(w->tok); id++)
        if (spn_token_ends(w->tok, id)) {
            mask[id / 64] |= (uint64_t)1 << (id % 64);
            *any = true;
        }
    return st;
}

static void forget_masks(struct spn_grammar *g)
{
    for (size_t i = 0; i < g->n_state; i++) {
        spn_free(g->state[i].mask);
        g->state[i].mask = NULL;
    }
    g->mask_bytes = 0;
}

spn_status spn_grammar_mask(struct spn_grammar *g, int32_t state, uint64_t *mask,
                            struct spn_err *err)
{
    size_t words = ((size_t)g->words->n_vocab + 63) / 64, bytes = words * sizeof *mask;
    uint64_t *made;
    bool any = false;
    spn_status st = SPN_OK;

    pthread_mutex_lock(&g->lock);
    if (g->state[state].mask == NULL) {
        made = spn_calloc(words, sizeof *made);
        st = made == NULL ? spn_fail(err, SPN_ENOMEM, "grammar: out of memory")
                          : make_mask(g, state, made, &any, err);
        if (st == SPN_OK && !any)
            st = spn_fail(err, SPN_EFORMAT,
                          "grammar: no token of the vocabulary may come next, nor the end");
        if (st == SPN_OK && g->mask_bytes + bytes > MASK_BYTES_MAX)
            forget_masks(g);
        if (st == SPN_OK) {
            g->state[state].mask = made;
            g->mask_bytes += bytes;
        } else {
            spn_free(made);
        }
    }
    if (st == SPN_OK)
        memcpy(mask, g->state[state].mask, bytes);
    pthread_mutex_unlock(&g->lock);
    return st;
}

spn_status spn_grammar_bytes(struct spn_grammar *g, int32_t *state, const char *text, size_t n,
                             bool *fine, struct spn_err *err)
{
    int32_t at = *state;
    spn_status st;

    pthread_mutex_lock(&g->lock);
    st = walk(g, &at, text, n, err);
    pthread_mutex_unlock(&g->lock);
    *fine = st == SPN_OK && at >= 0;
    if (*fine)
        *state = at;
    return st;
}

spn_status spn_grammar_accept(struct spn_grammar *g, int32_t *state, int32_t token,
                              struct spn_err *err)
{
    const struct spn_grammar_words *w = g->words;
    bool fine = false;
    spn_status st;

    if (spn_token_ends(w->tok, token))
        return SPN_OK;
    st = token < 0 || token >= w->n_vocab || w->offset[token] == w->offset[token + 1]
             ? SPN_OK
             : spn_grammar_bytes(g, state, w->bytes + w->offset[token],
                                 w->offset[token + 1] - w->offset[token], &fine, err);
    return st != SPN_OK || fine ? st
                                : spn_fail(err, SPN_EFORMAT, "grammar: token %d may not stand here",
                                           (int)token);
}

bool spn_grammar_may_end(const struct spn_grammar *g, int32_t state)
{
    struct spn_grammar *own = (struct spn_grammar *)g;
    bool end;

    pthread_mutex_lock(&own->lock);
    end = state >= 0 && g->state[state].may_end;
    pthread_mutex_unlock(&own->lock);
    return end;
}
