/* test_prompts.c - sections and places of prompt files. */
#include "config.h"

#include "base/mem.h"
#include "tests/tap.h"
#include "text/prompts.h"

static spn_status parse(struct spn_prompts **p, const char *text, struct spn_err *err)
{
    *p = NULL;
    return spn_prompts_parse(p, "F", text, strlen(text), err);
}

static void test_sections(void)
{
    struct spn_prompts *p;

    ok(parse(&p, "a remark\n[answer]\nSolve: {question}\n\n\n[score]\r\nline\r\n\\[x]\n#### 4\n",
             NULL) == SPN_OK,
       "a file with two sections");
    ok_str(spn_prompts_get(p, "answer"), "Solve: {question}", "blank lines at the end are cut");
    ok_str(spn_prompts_get(p, "score"), "line\n[x]\n#### 4", "a bracket can begin a line");
    ok(spn_prompts_get(p, "remark") == NULL, "a section that is not there");
    spn_prompts_free(p);
}

static void test_faults(void)
{
    static const struct {
        const char *text, *say;
    } cases[] = {
        { "only remarks\n", "F: no section: a line like [answer] begins one" },
        { "[a]\nx\n[a]\ny\n", "F:3: section [a] comes twice" },
        { "[a]\n\n[b]\ny\n", "F: section [a] is empty" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spn_prompts *p;
        struct spn_err err = SPN_ERR_INIT;

        ok(parse(&p, cases[i].text, &err) == SPN_EFORMAT && p == NULL, "refused");
        ok_str(err.text, cases[i].say, cases[i].say);
    }
}

static void test_fill(void)
{
    static const struct spn_place places[] = { { "question", "a {answer}?" }, { "answer", "4" } };
    struct spn_buf b = SPN_BUF_INIT(1024), small = SPN_BUF_INIT(4);

    spn_prompts_fill(&b, "Q {question} A {answer} {other} {question", places, 2);
    ok_str(b.data, "Q a {answer}? A 4 {other} {question", "places are filled once");
    ok(spn_prompts_fill(&small, "{question}", places, 2) == SPN_ENOMEM, "a ceiling is one");
    spn_buf_free(&b);
    spn_buf_free(&small);
}

static void test_memory(void)
{
    struct spn_prompts *p = NULL;
    spn_status st = SPN_ENOMEM;

    for (uint64_t n = 1; st == SPN_ENOMEM && n < 100; n++) {
        spn_fail_at(n);
        st = parse(&p, "[a]\nx\n[b]\ny\n", NULL);
        spn_fail_at(0);
    }
    ok(st == SPN_OK, "each allocation that fails is a clear end");
    spn_prompts_free(p);
}

int main(void)
{
    test_sections();
    test_faults();
    test_fill();
    test_memory();
    return done();
}
