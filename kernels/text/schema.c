/* schema.c - a JSON schema as a grammar whose every text is JSON that the schema allows. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar.h"
#include "text/schema.h"

enum { DEPTH_MAX = 60, REFS_MAX = 500, RULES_MAX = 20000 };
#define GBNF_MAX ((size_t)16 << 20)

static const char common[] =
    "ws ::= \" \"?\n"
    "char ::= [^\\\"\\\\\\x00-\\x1f\\x7f] | \"\\\\\" ([\\\"\\\\/bfnrt] | \"u\" "
    "([0-9a-cA-CeEfF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "digits ::= \"0\" | [1-9] [0-9]{0,14}\n"
    "integer ::= \"-\"? digits\n"
    "number ::= \"-\"? digits (\".\" [0-9]{1,15})? ([eE] [-+]? [1-9] [0-9]?)?\n"
    "any ::= string | number | \"true\" | \"false\" | \"null\" | anyobject | anyarray\n"
    "anyobject ::= \"{\" ws (string \":\" ws any (\",\" ws string \":\" ws any)*)? ws \"}\"\n"
    "anyarray ::= \"[\" ws (any (\",\" ws any)*)? ws \"]\"\n";

void schema_fail(struct schema *s, const char *fmt, ...)
{
    char text[300];
    va_list ap;

    if (s->st != SPN_OK)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->st = spn_fail(s->err, SPN_EFORMAT, "schema: %s", text);
}

static void convert(struct schema *s, struct spn_buf *out, const json_t *node);

/* A rule of its own for BODY; its name goes to OUT. Takes the text over. */
static void add_rule(struct schema *s, struct spn_buf *out, struct spn_buf *body_take)
{
    int n = s->n_rules++;

    if (n >= RULES_MAX)
        schema_fail(s, "it needs more than %d rules", RULES_MAX);
    spn_buf_printf(s->rules, "r%d ::= %s\n", n, body_take->data != NULL ? body_take->data : "");
    spn_buf_printf(out, "r%d ", n);
    if (body_take->failed || s->rules->failed)
        schema_fail(s, "its grammar is larger than %zu bytes", GBNF_MAX);
    spn_buf_free(body_take);
}

static void literal(struct schema *s, struct spn_buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));

    if (text == NULL) {
        schema_fail(s, "a value cannot be written");
        return;
    }
    schema_literal(out, text, strlen(text));
    spn_buf_puts(out, " ");
    free(text);
}

static void alternatives(struct schema *s, struct spn_buf *out, const json_t *list, bool values)
{
    struct spn_buf body = SPN_BUF_INIT(GBNF_MAX);
    const json_t *item;
    size_t i;

    if (json_array_size(list) == 0)
        schema_fail(s, "a choice of nothing");
    json_array_foreach (list, i, item) {
        spn_buf_puts(&body, i > 0 ? "| " : "");
        if (values)
            literal(s, &body, item);
        else
            convert(s, &body, item);
    }
    add_rule(s, out, &body);
}

/* ---- sizes ---- */

/* Whole number KEY of NODE from 0 on. */
static int64_t size_of(struct schema *s, const json_t *node, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(node, key);
    double n = json_number_value(v);

    if (v == NULL)
        return otherwise;
    if (!json_is_number(v) || n < 0 || n > 10000 || n != floor(n)) {
        schema_fail(s, "%s is not a whole number from 0 to 10000", key);
        return 0;
    }
    return (int64_t)n;
}

static void repetition(struct schema *s, struct spn_buf *out, int64_t least, int64_t most)
{
    if (most >= 0 && most < least)
        schema_fail(s, "at least %lld and at most %lld cannot be", (long long)least,
                    (long long)most);
    if (most < 0)
        spn_buf_printf(out, "{%lld,} ", (long long)least);
    else
        spn_buf_printf(out, "{%lld,%lld} ", (long long)least, (long long)most);
}

/* ---- kinds ---- */

