#include "config.h"

#include "screen/pane.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

void pane_clear(struct spn_pane *p)
{
    if (p->kind != NULL)
        p->kind->free_(p);
    p->kind = NULL;
    p->content = NULL;
    p->note[0] = '\0';
    p->hit = p->hits = 0;
}

void *pane_content(struct spn_pane *p, const struct pane_kind *kind, size_t size)
{
    if (p->kind == kind)
        return p->content;
    pane_clear(p);
    p->content = spn_calloc(1, size);
    if (p->content != NULL)
        p->kind = kind;
    return p->content;
}

void pane_free(struct spn_pane *p)
{
    pane_clear(p);
    spn_free(p->title);
    spn_free(p->search);
    p->title = p->search = NULL;
}

void pane_title(struct spn_pane *p, const char *text)
{
    spn_free(p->title);
    p->title = spn_strdup(text);
}

void pane_search(struct spn_pane *p, const char *text)
{
    spn_free(p->search);
    p->search = text[0] != '\0' ? spn_strdup(text) : NULL;
    if (p->kind != NULL && p->kind->find != NULL)
        p->kind->find(p, text);
}

ptrdiff_t find_text(const char *text, size_t n, const char *what)
{
    size_t length = strlen(what), i, k;
    int first;

    if (length == 0 || length > n)
        return -1;
    first = tolower((unsigned char)what[0]);
    for (i = 0; i + length <= n; i++) {
        if (tolower((unsigned char)text[i]) != first)
            continue;
        for (k = 1; k < length; k++)
            if (tolower((unsigned char)text[i + k]) != tolower((unsigned char)what[k]))
                break;
        if (k == length)
            return (ptrdiff_t)i;
    }
    return -1;
}
