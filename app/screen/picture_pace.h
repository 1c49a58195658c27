/* picture_pace.h - how much of a picture may be on the way to the terminal, so that a key's answer
 * never waits long behind it.
 *
 * After each piece the terminal is asked for its status; the answers say how fast the line is.
 * As much is on the way as the line holds in a round trip and some 12 ms more: the answer to a key
 * queues behind so much at most.  Where nobody beyond answers (inside tmux, which answers itself)
 * pieces go by a rate.  Keeps no terminal and no clock: both are handed in, in microseconds. */
#ifndef APP_SCREEN_PICTURE_PACE_H
#define APP_SCREEN_PICTURE_PACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_MARKS 64
#define PACE_RATE  1e6 /* bytes a second, until more is known */

struct pace {
    bool by_rate;  /* answers say nothing, or none come */
    bool measured; /* the rate is no guess */
    double rate;   /* bytes a second */
    double rtt_us; /* least time from question to answer; 0: none came */
    struct pace_mark {
        size_t bytes;
        int64_t sent_us;
    } mark[PACE_MARKS]; /* ring of pieces on the way */
    int first, n;
    size_t in_flight;
    int64_t since_us;         /* since when the line is measured, */
    size_t through;           /* and what was answered since */
    bool first_trip;          /* the first bytes of it are still on their way */
    int64_t free_us;          /* when the next may go */
    uint64_t pieces, answers; /* since the start */
};

void pace_init(struct pace *p, bool by_rate, double rate);
/* A question with nothing before it was answered after US. */
void pace_round_trip(struct pace *p, int64_t us);
/* May a piece be sent at NOW? One always may when nothing is on the way. */
bool pace_may(const struct pace *p, int64_t now_us);
/* BYTES 0: a question alone, when nothing is on the way: it measures the way. */
void pace_sent(struct pace *p, size_t bytes, int64_t now_us);
void pace_answered(struct pace *p, int64_t now_us);
/* Is nothing on the way? Pieces without an answer count as arrived when their time is over; then
   the terminal answers no more, and pieces go by the rate. */
bool pace_idle(struct pace *p, int64_t now_us);
/* Microseconds until pace_may or pace_idle may change by themselves; -1: only an answer can. */
int64_t pace_wait_us(const struct pace *p, int64_t now_us);
/* What was on the way is gone: the terminal was left and entered. */
void pace_forget(struct pace *p);
size_t pace_piece_bytes(const struct pace *p); /* how large pieces should be */

#endif
