/* presplit.h - the most used pre-tokenizer expressions by hand: several times faster than an
 * expression engine.
 *
 * Each gives the end of the piece that begins at byte I < N of S. A malformed byte is a character
 * that is neither letter, number nor space. The tests compare all of them with PCRE2 on random
 * text.
 */
#ifndef SPN_PRESPLIT_H
#define SPN_PRESPLIT_H
#include <stddef.h>

size_t presplit_gpt2(const unsigned char *s, size_t n, size_t i);
size_t presplit_llama3(const unsigned char *s, size_t n, size_t i);
size_t presplit_qwen2(const unsigned char *s, size_t n, size_t i);
/* Every number a piece, and what lies between them. */
size_t presplit_digit(const unsigned char *s, size_t n, size_t i);

#endif