static void string(struct schema *s, struct spn_buf *out, const json_t *node)
{
    static const struct {
        const char *name, *rule;
    } formats[] = {
        { "date", "[0-9]{4} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" (\"0\" [1-9] | \"1\" [0-9] | "
                  "\"2\" [0-8])" },
        { "time", "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" "
                  "[0-9]{3})? \"Z\"" },
        { "date-time", "[0-9]{4} \"-\" (\"0\" [1-9] | \"1\" [0-2]) \"-\" (\"0\" [1-9] | \"1\" "
                       "[0-9] | \"2\" [0-8]) \"T\" ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] "
                       "\":\" [0-5] [0-9] (\".\" [0-9]{3})? \"Z\"" },
        { "uuid", "[0-9a-f]{8} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" "
                  "[0-9a-f]{12}" },
    };
    const char *pattern = json_string_value(json_object_get(node, "pattern")),
               *format = json_string_value(json_object_get(node, "format"));
    int64_t least = size_of(s, node, "minLength", 0), most = size_of(s, node, "maxLength", -1);
    const char *rule = NULL;

    for (size_t i = 0; format != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(format, formats[i].name) == 0)
            rule = formats[i].rule;
    if ((pattern != NULL || rule != NULL) && (least > 0 || most >= 0 || (pattern && rule)))
        schema_fail(s, "a pattern or a format together with a length is not known");
    spn_buf_puts(out, "\"\\\"\" (");
    if (pattern != NULL) {
        schema_pattern(s, out, pattern);
    } else if (rule != NULL) {
        spn_buf_puts(out, rule);
    } else {
        spn_buf_puts(out, "char");
        repetition(s, out, least, most);
    }
    spn_buf_puts(out, ") \"\\\"\" ");
}

static void number(struct schema *s, struct spn_buf *out, const json_t *node, bool whole)
{
    static const char *const keys[] = { "minimum", "exclusiveMinimum", "maximum",
                                        "exclusiveMaximum" };
    int64_t lo = INT64_MIN, hi = INT64_MAX;

    for (int i = 0; i < 4; i++) {
        const json_t *v = json_object_get(node, keys[i]);
        double x = json_number_value(v), edge;

        if (v == NULL)
            continue;
        if (!json_is_number(v) || !(fabs(x) < 1e15)) {
            schema_fail(s, "%s is not a number below 1e15", keys[i]);
            return;
        }
        /* The nearest whole number inside. */
        edge = i < 2 ? ceil(x) : floor(x);
        if (i % 2 == 1 && edge == x)
            edge += i < 2 ? 1 : -1;
        if (i < 2 && (int64_t)edge > lo)
            lo = (int64_t)edge;
        if (i >= 2 && (int64_t)edge < hi)
            hi = (int64_t)edge;
    }
    if (lo > hi)
        schema_fail(s, "a range that holds no whole number is not known");
    else if (lo == INT64_MIN && hi == INT64_MAX)
        spn_buf_puts(out, whole ? "integer " : "number ");
    else if (whole)
        schema_integer(out, lo, hi);
    else
        schema_number(out, lo, hi);
    spn_buf_puts(out, " ");
}

static bool is_required(const json_t *node, const char *key)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(node, "required"), i, item) {
        if (json_is_string(item) && strcmp(json_string_value(item), key) == 0)
            return true;
    }
    return false;
}

/* "key": VALUE as a rule. */
static void member(struct schema *s, struct spn_buf *out, const char *key, const json_t *value)
{
    struct spn_buf body = SPN_BUF_INIT(GBNF_MAX);
    json_t *name = json_string(key);

    literal(s, &body, name);
    spn_buf_puts(&body, "\":\" ws ");
    convert(s, &body, value);
    add_rule(s, out, &body);
    json_decref(name);
}

/* Properties that are not named: any name, values of SCHEMA. */
static void free_members(struct schema *s, struct spn_buf *out, const json_t *value,
                         const json_t *names, int64_t least, int64_t most)
{
    struct spn_buf one = SPN_BUF_INIT(GBNF_MAX), name = SPN_BUF_INIT(GBNF_MAX);


    if (names != NULL)
        string(s, &one, names);
    spn_buf_puts(&one, names != NULL ? "\":\" ws " : "string \":\" ws ");
    convert(s, &one, value);
    add_rule(s, &name, &one);
    if (least > 1)
        schema_fail(s, "minProperties above 1 without named properties is not known");
    if (most == 0 || s->st != SPN_OK) {
        spn_buf_free(&name);
        return;
    }
    spn_buf_printf(out, least > 0 ? "%s(\",\" ws %s)" : "(%s(\",\" ws %s)", name.data, name.data);
    repetition(s, out, 0, most < 0 ? -1 : most - 1);
    spn_buf_puts(out, least > 0 ? "" : ")? ");
    spn_buf_free(&name);
}

/* The rest of an object from property I on; HAD: one is written already. A rule for each, from the
 * last: so their size is linear. */
