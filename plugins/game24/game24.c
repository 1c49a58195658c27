/* game24.c - the Game of 24 as a task (four numbers, + - * /, each used once, 24) and as training
 * data. */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "spinney/plugin.h"

#include "data.h"
#include "expression.h"
#include "rules.h"
#include "search.h"
#include "words.h"

#define TEXT_MAX        512
#define HAND_NUMBERS    4
#define LEVELS          2 /* of proposals: on four numbers, on three */
#define HAND_NUMBER_MAX 999

/* ---- the task ---- */

static bool is_hand(const char *question, struct hand *h)
{
    if (!hand_parse(question, h) || h->n != HAND_NUMBERS)
        return false;
    for (int i = 0; i < h->n; i++)
        if (h->v[i] < 1 || h->v[i] > HAND_NUMBER_MAX)
            return false;
    return true;
}

static bool accepts(const char *question)
{
    struct hand h;

    return is_hand(question, &h);
}

static spn_status start(const char *question, char **state, struct spn_err *err)
{
    char text[TEXT_MAX];
    struct hand h;

    if (!is_hand(question, &h))
        return spn_fail(err, SPN_EFORMAT,
                        "game24: '%.60s' is not a hand: four whole numbers from 1 to %d", question,
                        HAND_NUMBER_MAX);
    hand_text(&h, text, sizeof text);
    *state = spn_strdup(text);
    return *state != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "game24: no memory for a hand");
}

static char *augment(const char *state, struct spn_rng *rng)
{
    char text[TEXT_MAX];
    struct hand h, out;
    int order[HAND_MAX];

    if (!hand_parse(state, &h))
        return NULL;
    for (int i = 0; i < h.n; i++)
        order[i] = i;
    spn_rng_shuffle(rng, order, (size_t)h.n);
    out.n = h.n;
    for (int i = 0; i < h.n; i++)
        out.v[i] = h.v[order[i]];
    hand_text(&out, text, sizeof text);
    return spn_strdup(text);
}

static char *prompt(const char *words, const char *state)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    spn_buf_puts(&b, words);
    spn_buf_puts(&b, state);
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

static char *propose_prompt(const char *state, int level)
{
    (void)level;
    return prompt(WORDS_PROPOSE, state);
}

static char *value_prompt(const char *state)
{
    return prompt(WORDS_VALUE, state);
}

static char *solve_prompt(const char *question)
{
    return prompt(WORDS_SOLVE, question);
}

static bool rule(const char *state, const char *line, int level, bool correct, struct spn_step *out,
                 const char **why)
{
    char text[TEXT_MAX], left[TEXT_MAX];
    struct hand h;
    struct step s;
    bool repaired = false;

    memset(out, 0, sizeof *out);
    *why = "not a state of numbers";
    if (!hand_parse(state, &h))
        return false;
    if (level > LEVELS) {
        /* The closing line of a judgement, taken as it is written. */
        *why = "closes nothing";
        if (h.n != 2 || !step_parse(line, &s))
            return false;
        s.left.n = 0;
        step_text(&s, text, sizeof text);
        s.left = (struct hand){ 1, { s.c } };
    } else {
        if (!rule_apply(&h, line, correct, &s, &repaired, why))
            return false;
        step_text(&s, text, sizeof text);
    }
    hand_text(&s.left, left, sizeof left);
    out->text = spn_strdup(text);
    out->state = spn_strdup(left);
    out->repaired_from = repaired ? spn_strdup(line) : NULL;
    if (out->text != NULL && out->state != NULL && (!repaired || out->repaired_from != NULL))
        return true;
    spn_free(out->text);
    spn_free(out->state);
    spn_free(out->repaired_from);
    memset(out, 0, sizeof *out);
    *why = "no memory";
    return false;
}

