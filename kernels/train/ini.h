/* ini.h - sections of `key = value` lines, each with its line number.  Private to train/. */
#ifndef SPN_TRAIN_INI_H
#define SPN_TRAIN_INI_H
#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"

struct train_ini_pair {
    const char *key, *value;
    int line;
    struct train_ini_pair *next;
};

struct train_ini_section {
    const char *name;
    int line;
    struct train_ini_pair *first, *last;      /* in the order of the text */
    struct train_ini_section *next;
};

/* Parse N bytes of TEXT; NAME is the place in error sentences (`NAME:LINE: …`).  Lines:
   `[section]`, `key = value`, blank, or a comment that begins with # or ;.  A value is the rest of
   its line without the blanks around it, so it may hold # and = itself.  Everything lives in ARENA.
   SPN_EFORMAT for any other line, a section or a key given twice. */
spn_status train_ini_parse(struct train_ini_section **out, struct spn_arena *arena,
                           const char *name, const char *text, size_t n, struct spn_err *err);

#endif
