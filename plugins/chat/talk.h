/* talk.h - the state of one chat screen, shared by its files: what was said, the answer under way,
 * the forest that is looked at. */
#ifndef CHAT_TALK_H
#define CHAT_TALK_H
#include <pthread.h>

#include "grove.h"
#include "keep.h"
#include "spinney/probe.h"
#include "spinney/view.h"
#include "turn.h"

#define OPTIONS_MAX 128
#define WISHES_MAX  16

/* Token probabilities of one turn, as `p` shows them. */
struct probe_shown {
    bool on;
    size_t turn;             /* whose */
    size_t cursor;           /* token that the cursor is on */
    int other;               /* alternative that is chosen, -1: none */
    struct spn_probe *probe; /* owned */
};

struct talk {
    const struct spn_host *host;
    const struct spn_pane_api *api;
    const struct spn_values_api *values_api;
    struct spn_screen *screen;
    struct spn_pane *transcript, *trees, *outline, *answers, *node;
    struct spn_option table[OPTIONS_MAX]; /* those of the command, with model and seed */
    struct spn_values *values;
    struct chat c;
    bool open;   /* C is read and its engine open */
    char *model; /* that answered last; NULL: none */
    struct sayings said;
    struct keep keep;
    size_t branch;     /* the next message is said after this turn; SAID_NONE: after the leaf */
    bool editing;      /* the next message replaces a turn after BRANCH (SAID_NONE: the first) */
    size_t undo;       /* leaf before the last change of the branch; SAID_NONE: nothing to undo */
    size_t shown;      /* blocks of the transcript */
    char *waiting;     /* a message sent while an answer was under way */
    char *prefill;     /* what the next answer begins with; NULL: nothing */
    struct call *call; /* under way; NULL: none */

    struct grove grove, step; /* of the turn that is looked at; at a step of its replay */
    size_t grove_turn;        /* whose it is; SAID_NONE: of the answer under way, or none */
    bool replaying, playing;
    size_t at; /* step of the replay */
    int tree;  /* that is looked at, -1: none */
    bool follow;
    double filled; /* when the panes of the forest were filled last */

    struct probe_shown probe;
    bool probing; /* its job is under way: the options stay as they are */
};

double talk_now(void);
void talk_say(struct talk *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- show.c: the transcript and the rows around it ---- */
void show_transcript(struct talk *t); /* all of the shown branch */
void show_reply(struct talk *t);      /* the block of an answer under way, empty */
void show_growing(struct talk *t);    /* its words about the forest */
void show_rule(struct talk *t);
void show_heading(struct talk *t);
void show_choose(struct talk *t, size_t i); /* turn I is the chosen one */
/* The turn that the choice of the transcript stands on; SAID_NONE: none. */
size_t show_chosen(const struct talk *t);

/* ---- call.c: an answer under way ---- */
struct call;
/* Answer turn QUESTION. */
void call_start(struct talk *t, size_t question);
void call_wish(struct talk *t, enum spn_steer_kind kind, int tree);
size_t call_question(const struct call *c);
uint64_t call_block(const struct talk *t); /* of its reply in the transcript */
/* Open the engine on a job's thread; the text for the state of the screen. */
spn_status call_engine(struct talk *t, struct spn_buf *state, struct spn_err *err);

/* ---- panel.c: the forest ---- */
void panel_clear(struct talk *t);
void panel_fill(struct talk *t, bool at_once);
/* Look at the forest of turn I, where it has one. */
void panel_turn(struct talk *t, size_t i);
bool panel_act(struct talk *t, struct spn_pane *p, enum spn_want act, int n);
void panel_chosen(struct talk *t, struct spn_pane *p, uint64_t id);
void panel_timer(struct talk *t);
bool panel_is(const struct talk *t, const struct spn_pane *p);

/* ---- probe.c: token probabilities ---- */
void probe_start(struct talk *t, size_t turn);
void probe_end(struct talk *t);
/* Left, right, up, down and Enter while it is shown; false: not its key. */
bool probe_act(struct talk *t, enum spn_want act);

/* ---- branch.c: what is said next, and where ---- */
bool talk_idle(struct talk *t); /* false: an answer is under way, and that was said */
void talk_send(struct talk *t, const char *text);
void talk_ask(struct talk *t, size_t question); /* answer it, as the options say */
void talk_go_to(struct talk *t, size_t leaf);   /* show that branch */
void talk_again(struct talk *t, size_t i);      /* ask the question of turn I again */
void talk_edit(struct talk *t, size_t i);
void talk_branch(struct talk *t, size_t i); /* what is said next follows turn I */
void talk_undo(struct talk *t);
void talk_version(struct talk *t, size_t i, int way); /* another version of turn I */
void talk_fold(struct talk *t, size_t i);             /* its thinking */

/* ---- view.c ---- */
spn_status talk_set(struct talk *t, const char *name, const char *value, struct spn_err *err);
void talk_models(struct talk *t); /* models.c: the picker */
void talk_settings(const struct talk *t, struct spn_buf *out);

#endif
