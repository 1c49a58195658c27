/* pickle_stack.h - the pickle machine's stack of inert values: what opcodes do to it. Private.
 *
 * Each returns a failure with its sentence in the machine's ERR.
 */
#ifndef SPN_PICKLE_STACK_H
#define SPN_PICKLE_STACK_H
#include "format/pickle.h"

enum { STACK_MAX = 1000000, MEMO_MAX = 5000000, LONG_BYTES_MAX = 255, TEXT_BYTES_MAX = 256 << 20 };

struct machine {
    struct spn_reader *r;
    struct spn_err *err;
    const char *place;
    const unsigned char *begin, *p, *end;
    uint64_t base;
    size_t at; /* of the opcode, from BEGIN */
    struct k_value **stack;
    size_t n_stack, room_stack;
    size_t *marks; /* heights of the stack */
    size_t n_marks, room_marks;
    struct k_value **memo;
    size_t n_memo, room_memo;
    struct k_value persistent;
};

/* The sentence WHAT with the place and the opcode. */
spn_status pm_bad(struct machine *m, const char *what);
spn_status pm_no_memory(struct machine *m);
spn_status pm_new_value(struct machine *m, int kind, struct k_value **out);
/* N more items at the end of LIST. */
spn_status pm_append(struct machine *m, struct k_value *list, struct k_value *const *items,
                     size_t n);
/* Values onto the stack. */
spn_status pm_push(struct machine *m, struct k_value *v);
spn_status pm_push_new(struct machine *m, int kind, int64_t i);
spn_status pm_push_text(struct machine *m, int kind, const unsigned char *s, uint64_t n);
/* Values above the last mark, and a refusal when they are fewer than N. */
size_t pm_depth(const struct machine *m);
spn_status pm_need(struct machine *m, size_t n);
struct k_value *pm_top(const struct machine *m);
/* A mark, and what lies above the last one, which goes. */
spn_status pm_mark(struct machine *m);
spn_status pm_unmark(struct machine *m, struct k_value ***items, size_t *n);
/* The last N values, or those above the last mark, as one of KIND. */
spn_status pm_gather(struct machine *m, int kind, size_t n);
spn_status pm_gather_marked(struct machine *m, int kind);
/* The same, put into the list or dictionary below them. */
spn_status pm_put_into(struct machine *m, int kind, size_t n);
spn_status pm_put_marked(struct machine *m, int kind);
/* A name of a class or function: kept as text, never looked up. */
spn_status pm_add_global(struct machine *m, const unsigned char *module, uint64_t n,
                         const unsigned char *name, uint64_t k);
/* The call or the state of an object: kept beside it, never made. */
spn_status pm_make_object(struct machine *m, size_t n);
spn_status pm_build(struct machine *m);

#endif
