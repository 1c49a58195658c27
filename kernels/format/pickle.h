/* pickle.h - private: what a Python pickle says, as data.
 *
 * The machine builds inert values only: a class or function is a name, a call is an object that
 * keeps the name and the arguments. Nothing is looked up, imported or run. Values may be shared and
 * may contain themselves: whoever walks them bounds depth and visits.
 */
#ifndef SPN_PICKLE_H
#define SPN_PICKLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/source.h"

enum k_value_kind {
    KV_NONE, KV_BOOL, KV_INT,
    KV_BIG,                            /* an integer of more than 64 bits: N bytes, lowest first */
    KV_FLOAT,
    KV_TEXT, KV_BYTES,                 /* N bytes at S */
    KV_LIST, KV_TUPLE, KV_SET,         /* N items */
    KV_DICT,                           /* N items, key and value by turns */
    KV_GLOBAL,                         /* "module.name", N bytes at S, NUL-terminated */
    KV_OBJECT,                         /* the call of a global, never made */
    KV_PERSISTENT                      /* a reference outside the pickle: item 0 says to what */
};

struct k_value {
    unsigned char kind;                /* enum k_value_kind */
    uint32_t room;                     /* of items */
    uint64_t n;
    union {
        int64_t i;
        double f;
        const unsigned char *s;
        struct k_value **items;
        struct k_object *o;
    } u;
};

struct k_object {
    const struct k_value *callable;
    const struct k_value *args;        /* a tuple */
    const struct k_value *state;       /* NULL: none was set */
    struct k_value items;              /* a list: appended to the object */
    struct k_value pairs;              /* a dict: set in the object */
};

struct k_pickle {
    const struct k_value *value;
    uint64_t bytes;                    /* up to and with its STOP */
    struct k_value persistent;         /* a list of all references outside */
};

/* Read one pickle at BYTES, of which there are at most N; BASE is their place in the file, PLACE
 * its name, both for messages. Values are R's memory, texts may point into BYTES. All globals are
 * added to R. */
spn_status k_pickle_read(struct k_pickle *out, struct spn_reader *r, const char *place,
                         const unsigned char *bytes, uint64_t n, uint64_t base,
                         struct spn_err *err);

/* A text or a global of this name. */
bool k_is_text(const struct k_value *v, const char *text);
/* The global that V, an object, calls; "" when V is none. */
const char *k_callee(const struct k_value *v);
/* Item I of a tuple or list; NULL when V is none or has fewer. */
const struct k_value *k_item(const struct k_value *v, uint64_t i);
/* The value of KEY in a dict, or in an object's pairs (OrderedDict); NULL: none. */
const struct k_value *k_lookup(const struct k_value *v, const char *key);
/* V as a dict: itself, or the pairs of an OrderedDict or another object; NULL: neither. */
const struct k_value *k_dict(const struct k_value *v);
/* A whole number. */
bool k_int(const struct k_value *v, int64_t *out);

/* ---- protocol 0: operands as text (pickle_text.c) ---- */

/* Read the number TEXT of N bytes, decimal, perhaps with a final L, into V. False: it is none. */
bool k_text_int(const char *text, size_t n, struct k_value *v, unsigned char *big, size_t room);
bool k_text_float(const char *text, size_t n, double *out);
/* Take escapes out of TEXT: a Python string in quotes (RAW false) or \u forms of Latin-1 text, to
 * UTF-8 (RAW). DST has room for 2 N bytes. False: no such text. */
bool k_text_unescape(const unsigned char *text, size_t n, bool raw, unsigned char *dst,
                     size_t *length);

#endif
