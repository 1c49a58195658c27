/* template.c - chat formats as data: what stands around a message of each role.
 *
 * A conversation is rendered into one text whose parts are known to be the format's or a message's.
 * Ids are then made of the whole, so that words join across parts as they did when the model was
 * trained, but special tokens are looked for in the format's parts alone.
 */
#include "config.h"

#include "text/template.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "text/vocab.h"

#define TEXT_MAX ((size_t)1 << 30)

enum {
    TRIM = 1,               /* white space around every message goes */
    TRIM_ANSWER = 2,        /* around the assistant's alone */
    SYSTEM_IN_USER = 4,     /* a system text stands in front of the next user text */
    NO_THOUGHTS = 8         /* answers are kept without what stands before </think> */
};

struct around { const char *before, *after; };         /* % is the role's name */

struct spn_template {
    const char *name;
    struct around system, user, assistant;
    const char *generate;   /* opens the assistant's turn */
    int flags;
    const char *start;      /* stands before everything */
    const char *between;    /* before every message but the first */
    const char *turn;       /* before the first message of a turn; an assistant's ends one */
    const char *later;      /* the same for turns after the first, where it differs */
};

#define CHATML     { "<|im_start|>%\n", "<|im_end|>\n" }
#define BARS(end)  { "<|%|>\n", end }
#define INST(gap) { "[INST]" gap, "[/INST]" }
#define ZEPHYR     { "<|%|>\n", "<|endoftext|>\n" }
#define MONARCH    { "%\n", "</s>\n" }
#define GEMMA(who) { "<start_of_turn>" who "\n", "<end_of_turn>\n" }
#define SYS        { "<<SYS>>\n", "\n<</SYS>>\n\n" }
#define R_USER     "<｜User｜>"
#define R_ANSWER   "<｜Assistant｜>"
#define R_END      "<｜end▁of▁sentence｜>"
#define TURN       "<|START_OF_TURN_TOKEN|>"
#define TURN_END   "<|END_OF_TURN_TOKEN|>"
#define LLAMA3     { "<|start_header_id|>%<|end_header_id|>\n\n", "<|eot_id|>" }
#define GRANITE    { "<|start_of_role|>%<|end_of_role|>", "<|end_of_text|>\n" }
#define PHI4       { "<|im_start|>%<|im_sep|>", "<|im_end|>" }

