/* constraint.h - grammars of requests: compiled once, kept while they are used and longer. */
#ifndef APP_ENGINE_CONSTRAINT_H
#define APP_ENGINE_CONSTRAINT_H
#include "text/grammar.h"

struct constraints; /* of one tokenizer, which outlives them */
struct constraint;  /* one, held by a request */
void constraints_free(struct constraints *c); /* NULL is fine; nothing is held any more */
/* The grammar of a request: GBNF or SCHEMA, of which one may be given; *HOLD is dropped with
 * constraint_drop when the request is over. Neither: both results are NULL. *C is made when first
 * needed. */
spn_status constraints_find(struct constraints **c, const struct spn_tokenizer *tok,
                            const char *gbnf, const char *schema, struct constraint **hold,
                            struct spn_grammar **out, struct spn_err *err);
void constraint_drop(struct constraint *c); /* NULL is fine */

#endif
