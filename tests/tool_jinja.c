/* tool_jinja.c - renders: a line of stdin is {"source","vars","now"}, a line of stdout {"text"} or
 * {"error","raised"}. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja.h"

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        json_t *in = json_loads(line, JSON_ALLOW_NUL, NULL), *out = json_object();
        json_t *source = json_object_get(in, "source");
        struct jinja_input input = { json_object_get(in, "vars"),
                                     json_integer_value(json_object_get(in, "now")) };
        struct spn_buf text = SPN_BUF_INIT(1 << 26), mark = SPN_BUF_INIT(1 << 26);
        struct spn_err err = SPN_ERR_INIT;
        struct jinja *t = NULL;
        bool raised = false;

        if (jinja_open(&t, json_string_value(source), json_string_length(source), &err) == SPN_OK)
            jinja_render(t, &input, &text, &mark, &raised, &err);
        if (err.code == SPN_OK) {
            json_object_set_new(out, "text", json_stringn(text.length > 0 ? text.data : "",
                                                          text.length));
        } else {
            json_object_set_new(out, "error", json_string(err.text));
            json_object_set_new(out, "raised", json_boolean(raised));
        }
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        jinja_free(t);
        spn_buf_free(&text);
        spn_buf_free(&mark);
        json_decref(in);
        json_decref(out);
    }
    free(line);
    return 0;
}