static const struct spn_template rows[] = {
    { "none", { "", "" }, { "", "" }, { "", "" }, .between = "\n\n" },
    { "phi4", PHI4, PHI4, PHI4, .generate = "<|im_start|>assistant<|im_sep|>" },
    { "chatml", CHATML, CHATML, CHATML, .generate = "<|im_start|>assistant\n",
      .flags = NO_THOUGHTS },
    { "mistral7", { "[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]" }, INST(" "), { " ", "</s>" },
      .generate = "" },
    { "mistral7t", { "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]" }, INST(""), { "", "</s>" },
      .generate = "" },
    { "mistral1", { "", "\n\n" }, { "", " [/INST]" }, { " ", "</s>" }, .turn = " [INST] " },
    { "mistral3t", { "", "\n\n" }, { "", "[/INST]" }, { "", "</s>" }, .turn = "[INST]" },
    { "mistral3", { "", "\n\n" }, { "", "[/INST]" }, { " ", "</s>" }, .turn = "[INST] ",
      .flags = TRIM_ANSWER },
    { "llama2", { "", "\n" }, { "", " [/INST]" }, { " ", "</s>" }, .turn = "[INST] " },
    { "llama2_sys", SYS, { "", " [/INST]" }, { " ", "</s>" }, .turn = "[INST] " },
    { "llama2_bos", SYS, { "", " [/INST]" }, { " ", "</s>" }, .turn = "[INST] ",
      .later = "<s>[INST] " },
    { "llama2_strip", SYS, { "", " [/INST]" }, { " ", "</s>" }, .turn = "[INST] ", .flags = TRIM },
    { "llama2_bos_strip", SYS, { "", " [/INST]" }, { " ", "</s>" }, .turn = "[INST] ",
      .later = "<s>[INST] ", .flags = TRIM },
    { "phi3", BARS("<|end|>\n"), BARS("<|end|>\n"), BARS("<|end|>\n"),
      .generate = "<|assistant|>\n" },
    { "chatglm4", BARS(""), BARS(""), BARS(""), .generate = "<|assistant|>",
      .start = "[gMASK]<sop>" },
    { "falcon3", BARS("\n"), BARS("\n"), BARS("\n"), .generate = "<|assistant|>\n" },
    { "glm_edge", BARS(""), BARS(""), BARS(""), .generate = "<|assistant|>" },
    { "zephyr", ZEPHYR, ZEPHYR, ZEPHYR, .generate = "<|assistant|>\n" },
    { "monarch", MONARCH, MONARCH, MONARCH, .generate = "<s>assistant\n", .between = "<s>" },
    { "gemma", { "", "\n\n" }, GEMMA("user"), GEMMA("model"), .generate = "<start_of_turn>model\n",
      .flags = TRIM | SYSTEM_IN_USER },
    { "openchat", { "", "<|end_of_turn|>" }, { "GPT4 Correct User: ", "<|end_of_turn|>" },
      { "GPT4 Correct Assistant: ", "<|end_of_turn|>" }, .generate = "GPT4 Correct Assistant:" },
    { "vicuna", { "", "\n\n" }, { "USER: ", "\n" }, { "ASSISTANT: ", "</s>\n" },
      .generate = "ASSISTANT:" },
    { "vicuna_system", { "SYSTEM: ", "\n" }, { "USER: ", "\n" }, { "ASSISTANT: ", "</s>\n" },
      .generate = "ASSISTANT:" },
    { "deepseek", { "", "" }, { "### Instruction:\n", "\n" },
      { "### Response:\n", "\n<|EOT|>\n" }, .generate = "### Response:\n" },
    { "command_r", { TURN "<|SYSTEM_TOKEN|>", TURN_END }, { TURN "<|USER_TOKEN|>", TURN_END },
      { TURN "<|CHATBOT_TOKEN|>", TURN_END }, .generate = TURN "<|CHATBOT_TOKEN|>",
      .flags = TRIM },
    { "llama3", LLAMA3, LLAMA3, LLAMA3, .flags = TRIM,
      .generate = "<|start_header_id|>assistant<|end_header_id|>\n\n" },
    { "deepseek2", { "", "\n\n" }, { "User: ", "\n\n" }, { "Assistant: ", R_END },
      .generate = "Assistant:" },
    { "deepseek3", { "", "\n\n" }, { R_USER, "" }, { R_ANSWER, R_END }, .generate = R_ANSWER,
      .flags = NO_THOUGHTS },
    { "granite", GRANITE, GRANITE, GRANITE,
      .generate = "<|start_of_role|>assistant<|end_of_role|>" },
};

/* The first row whose words all stand in the Jinja text. */
static const struct { const char *word[3], *name; } hints[] = {
    { { "<|im_start|>", "<|im_sep|>" }, "phi4" },
    { { "<|im_start|>" }, "chatml" },
    { { "[INST]", "[SYSTEM_PROMPT]" }, "mistral7" },
    { { "[INST]", "[AVAILABLE_TOOLS]", " [INST]" }, "mistral1" },
    { { "[INST]", "' [INST] ' + system_message" }, "mistral1" },
    { { "[INST]", "[AVAILABLE_TOOLS]", "\"[INST]\"" }, "mistral3t" },
    { { "[INST]", "[AVAILABLE_TOOLS]" }, "mistral3" },
    { { "[INST]", "bos_token + '[INST]", "content.strip()" }, "llama2_bos_strip" },
    { { "[INST]", "content.strip()" }, "llama2_strip" },
    { { "[INST]", "bos_token + '[INST]" }, "llama2_bos" },
    { { "[INST]", "<<SYS>>" }, "llama2_sys" },
    { { "[INST]" }, "llama2" },
    { { "<|assistant|>", "<|end|>" }, "phi3" },
    { { "[gMASK]<sop>" }, "chatglm4" },
    { { "<|assistant|>", "<|user|>", "</s>" }, "falcon3" },
    { { "<|assistant|>", "<|user|>" }, "glm_edge" },
    { { "<|user|>", "<|endoftext|>" }, "zephyr" },
    { { "bos_token + message['role']" }, "monarch" },
    { { "<start_of_turn>" }, "gemma" },
    { { "GPT4 Correct" }, "openchat" },
    { { "USER: ", "ASSISTANT: ", "SYSTEM: " }, "vicuna_system" },
    { { "USER: ", "ASSISTANT: " }, "vicuna" },
    { { "### Instruction:", "<|EOT|>" }, "deepseek" },
    { { "<|START_OF_TURN_TOKEN|>" }, "command_r" },
    { { "<|start_header_id|>" }, "llama3" },
    { { "'Assistant: ' + message['content'] + eos_token" }, "deepseek2" },
    { { R_ANSWER, R_USER }, "deepseek3" },
    { { "<|start_of_role|>" }, "granite" },
};

