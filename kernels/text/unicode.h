/* unicode.h - UTF-8 decoding and the three character classes that the pre-tokenizers ask for. */
#ifndef SPN_UNICODE_H
#define SPN_UNICODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uni_class { UNI_OTHER, UNI_LETTER, UNI_NUMBER, UNI_SPACE };

/* The character at S (N >= 1 bytes left) and its length in *LENGTH. A byte that starts no
   well-formed sequence (overlong, surrogate, past U+10FFFF, cut) is a character of its own: -1,
   length 1. */
int32_t uni_decode(const unsigned char *s, size_t n, unsigned *length);
/* Encode C, at most U+10FFFF, into S[4]; the length. */
unsigned uni_encode(uint32_t c, unsigned char *s);
/* Bytes of the sequence that lead byte B announces: 1 for ASCII and for bytes that lead nothing. */
unsigned uni_lead_length(unsigned char b);
/* True when the N < 4 bytes at S begin a well-formed sequence that is longer than N. */
bool uni_is_prefix(const unsigned char *s, size_t n);
/* Letter (category L), number (category N), space (White_Space), everything else, -1 included:
 * other. */
enum uni_class uni_class_of(int32_t c);

#endif
