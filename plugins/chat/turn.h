/* turn.h - one question and its answer: messages in, a result out. */
#ifndef CHAT_TURN_H
#define CHAT_TURN_H
#include "options.h"

/* A question with all that its result needs; owns what it points at but the task. */
struct turn {
    int64_t index;
    json_t *id; /* NULL: none */
    struct spn_message *message;
    size_t n_messages;
    char *question; /* the last message */
    char *gold;     /* its true answer, for the result alone; NULL: not given */
    const struct spn_task *task;
    const char *task_name;
    int64_t ticket; /* of a plain reply under way */
    struct { /* where its text goes, and when it has to end; it stays where it is till then */
        struct chat *chat;
        bool stream, over;
        double deadline; /* 0: none */
    } flow;

    char *answer, *text;
    int checked; /* 1, 0, -1 */
    const char *finish, *ended;
    int64_t calls, tokens_in, tokens_cached, tokens_out;
    bool estimated; /* the counts of tokens are ours, not the server's */
    double seconds;
    struct spn_thoughts *thoughts;
    int64_t winner;
    bool done;
    spn_status status; /* of a turn that failed */
    struct spn_err err;
};

/* The messages of RECORD, below the system message where none is in it. SPN_EFORMAT says what is
   wrong with them. Free with turn_free, also after an error. */
spn_status turn_of_record(struct turn *t, const struct chat *c, const struct spn_record *record,
                          struct spn_err *err);
/* Copies: a system message (NULL: none), then N messages. */
spn_status turn_of_messages(struct turn *t, const struct chat *c, const struct spn_message *m,
                            size_t n, struct spn_err *err);
void turn_free(struct turn *t, const struct chat *c);

/* A plain reply: queue it, and take its ANSWER when the engine has it. With STREAM, text goes out
   as it comes. */
spn_status turn_submit(struct turn *t, struct chat *c, bool stream, struct spn_err *err);
spn_status turn_take(struct turn *t, struct chat *c, const struct spn_answer *answer,
                     struct spn_err *err);
/* A reply by the reasoner, start to end. */
spn_status turn_reason(struct turn *t, struct chat *c, struct spn_err *err);
/* The result: a line of JSON, or text for a person. STREAMED: the text has gone out already. */
spn_status turn_emit(struct turn *t, struct chat *c, bool streamed, struct spn_err *err);

#endif