const struct spn_template *spn_template_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct spn_template *spn_template_detect(const char *source)
{
    for (size_t i = 0; source != NULL && i < sizeof hints / sizeof hints[0]; i++) {
        bool all = true;

        for (size_t k = 0; k < 3 && hints[i].word[k] != NULL; k++)
            all &= strstr(source, hints[i].word[k]) != NULL;
        if (all)
            return spn_template_find(hints[i].name);
    }
    return &rows[0];
}

const char *spn_template_name(const struct spn_template *t)
{
    return t->name;
}

/* ---- rendering ---- */

struct part {
    size_t end;
    bool message;
}; /* neighbours differ in kind */
struct render {
    struct spn_buf *text;
    struct part *part;
    size_t n, room;
};

static spn_status add(struct render *r, const char *s, size_t n, bool message)
{
    if (n == 0)
        return SPN_OK;
    if (spn_buf_add(r->text, s, n) != SPN_OK)
        return SPN_ENOMEM;
    if (r->n > 0 && r->part[r->n - 1].message == message) {
        r->part[r->n - 1].end = r->text->length;
        return SPN_OK;
    }
    if (r->n == r->room) {
        size_t room = r->room < 16 ? 16 : r->room * 2;
        struct part *grown = spn_realloc(r->part, room, sizeof *grown);

        if (grown == NULL)
            return SPN_ENOMEM;
        r->part = grown;
        r->room = room;
    }
    r->part[r->n++] = (struct part){ r->text->length, message };
    return SPN_OK;
}

/* S with the role's name in place of its %; NULL adds nothing. */
static spn_status add_format(struct render *r, const char *s, const char *role)
{
    const char *name = s == NULL ? NULL : strchr(s, '%');
    spn_status st;

    if (s == NULL)
        return SPN_OK;
    if (name == NULL)
        return add(r, s, strlen(s), false);
    st = add(r, s, (size_t)(name - s), false);
    if (st == SPN_OK)
        st = add(r, role, strlen(role), false);
    return st == SPN_OK ? add(r, name + 1, strlen(name + 1), false) : st;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static spn_status add_message(struct render *r, const struct spn_template *t,
                              const struct spn_message *m)
{
    const char *s = m->content, *thought;
    bool answer = strcmp(m->role, "assistant") == 0;
    size_t n;

    if ((t->flags & NO_THOUGHTS) && answer)
        while ((thought = strstr(s, "</think>")) != NULL) {
            s = thought + strlen("</think>");
            s += strspn(s, "\n");
        }
    n = strlen(s);
    if ((t->flags & TRIM) || (answer && (t->flags & TRIM_ANSWER))) {
        while (n > 0 && is_blank(s[n - 1]))
            n--;
        while (n > 0 && is_blank(*s)) {
            s++;
            n--;
        }
    }
    return add(r, s, n, true);
}

/* The system texts among BEFORE[N] stand in front of the message's own. */
static spn_status add_turn(struct render *r, const struct spn_template *t, const struct around *a,
                           const struct spn_message *m, const struct spn_message *before, size_t n)
{
    spn_status st = add_format(r, a->before, m->role);

    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        if (strcmp(before[i].role, "system") != 0)
            continue;
        st = add_message(r, t, &before[i]);
        if (st == SPN_OK)
            st = add_format(r, t->system.after, "system");
    }
    if (st == SPN_OK)
        st = add_message(r, t, m);
    return st == SPN_OK ? add_format(r, a->after, m->role) : st;
}

