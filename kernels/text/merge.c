/* merge.c - the bottom-up merging that SentencePiece BPE and byte-level BPE share.
 *
 * Symbols are a linked list over the text; a heap holds the pairs that may merge. An entry is stale
 * when either symbol is gone or has grown since: a merge only pushes its two new neighbours, so n
 * characters cost n log n.
 */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "text/vocab.h"

void merger_free(struct merger *m)
{
    spn_free(m->sym);
    spn_free(m->heap);
    memset(m, 0, sizeof *m);
}

spn_status merger_add(struct merger *m, uint32_t begin, uint32_t length, int32_t id,
                      struct spn_err *err)
{
    if (m->n == m->room) {
        size_t room = m->room < 64 ? 64 : m->room * 2;
        struct symbol *grown = spn_realloc(m->sym, room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "tokenize: out of memory at byte %u", begin);
        m->sym = grown;
        m->room = room;
    }
    m->sym[m->n] = (struct symbol){ begin, length, (int32_t)m->n - 1, (int32_t)m->n + 1, id };
    m->n++;
    return SPN_OK;
}

static spn_status push(struct merger *m, struct bigram b, struct spn_err *err)
{
    size_t i;

    if (m->n_heap == m->heap_room) {
        size_t room = m->heap_room < 64 ? 64 : m->heap_room * 2;
        struct bigram *grown = spn_realloc(m->heap, room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for %zu pairs", room);
        m->heap = grown;
        m->heap_room = room;
    }
    for (i = m->n_heap++; i > 0 && b.key < m->heap[(i - 1) / 2].key; i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = b;
    return SPN_OK;
}

static struct bigram pop(struct merger *m)
{
    struct bigram top = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= m->n_heap)
            break;
        if (child + 1 < m->n_heap && m->heap[child + 1].key < m->heap[child].key)
            child++;
        if (last.key <= m->heap[child].key)
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

static spn_status consider(struct merger *m, const struct spn_tokenizer *t, const char *text,
                           merge_fn fn, int32_t left, struct spn_err *err)
{
    const struct symbol *a, *b;
    struct bigram g;
    uint32_t rank;

    if (left < 0 || m->sym[left].next >= (int32_t)m->n)
        return SPN_OK;
    a = &m->sym[left];
    b = &m->sym[a->next];
    if (!fn(t, text, a, b, &rank, &g.id))
        return SPN_OK;
    g.key = (uint64_t)rank << 32 | (uint32_t)left;
    g.right = a->next;
    g.length = a->length + b->length;
    return push(m, g, err);
}

spn_status merger_run(struct merger *m, const struct spn_tokenizer *t, const char *text,
                      merge_fn fn, struct spn_err *err)
{
    spn_status st = SPN_OK;

    m->n_heap = 0;
    for (size_t i = 0; i + 1 < m->n && st == SPN_OK; i++)
        st = consider(m, t, text, fn, (int32_t)i, err);
    while (m->n_heap > 0 && st == SPN_OK) {
        struct bigram g = pop(m);
        int32_t left = (int32_t)(uint32_t)g.key;
        struct symbol *a = &m->sym[left], *b = &m->sym[g.right];

        if (a->length == 0 || b->length == 0 || a->length + b->length != g.length)
            continue;
        a->length = g.length;
        a->id = g.id;
        b->length = 0;
        a->next = b->next;
        if (b->next < (int32_t)m->n)
            m->sym[b->next].prev = left;
        st = consider(m, t, text, fn, a->prev, err);
        if (st == SPN_OK)
            st = consider(m, t, text, fn, left, err);
    }
    return st;
}

bool merge_by_pair(const struct spn_tokenizer *t, const char *text, const struct symbol *a,
                   const struct symbol *b, uint32_t *rank, int32_t *id)
{
    const struct vocab_merge *found =
        a->id < 0 || b->id < 0 ? NULL : vocab_find_merge(t, a->id, b->id);

    if (found == NULL)
        return false;
    *rank = found->rank;
    *id = found->joined;
    return true;
}