static void members(struct schema *s, struct spn_buf *out, const json_t *node)
{
    const json_t *properties = json_object_get(node, "properties"), *value;
    size_t n = json_object_size(properties), i = 0;
    char **member_rule = spn_calloc(n + 1, sizeof *member_rule);
    bool *needed = spn_calloc(n + 1, sizeof *needed);
    char rest[32] = "", first[32] = "";
    const char *key;

    if (member_rule == NULL || needed == NULL)
        s->st = spn_fail(s->err, SPN_ENOMEM, "schema: out of memory");
    json_object_foreach ((json_t *)properties, key, value) {
        struct spn_buf name = SPN_BUF_INIT(64);

        if (s->st == SPN_OK) {
            needed[i] = is_required(node, key);
            member(s, &name, key, value);
            member_rule[i++] = spn_buf_steal(&name);
        }
        spn_buf_free(&name);
    }
    for (i = n; i-- > 0 && s->st == SPN_OK;) {
        struct spn_buf after = SPN_BUF_INIT(GBNF_MAX), none = SPN_BUF_INIT(GBNF_MAX),
                       name = SPN_BUF_INIT(64);

        if (needed[i])
            spn_buf_printf(&none, "%s%s", member_rule[i], rest);
        else
            spn_buf_printf(&none, "%s%s | %s", member_rule[i], rest, first);
        spn_buf_printf(&after, needed[i] ? "\",\" ws %s%s" : "(\",\" ws %s)? %s", member_rule[i],
                       rest);
        add_rule(s, &name, &after);
        snprintf(rest, sizeof rest, "%s", name.data != NULL ? name.data : "");
        spn_buf_trim(&name, 0);
        add_rule(s, &name, &none);
        snprintf(first, sizeof first, "%s", name.data != NULL ? name.data : "");
        spn_buf_free(&name);
    }
    spn_buf_puts(out, first);
    for (i = 0; member_rule != NULL && i < n; i++)
        spn_free(member_rule[i]);
    spn_free(member_rule);
    spn_free(needed);
}

static void object(struct schema *s, struct spn_buf *out, const json_t *node)
{
    const json_t *properties = json_object_get(node, "properties"),
                 *more = json_object_get(node, "additionalProperties"), *item;
    int64_t least = size_of(s, node, "minProperties", 0),
            most = size_of(s, node, "maxProperties", -1);
    json_t *any = json_true();
    size_t i;

    if (json_object_size(properties) > 0 && json_object_get(node, "propertyNames") != NULL)
        schema_fail(s, "propertyNames together with properties is not known");
    json_array_foreach (json_object_get(node, "required"), i, item) {
        if (json_is_string(item) &&
            json_object_get(properties, json_string_value(item)) == NULL)
            schema_fail(s, "property \"%.60s\" is required but not described",
                        json_string_value(item));
    }
    spn_buf_puts(out, "\"{\" ws ");
    if (json_object_size(properties) > 0) {
        if (least > (int64_t)json_array_size(json_object_get(node, "required")) ||
            (most >= 0 && most < (int64_t)json_object_size(properties)))
            schema_fail(s, "a number of properties together with properties is not known");
        members(s, out, node);
    } else if (!json_is_false(more)) {
        free_members(s, out, more == NULL ? any : more, json_object_get(node, "propertyNames"),
                     least, most);
    } else if (least > 0) {
        schema_fail(s, "an object that needs properties allows none");
    }
    spn_buf_puts(out, "ws \"}\" ");
}

static void array(struct schema *s, struct spn_buf *out, const json_t *node)
{
    const json_t *items = json_object_get(node, "items"),
                 *first = json_object_get(node, "prefixItems"), *item;
    int64_t least = size_of(s, node, "minItems", 0), most = size_of(s, node, "maxItems", -1), n;
    struct spn_buf body = SPN_BUF_INIT(GBNF_MAX), one = SPN_BUF_INIT(GBNF_MAX);
    json_t *any = json_true();
    bool closed;
    size_t i;

    if (json_is_array(items)) { /* the older way to write prefixItems */
        first = items;
        items = json_object_get(node, "additionalItems");
    }
    n = (int64_t)json_array_size(first);
    closed = json_is_false(items);
    spn_buf_puts(out, "\"[\" ws ");
    if (n > 0) { /* all of the first items, then the others */
        json_array_foreach (first, i, item) {
            spn_buf_puts(&body, i > 0 ? "\",\" ws " : "");
            convert(s, &body, item);
        }
        if (most >= 0 && most < n)
            schema_fail(s, "fewer items than are described one by one are not known");
        least = least > n ? least - n : 0;
        most = most >= 0 ? most - n : items == NULL ? 0 : -1;
        if (closed && least > 0)
            schema_fail(s, "an array that needs items allows none");
    }
    if (!closed && most != 0 && s->st == SPN_OK) {
        convert(s, &one, items == NULL ? any : items);
        if (n > 0) {
            spn_buf_printf(&body, "(\",\" ws %s)", one.data);
            repetition(s, &body, least, most);
        } else {
            spn_buf_printf(&body, least > 0 ? "%s(\",\" ws %s)" : "(%s(\",\" ws %s)", one.data,
                           one.data);
            repetition(s, &body, least > 0 ? least - 1 : 0, most < 0 ? -1 : most - 1);
            spn_buf_puts(&body, least > 0 ? "" : ")? ");
        }
    }
    add_rule(s, out, &body);
    spn_buf_puts(out, "ws \"]\" ");
    spn_buf_free(&one);
}