static spn_status check_messages(const struct spn_message *m, size_t n, struct spn_err *err)
{
    static const char *const roles[] = { "system", "user", "assistant", "tool" };

    for (size_t i = 0; i < n; i++) {
        bool known = false;

        if (m[i].role == NULL || m[i].content == NULL)
            return spn_fail(err, SPN_EUSAGE, "chat: message %zu has no role or no content", i);
        /* A role is written as part of the format, so a free one could open a turn of its own. */
        for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++)
            known |= strcmp(m[i].role, roles[k]) == 0;
        if (!known)
            return spn_fail(
                err, SPN_EUSAGE,
                "chat: message %zu has role \"%.40s\", known are system, user, assistant and tool",
                i, m[i].role);
    }
    return SPN_OK;
}

static spn_status render(struct render *r, const struct spn_template *t,
                         const struct spn_message *m, size_t n, bool generate)
{
    bool inside = false, held = (t->flags & SYSTEM_IN_USER) != 0;
    size_t done = 0; /* messages before it are written */
    spn_status st = add_format(r, t->start, "");

    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        bool system = strcmp(m[i].role, "system") == 0,
             answer = strcmp(m[i].role, "assistant") == 0;
        const struct around *a = answer ? &t->assistant : system && !held ? &t->system : &t->user;

        if (system && held && i + 1 < n)
            continue; /* waits for a user text */
        if (i > 0)
            st = add_format(r, t->between, m[i].role);
        if (st == SPN_OK && !inside)
            st = add_format(r, i > 0 && t->later != NULL ? t->later : t->turn, m[i].role);
        inside = !answer;
        if (st == SPN_OK)
            st = add_turn(r, t, a, &m[i], m + done, held && !answer ? i - done : 0);
        if (!answer)
            done = i + 1;
    }
    return st == SPN_OK && generate ? add_format(r, t->generate, "assistant") : st;
}

static spn_status render_all(struct render *r, const struct spn_template *t,
                             const struct spn_message *m, size_t n, bool generate,
                             struct spn_err *err)
{
    spn_status st = check_messages(m, n, err);

    if (st == SPN_OK && render(r, t, m, n, generate) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "chat: no room for a conversation of %zu messages", n);
    return st;
}

spn_status spn_template_text(const struct spn_template *t, const struct spn_message *m, size_t n,
                             bool generate, struct spn_buf *out, struct spn_err *err)
{
    size_t before = out->length;
    struct render r = { .text = out };
    spn_status st = render_all(&r, t, m, n, generate, err);

    if (st != SPN_OK)
        spn_buf_trim(out, before);
    spn_free(r.part);
    return st;
}

spn_status spn_template_ids(const struct spn_template *t, const struct spn_tokenizer *tok,
                            const struct spn_message *m, size_t n, bool generate,
                            struct spn_ids *out, struct spn_err *err)
{
    struct spn_buf text = SPN_BUF_INIT(TEXT_MAX);
    struct render r = { .text = &text };
    struct vocab_spans spans = { NULL, 0, 0 };
    size_t before = out->n, begin = 0;
    spn_status st = render_all(&r, t, m, n, generate, err);

    for (size_t i = 0; i < r.n && st == SPN_OK; i++) {
        st = vocab_split(tok, text.data, begin, r.part[i].end - begin, !r.part[i].message, &spans,
                         err);
        begin = r.part[i].end;
    }
    if (st == SPN_OK && spn_tokenizer_adds_bos(tok) && spn_ids_add(out, tok->bos) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "chat: out of memory for ids");
    if (st == SPN_OK)
        st = vocab_encode(tok, text.data, &spans, out, err);
    if (st != SPN_OK)
        out->n = before;
    spn_free(spans.at);
    spn_free(r.part);
    spn_buf_free(&text);
    return st;
}