/* The last line alone counts, and must be one word. */
static double value(const char *reply)
{
    static const struct {
        const char *word;
        double value;
    } verdicts[] = { { "sure", 20 }, { "likely", 1 }, { "impossible", 0.001 } };
    size_t n = strlen(reply), begin;

    while (n > 0 && isspace((unsigned char)reply[n - 1]))
        n--;
    for (begin = n; begin > 0 && reply[begin - 1] != '\n'; begin--)
        ;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (n - begin == strlen(verdicts[i].word) &&
            strncasecmp(reply + begin, verdicts[i].word, n - begin) == 0)
            return verdicts[i].value;
    return 0;
}

static char *value_key(const char *state)
{
    char key[TEXT_MAX];
    struct hand h;

    if (!hand_parse(state, &h))
        return spn_strdup(state);
    hand_key(&h, key, sizeof key);
    return spn_strdup(key);
}

static bool finish(const char *state, char **last)
{
    char text[TEXT_MAX];
    struct hand h;
    struct step s;

    *last = NULL;
    if (!hand_parse(state, &h) || !rule_finish(&h, &s))
        return false;
    if (h.n == 1)
        return true;
    step_text(&s, text, sizeof text);
    *last = spn_strdup(text);
    return *last != NULL;
}

static char *compose(const char *begin, const char *const *texts, size_t n)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    struct step steps[HAND_MAX];
    struct hand h;

    if (n == 0 || n > HAND_MAX || !hand_parse(begin, &h))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!step_parse(texts[i], &steps[i]))
            return NULL;
    step_expression(&h, steps, (int)n, &b);
    if (b.failed || b.length == 0) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

/* The expression after the last "answer:", else the last line; what follows an '=' is cut. */
static char *extract(const char *reply)
{
    const char *at = NULL, *p, *line = reply;
    size_t n;

    for (p = reply; *p != '\0'; p++) {
        if (strncasecmp(p, "answer:", 7) == 0)
            at = p + 7;
        if (p[0] == '\n' && p[1] != '\0' && p[1] != '\n')
            line = p + 1;
    }
    if (at == NULL)
        at = line;
    while (*at == ' ')
        at++;
    n = strcspn(at, "=\n");
    while (n > 0 && isspace((unsigned char)at[n - 1]))
        n--;
    return n == 0 ? NULL : spn_strndup(at, n);
}

static char *random_reply(const char *state, int level, struct spn_rng *rng)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    struct step moves[MOVES_MAX];
    int order[MOVES_MAX], count, lines;
    struct hand h;
    char text[TEXT_MAX];

    (void)level;
    if (!hand_parse(state, &h) || h.n < 2 || h.n > HAND_NUMBERS)
        return NULL;
    count = search_moves(&h, moves);
    lines = h.n == HAND_NUMBERS ? LINES_FOUR : LINES_THREE;
    for (int i = 0; i < count; i++)
        order[i] = i;
    spn_rng_shuffle(rng, order, (size_t)count);
    for (int i = 0; i < count && i < lines; i++) {
        step_text(&moves[order[i]], text, sizeof text);
        spn_buf_printf(&b, "%s\n", text);
    }
    return spn_buf_steal(&b);
}

static const struct spn_task task = {
    .summary = "four whole numbers, each used once, make 24",
    .accepts = accepts,
    .levels = LEVELS,
    .start = start,
    .augment = augment,
    .propose_prompt = propose_prompt,
    .value_prompt = value_prompt,
    .solve_prompt = solve_prompt,
    .rule = rule,
    .value = value,
    .value_key = value_key,
    .finish = finish,
    .compose = compose,
    .extract = extract,
    .check = expression_check,
    .random_reply = random_reply,
};

/* ---- the data ---- */

static const struct spn_option data_options[] = {
    { "held-out", SPN_OPT_STRING, .help = "file of the hands that are never trained on, one a line",
      .arg = "FILE" },
    { "propose", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.5, .help = "share of proposals" },
    { "value", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.3,
      .help = "share of value judgements" },
    { "solve", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.2,
      .help = "share of worked solutions" },
    { "prompt-weight", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.02,
      .help = "weight of the question's tokens in the loss" },
    { 0 }
};

