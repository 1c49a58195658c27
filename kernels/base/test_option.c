/* test_option.c - option tables: values by kind, ranges, key=value lists, malformed tables. */
#include "config.h"

#include "base/option.h"

#include "tap.h"

static const struct spn_option table[] = {
    { "trees", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 8, .help = "trees of the forest" },
    { "in-flight", SPN_OPT_INT, .lo = 0, .hi = 64, .help = "trees at a time, 0 all" },
    { "temp", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.7, .help = "temperature" },
    { "base", SPN_OPT_CHOICE, .choices = "tot cot mcts", .dflt.s = "tot",
      .help = "reasoner of a tree" },
    { "sparse", SPN_OPT_FLAG, .dflt.b = true, .help = "active trees only" },
    { "file", SPN_OPT_STRING, .many = true, .help = "a file" },
    { 0 }
};

static void refused(const char *key_values, const char *want)
{
    struct spn_values *v = spn_values_new(table);
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = spn_values_parse(v, key_values, &err);

    ok(st == SPN_EUSAGE && strstr(err.text, want) != NULL, "%s: %s", key_values, err.text);
    spn_values_free(v);
}

static void malformed(const struct spn_option *t, const char *want)
{
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = spn_options_check(t, "t", &err);

    ok(st == SPN_EUSAGE && strstr(err.text, want) != NULL, "table: %s", err.text);
}

int main(void)
{
    struct spn_values *v = spn_values_new(table);
    struct spn_err err = SPN_ERR_INIT;
    char text[64];

    ok_int(spn_value_int(v, "trees"), 8, "default of an int");
    ok(!spn_value_given(v, "trees"), "a default is not given");
    ok_str(spn_value_str(v, "base"), "tot", "default of a choice");
    ok(spn_value_str(v, "file") == NULL && spn_value_count(v, "file") == 0,
       "a string without default");
    ok(spn_values_parse(v, "trees=4,in_flight=2,temp=1.5,base=cot,sparse=no,file=a\\,b,file=c",
                        &err) == SPN_OK,
       "a list parses: %s", err.text);
    ok_int(spn_value_int(v, "trees"), 4, "int");
    ok_int(spn_value_int(v, "in-flight"), 2, "underscore is dash");
    ok_near(spn_value_float(v, "temp"), 1.5, 0, "float");
    ok(!spn_value_flag(v, "sparse"), "flag cleared");
    ok(spn_value_given(v, "sparse"), "given");
    ok_int((long long)spn_value_count(v, "file"), 2, "many");
    ok_str(spn_value_nth(v, "file", 0), "a,b", "escaped comma");
    ok_str(spn_value_nth(v, "file", 1), "c", "second value");
    ok(spn_values_parse(v, NULL, &err) == SPN_OK && spn_values_parse(v, "sparse", &err) == SPN_OK &&
           spn_value_flag(v, "sparse"),
       "a key alone sets a flag");
    spn_values_free(v);

    refused("trees=0", "0 is outside 1..64");
    refused("trees=65", "65 is outside 1..64");
    refused("trees=4x", "\"4x\" is not a whole number");
    refused("trees=99999999999999999999", "is not a whole number");
    refused("trees", "a value is missing");
    refused("temp=nan", "not a number");
    refused("temp=inf", "outside 0..5");
    refused("base=toot", "none of: tot cot mcts");
    refused("base=to", "none of");
    refused("sparse=maybe", "neither yes nor no");
    refused("tree=3", "no such option");
    refused("=3", "empty key");

    v = spn_values_new(table);
    spn_values_set(v, "tres", "1", &err);
    ok_str(err.cure, "trees", "the nearest name is offered");
    spn_values_free(v);
    ok_int(spn_edit_distance("bench", "bnech", 3), 1, "swapped neighbours are one edit");
    ok_int(spn_edit_distance("bench", "papers", 2), 3, "far names stop at the limit");

    ok(spn_options_check(table, "t", &err) == SPN_OK, "the table is well formed");
    malformed((const struct spn_option[]){ { "a b", SPN_OPT_FLAG, .help = "h" }, { 0 } },
              "a name has letters");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_FLAG, .help = "" }, { 0 } },
              "has no help");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_INT, .lo = 1, .hi = 2, .dflt.i = 3,
                                             .help = "h" },
                                           { 0 } },
              "default 3 is outside");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_FLOAT, .lo = 1, .hi = 2, .help = "h" },
                                           { 0 } },
              "default 0 is outside");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_CHOICE, .help = "h" }, { 0 } },
              "has no choices");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_CHOICE, .choices = "x", .dflt.s = "y",
                                             .help = "h" },
                                           { 0 } },
              "none of: x");
    malformed((const struct spn_option[]){ { "a", (enum spn_option_kind)9, .help = "h" }, { 0 } },
              "kind 9");
    malformed((const struct spn_option[]){ { "a-b", SPN_OPT_FLAG, .help = "h" },
                                           { "a_b", SPN_OPT_FLAG, .help = "h" },
                                           { 0 } },
              "there twice");
    malformed((const struct spn_option[]){ { "a", SPN_OPT_FLAG, .help = "h", .letter = 'x' },
                                           { "b", SPN_OPT_FLAG, .help = "h", .letter = 'x' },
                                           { 0 } },
              "-x is a and b");
    spn_option_default_text(&table[0], text, sizeof text);
    ok_str(text, "8", "default as text");
    return done();
}