/* ---- references and combinations ---- */

static void reference(struct schema *s, struct spn_buf *out, const char *path)
{
    const json_t *at = s->root;
    struct spn_buf body = SPN_BUF_INIT(GBNF_MAX);
    size_t i;

    if (path[0] != '#') {
        schema_fail(s, "$ref \"%.60s\" leads outside", path);
        return;
    }
    for (path++; *path == '/' && at != NULL;) {
        char key[256];
        size_t w = 0;

        for (path++; *path != '\0' && *path != '/' && w + 1 < sizeof key; path++) {
            char c = *path;

            if (c == '~' && (path[1] == '0' || path[1] == '1'))
                c = *++path == '0' ? '~' : '/';
            key[w++] = c;
        }
        key[w] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(key, NULL, 10))
                               : json_object_get(at, key);
    }
    if (at == NULL || *path != '\0') {
        schema_fail(s, "a $ref leads nowhere");
        return;
    }
    for (i = 0; i < s->n_ref && s->ref[i] != at; i++)
        ;
    if (i < s->n_ref) {
        spn_buf_printf(out, "f%d ", s->ref_rule[i]);
        return;
    }
    if (s->n_ref == REFS_MAX) {
        schema_fail(s, "more than %d references", REFS_MAX);
        return;
    }
    s->ref[s->n_ref] = at; /* before its rule, which may ask for itself */
    s->ref_rule[s->n_ref] = (int)s->n_ref;
    i = s->n_ref++;
    convert(s, &body, at);
    spn_buf_printf(s->rules, "f%d ::= %s\n", (int)i, body.data != NULL ? body.data : "");
    spn_buf_printf(out, "f%d ", (int)i);
    spn_buf_free(&body);
}

static const json_t *resolved(struct schema *s, const json_t *node)
{
    const char *path = json_string_value(json_object_get(node, "$ref"));
    const json_t *at = s->root;
    char key[256];

    if (path == NULL || strncmp(path, "#/", 2) != 0)
        return node;
    for (path += 2; at != NULL && *path != '\0'; path += *path == '/') {
        size_t n = strcspn(path, "/");

        snprintf(key, sizeof key, "%.*s", (int)(n < 255 ? n : 255), path);
        at = json_object_get(at, key);
        path += n;
    }
    return at == NULL ? node : at;
}

static void all_of(struct schema *s, struct spn_buf *out, const json_t *node)
{
    json_t *whole = json_object();
    const json_t *item;
    size_t i;

    schema_merge(s, whole, node);
    json_array_foreach (json_object_get(node, "allOf"), i, item)
        schema_merge(s, whole, resolved(s, item));
    convert(s, out, whole);
    json_decref(whole);
}

/* ---- one schema ---- */

