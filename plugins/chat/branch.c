/* branch.c - what is said next, and where: asking, asking again, editing, branches and versions. */
#include "config.h"

#include "base/mem.h"
#include "talk.h"

/* ---- asking ---- */

void talk_ask(struct talk *t, size_t question)
{
    t->editing = false;
    t->branch = SAID_NONE;
    t->undo = t->said.leaf;
    t->said.leaf = question;
    call_start(t, question);
}

/* Where the next message is said. */
static size_t parent_of_next(const struct talk *t)
{
    size_t leaf = t->said.leaf;

    if (t->editing)
        return t->branch;
    /* A question that got no answer is left behind, not asked twice in a row. */
    return leaf != SAID_NONE && t->said.item[leaf].user ? t->said.item[leaf].parent : leaf;
}

void talk_send(struct talk *t, const char *text)
{
    struct spn_err err = SPN_ERR_INIT;
    size_t i;

    if (t->call != NULL || t->probing) {
        said_set(&t->waiting, text);
        show_rule(t);
        return;
    }
    probe_end(t);
    i = sayings_add(&t->said, parent_of_next(t), true, text);
    if (i == SAID_NONE) {
        talk_say(t, "no memory for a question");
        return;
    }
    if (keep_turn(&t->keep, &t->said, i, &err) != SPN_OK)
        t->api->fail(t->screen, &err);
    talk_ask(t, i);
    show_heading(t);
}

bool talk_idle(struct talk *t)
{
    bool busy = t->call != NULL || t->probing;

    if (busy)
        talk_say(t, "an answer is under way; C-c stops it");
    return !busy;
}

void talk_go_to(struct talk *t, size_t leaf)
{
    if (leaf != t->said.leaf)
        t->undo = t->said.leaf;
    t->said.leaf = leaf;
    probe_end(t);
    show_transcript(t);
    keep_place(&t->keep, &t->said, NULL, NULL);
    if (leaf != SAID_NONE && t->said.item[leaf].forest == NULL)
        panel_clear(t);
    panel_turn(t, leaf);
}

/* Ask the question of turn I again. */
void talk_again(struct talk *t, size_t i)
{
    if (!talk_idle(t))
        return;
    if (i == SAID_NONE) {
        talk_say(t, "nothing was asked yet");
        return;
    }
    probe_end(t);
    talk_ask(t, t->said.item[i].user ? i : t->said.item[i].parent);
}

void talk_edit(struct talk *t, size_t i)
{
    if (!talk_idle(t))
        return;
    if (i != SAID_NONE && !t->said.item[i].user)
        i = t->said.item[i].parent;
    if (i == SAID_NONE) {
        talk_say(t, "nothing was asked yet");
        return;
    }
    t->editing = true;
    t->branch = t->said.item[i].parent;
    t->api->line(t->screen, t->said.item[i].text);
    show_rule(t);
}

/* What is said next follows turn I: a branch beside what was said there. */
void talk_branch(struct talk *t, size_t i)
{
    if (!talk_idle(t))
        return;
    if (i != SAID_NONE && t->said.item[i].user)
        i = t->said.item[i].parent;
    if (i == SAID_NONE) {
        talk_say(t, "there is nothing before the first question; e changes it");
        return;
    }
    talk_go_to(t, i);
    t->editing = true;
    t->branch = i;
    t->api->line(t->screen, "");
    show_rule(t);
}

void talk_undo(struct talk *t)
{
    size_t before = t->undo;

    if (!talk_idle(t))
        return;
    if (t->editing) {
        t->editing = false;
        t->branch = SAID_NONE;
        t->api->line(t->screen, "");
        talk_say(t, "no branch is begun");
    } else if (before == SAID_NONE || before == t->said.leaf) {
        talk_say(t, "nothing to take back");
        return;
    }
    if (before != SAID_NONE && before != t->said.leaf) {
        t->undo = t->said.leaf;
        t->said.leaf = before;
        show_transcript(t);
        panel_turn(t, before);
        keep_place(&t->keep, &t->said, NULL, NULL);
    }
    show_rule(t);
}

/* Another version of turn I, with what followed it. */
void talk_version(struct talk *t, size_t i, int way)
{
    size_t other = i != SAID_NONE ? sayings_version(&t->said, i, way) : SAID_NONE;

    if (!talk_idle(t))
        return;
    if (other == SAID_NONE) {
        talk_say(t, "that is the %s version", way < 0 ? "first" : "last");
        return;
    }
    talk_go_to(t, sayings_end(&t->said, other));
    /* The choice stays on the same place of the branch. */
    show_choose(t, other);
}

void talk_fold(struct talk *t, size_t i)
{
    bool open;

    if (i == SAID_NONE || t->said.item[i].user || said_thinking(t->said.item[i].text, &open) == 0) {
        talk_say(t, "no thinking in this message");
        return;
    }
    t->said.item[i].unfolded = !t->said.item[i].unfolded;
    show_transcript(t);
}
