/* math.c - task `math`: questions with a number or a formula as their answer (GSM8K, MATH, AIME).
 */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "base/mem.h"
#include "spinney/plugin.h"
#include "steps.h"

/* A word of TEXT, letters of any size, not inside a longer one. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *s = text; (s = strcasestr(s, word)) != NULL; s++)
        if ((s == text || !isalpha((unsigned char)s[-1])) && !isalpha((unsigned char)s[n]))
            return true;
    return false;
}

/* A question for a number: it has numbers, or LaTeX, and asks for one. */
static bool accepts(const char *question)
{
    static const char *const asks[] = { "how many",        "how much",          "how far",
                                        "how long",        "how old",           "how fast",
                                        "how tall",        "what is the value", "find the",
                                        "calculate",       "compute",           "evaluate",
                                        "solve",           "what number",       "what percent",
                                        "what percentage", "what fraction",     "simplify",
                                        "determine the" };
    bool number = strpbrk(question, "0123456789") != NULL || strchr(question, '$') != NULL ||
                  strchr(question, '\\') != NULL;

    for (size_t i = 0; number && i < sizeof asks / sizeof *asks; i++)
        if (has_word(question, asks[i]))
            return true;
    /* "What is 3 * 7?" */
    return number && has_word(question, "what is") && strpbrk(question, "+*/=^") != NULL;
}

static spn_status start(const char *question, char **state, struct spn_err *err)
{
    size_t n = strlen(question);

    while (n > 0 && isspace((unsigned char)question[n - 1]))
        n--;
    if (n == 0)
        return spn_fail(err, SPN_EFORMAT, "math: the question is empty");
    *state = spn_strndup(question, n);
    return *state != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "math: no memory for a question");
}

static char *solve_prompt(const char *question)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 24);

    spn_buf_printf(&b,
                   "%s\n\nSolve this step by step. End with a line that holds the answer alone:\n"
                   "#### ANSWER",
                   question);
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

/* The truth is not known here. */
static int check(const char *question, const char *answer)
{
    (void)question;
    (void)answer;
    return -1;
}

static spn_status worked(const char *question, const char *reply, struct spn_worked *out,
                         struct spn_err *err)
{
    static const char *const why[] = { [STEPS_FINE] = NULL,
                                       [STEPS_FALSE] = "a result is false",
                                       [STEPS_UNKNOWN] = "a number comes from nowhere",
                                       [STEPS_ANSWER] = "its answer is no result" };
    enum steps_fault fault;
    spn_status st = steps_check(question, reply, &fault, &out->mended, err);

    out->why = st == SPN_OK ? why[fault] : NULL;
    return st;
}

static int grade(const char *answer, const char *gold)
{
    char *stated = strstr(gold, "####") != NULL || strstr(gold, "\\boxed") != NULL
                       ? answer_extract(gold)
                       : spn_strdup(gold);
    int right = stated == NULL ? -1 : answer_equal(answer, stated);

    spn_free(stated);
    return right;
}

static const struct spn_task task = {
    .summary = "questions with a number or a formula as their answer",
    .accepts = accepts,
    .start = start,
    .solve_prompt = solve_prompt,
    .extract = answer_extract,
    .check = check,
    .prompts = "math",
    .canonical = answer_normal,
    .worked = worked,
    .grade = grade,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "math: this host has no table \"registry\" 1");
    return registry->add(host, SPN_POINT_TASK, "math", &task, err);
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    static const struct {
        const char *reply, *gold;
        int right;
    } cases[] = {
        { "4 * 6 = 24\n#### 24", "#### 24", 1 },
        { "so \\boxed{\\frac12}", "0.5", 1 },
        { "The answer is 1,000.", "1001", 0 },
    };

    (void)host;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *answer = answer_extract(cases[i].reply);
        int right = answer != NULL ? grade(answer, cases[i].gold) : -1;

        spn_free(answer);
        if (right != cases[i].right)
            return spn_fail(err, SPN_ENO, "math: \"%s\" against %s is graded %d", cases[i].reply,
                            cases[i].gold, right);
    }
    return SPN_OK;
}

SPN_PLUGIN(math) = {
    SPN_PLUGIN_HEAD,
    .name = "math",
    .summary = "word problems and mathematics: answers read, compared, their arithmetic mended",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_TASK),
    .declare = declare,
    .selftest = selftest,
};