static void check_words(struct schema *s, const json_t *node)
{
    static const char *const refused[] = {
        "not",          "if",               "multipleOf",          "patternProperties",
        "dependencies", "dependentSchemas", "dependentRequired",   "contains",
        "$dynamicRef",  "unevaluatedProperties"
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (json_object_get(node, refused[i]) != NULL)
            schema_fail(s, "\"%s\" cannot be kept", refused[i]);
    if (json_is_true(json_object_get(node, "uniqueItems")))
        schema_fail(s, "\"uniqueItems\" cannot be kept");
}

static const char *guessed_type(const json_t *node)
{
    static const struct {
        const char *key, *type;
    } rows[] = {
        { "properties", "object" }, { "additionalProperties", "object" }, { "required", "object" },
        { "items", "array" },       { "prefixItems", "array" },           { "minItems", "array" },
        { "maxItems", "array" },    { "minLength", "string" },            { "maxLength", "string" },
        { "pattern", "string" },    { "minimum", "number" },              { "maximum", "number" },
        { "exclusiveMinimum", "number" }, { "exclusiveMaximum", "number" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (json_object_get(node, rows[i].key) != NULL)
            return rows[i].type;
    return NULL;
}

static void of_type(struct schema *s, struct spn_buf *out, const json_t *node, const char *type)
{
    if (type == NULL)
        spn_buf_puts(out, "any ");
    else if (strcmp(type, "object") == 0)
        object(s, out, node);
    else if (strcmp(type, "array") == 0)
        array(s, out, node);
    else if (strcmp(type, "string") == 0)
        string(s, out, node);
    else if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        number(s, out, node, type[0] == 'i');
    else if (strcmp(type, "boolean") == 0)
        spn_buf_puts(out, "(\"true\" | \"false\") ");
    else if (strcmp(type, "null") == 0)
        spn_buf_puts(out, "\"null\" ");
    else
        schema_fail(s, "type \"%.40s\" is not known", type);
}

static void convert(struct schema *s, struct spn_buf *out, const json_t *node)
{
    const json_t *type = json_object_get(node, "type"), *item, *choice;
    struct spn_buf body = SPN_BUF_INIT(GBNF_MAX);
    size_t i;

    if (s->st != SPN_OK)
        return;
    if (json_is_true(node)) {
        spn_buf_puts(out, "any ");
        return;
    }
    if (!json_is_object(node)) {
        schema_fail(s, json_is_false(node) ? "a schema that allows nothing"
                                           : "a schema is not an object");
        return;
    }
    if (++s->depth > DEPTH_MAX)
        schema_fail(s, "it is nested more than %d deep", DEPTH_MAX);
    check_words(s, node);
    choice = json_object_get(node, "anyOf");
    if (choice == NULL)
        choice = json_object_get(node, "oneOf");
    if (json_object_get(node, "$ref") != NULL) {
        reference(s, out, json_string_value(json_object_get(node, "$ref")) != NULL
                              ? json_string_value(json_object_get(node, "$ref"))
                              : "");
    } else if (json_object_get(node, "const") != NULL) {
        literal(s, out, json_object_get(node, "const"));
    } else if (json_object_get(node, "enum") != NULL) {
        alternatives(s, out, json_object_get(node, "enum"), true);
    } else if (json_object_get(node, "allOf") != NULL) {
        all_of(s, out, node);
    } else if (choice != NULL) {
        if (guessed_type(node) != NULL)
            schema_fail(s, "anyOf together with other demands is not known");
        alternatives(s, out, choice, false);
    } else if (json_is_array(type)) {
        json_array_foreach (type, i, item) {
            spn_buf_puts(&body, i > 0 ? "| " : "");
            of_type(s, &body, node, json_string_value(item));
        }
        add_rule(s, out, &body);
    } else {
        of_type(s, &body, node, json_is_string(type) ? json_string_value(type)
                                                     : guessed_type(node));
        add_rule(s, out, &body);
    }
    spn_buf_free(&body);
    s->depth--;
}

spn_status spn_grammar_from_schema(struct spn_buf *gbnf, const char *schema, size_t n,
                                   struct spn_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(schema, n, JSON_DECODE_ANY, &why);
    struct spn_buf rules = SPN_BUF_INIT(GBNF_MAX), start = SPN_BUF_INIT(GBNF_MAX);
    struct schema s = { .root = root, .rules = &rules, .err = err };

    if (root == NULL)
        return spn_fail(err, SPN_EFORMAT, "schema: line %d, column %d: %.200s", why.line,
                        why.column, why.text);
    s.ref = spn_calloc(REFS_MAX, sizeof *s.ref);
    s.ref_rule = spn_calloc(REFS_MAX, sizeof *s.ref_rule);
    if (s.ref == NULL || s.ref_rule == NULL)
        s.st = spn_fail(err, SPN_ENOMEM, "schema: out of memory");
    convert(&s, &start, root);
    if (s.st == SPN_OK) {
        spn_buf_printf(gbnf, "root ::= %s\n%s%s", start.data != NULL ? start.data : "",
                       rules.data != NULL ? rules.data : "", common);
        if (gbnf->failed || start.failed || rules.failed)
            s.st = spn_fail(err, SPN_ENOMEM, "schema: no room for its grammar");
    }
    spn_free(s.ref);
    spn_free(s.ref_rule);
    spn_buf_free(&rules);
    spn_buf_free(&start);
    json_decref(root);
    return s.st;
}