struct spn_data_source {
    struct data_hands hands;
    struct data_mix mix;
    uint64_t key;
    float prompt_weight;
    struct spn_buf question, answer;
    struct spn_example_part parts[SPN_CHAT_PARTS];
};

static void data_close(struct spn_data_source *s)
{
    if (s == NULL)
        return;
    data_hands_free(&s->hands);
    spn_buf_free(&s->question);
    spn_buf_free(&s->answer);
    spn_free(s);
}

static spn_status data_open(struct spn_data_source **out, const struct spn_values *v, uint64_t seed,
                            struct spn_err *err)
{
    const char *file = spn_value_str(v, "held-out");
    struct spn_data_source *s;
    spn_status st;

    if (file == NULL)
        return spn_fail(
            err, SPN_EUSAGE,
            "data.game24: held-out is missing: the file of the hands that are never trained on");
    s = spn_calloc(1, sizeof *s);
    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "data.game24: no memory");
    s->mix = (struct data_mix){ spn_value_float(v, "propose"), spn_value_float(v, "value"),
                                spn_value_float(v, "solve") };
    s->prompt_weight = (float)spn_value_float(v, "prompt-weight");
    s->key = spn_key_str(spn_key_seed(seed), "game24");
    s->question = s->answer = (struct spn_buf)SPN_BUF_INIT(1 << 16);
    st = data_hands_load(&s->hands, file, err);
    if (st == SPN_OK && !(s->mix.propose + s->mix.value + s->mix.solve > 0))
        st = spn_fail(err, SPN_EUSAGE,
                      "data.game24: the shares of propose, value and solve add up to 0");
    if (st != SPN_OK) {
        data_close(s);
        return st;
    }
    *out = s;
    return SPN_OK;
}

static spn_status data_part(struct spn_data_source *s, uint64_t index,
                            const struct spn_example_part **parts, size_t *n, struct spn_err *err)
{
    struct spn_rng r;

    spn_rng_init(&r, spn_key_int(s->key, index));
    if (data_example(&s->hands, &s->mix, &r, &s->question, &s->answer) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "data.game24: no memory for an example");
    *parts = s->parts;
    *n = spn_chat_parts(s->parts, &s->question, s->prompt_weight, &s->answer);
    return SPN_OK;
}

static const struct spn_data data = {
    .summary = "proposals, value judgements and worked solutions of the Game of 24",
    .options = data_options,
    .open = data_open,
    .close = data_close,
    .example = data_part,
};

/* ---- the plugin ---- */

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st;

    if (registry == NULL)
        return spn_fail(err, SPN_EUSAGE, "game24: this host has no registry");
    st = registry->add(host, SPN_POINT_TASK, "game24", &task, err);
    return st == SPN_OK ? registry->add(host, SPN_POINT_DATA, "game24", &data, err) : st;
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    static const struct {
        const char *hand, *answer;
        int right;
    } cases[] = {
        { "3 3 8 8", "8 / (3 - 8 / 3)", 1 },
        { "4 5 6 10", "(10 - 4) * 5 - 6", 1 },
        { "4 5 6 10", "4 * 6", 0 },
        { "3 3 8 8", "3 * 8", 0 },
    };

    (void)host;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (expression_check(cases[i].hand, cases[i].answer) != cases[i].right)
            return spn_fail(err, SPN_ENO, "game24: %s = 24 with %s is judged wrongly",
                            cases[i].answer, cases[i].hand);
    return SPN_OK;
}

SPN_PLUGIN(game24) = {
    SPN_PLUGIN_HEAD,
    .name = "game24",
    .summary = "the Game of 24: task with rules and exact check, and training data",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_TASK) | SPN_HAS(SPN_POINT_DATA),
    .declare = declare,
    .selftest = selftest,
};
