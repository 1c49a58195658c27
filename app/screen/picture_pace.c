#include "config.h"

#include "screen/picture_pace.h"

#define SPAN_US      200000.0
#define QUEUE_US     12000.0 /* of pieces, beyond what the line holds */
#define EARLY_US     1000
#define LONG_US      20000.0
#define PIECE_US     15000.0 /* how long a piece takes: text cannot go inside one */
#define PIECE_LEAST  4000
#define PIECE_MOST   ((size_t)256 << 10)
#define WINDOW_LEAST 8000.0
#define SILENCE_US   3000000 /* beyond what the bytes need: then no answer comes */

void pace_init(struct pace *p, bool by_rate, double rate)
{
    *p = (struct pace){ .by_rate = by_rate, .rate = rate > 0 ? rate : PACE_RATE };
}

void pace_round_trip(struct pace *p, int64_t us)
{
    double trip = us > 1 ? (double)us : 1;

    /* The least that was seen; it may grow again, as a way may. */
    if (p->rtt_us == 0 || trip < p->rtt_us)
        p->rtt_us = trip;
    else
        p->rtt_us += (trip - p->rtt_us) * 0.05;
}

static double window(const struct pace *p)
{
    double w = p->measured ? p->rate * (p->rtt_us + QUEUE_US) / 1e6 : 0;

    return w > WINDOW_LEAST ? w : WINDOW_LEAST;
}

bool pace_may(const struct pace *p, int64_t now_us)
{
    if (p->n == PACE_MARKS)
        return false;
    if (p->by_rate)
        return now_us >= p->free_us;
    if (p->n > 0 && now_us + EARLY_US < p->free_us)
        return false;
    /* The last one may go beyond: so a rate that was found too low comes up. */
    return (double)p->in_flight < window(p);
}

void pace_sent(struct pace *p, size_t bytes, int64_t now_us)
{
    int64_t from = p->free_us > now_us ? p->free_us : now_us;

    p->pieces++;
    /* What a long line holds does not go at once: it would queue where the line begins.  Faster
       than was found all the same, so that a rate that is too low comes up. */
    if (p->by_rate || (p->measured && p->rtt_us > LONG_US))
        p->free_us = from + (int64_t)((double)bytes / (p->by_rate ? p->rate : 1.6 * p->rate) * 1e6);
    if (p->by_rate)
        return;
    if (p->n == 0) {
        p->since_us = now_us;
        p->first_trip = true;
        p->through = 0;
    }
    p->mark[(p->first + p->n++) % PACE_MARKS] = (struct pace_mark){ bytes, now_us };
    p->in_flight += bytes;
}

void pace_answered(struct pace *p, int64_t now_us)
{
    const struct pace_mark *m = &p->mark[p->first];
    double busy;

    if (p->n == 0)
        return;
    p->answers++;
    if (m->bytes == 0 || (double)(now_us - m->sent_us) < p->rtt_us)
        pace_round_trip(p, now_us - m->sent_us);
    p->through += m->bytes;
    p->in_flight -= m->bytes;
    p->first = (p->first + 1) % PACE_MARKS;
    p->n--;
    /* All that went through since the line was idle, over the time it had for it.  Answers may be
       read late, several at a time: one by one they would say that the line is fast. */
    if (p->first_trip) {
        p->since_us += (int64_t)p->rtt_us;
        p->first_trip = false;
    }
    busy = (double)(now_us - p->since_us);
    if (p->through >= 4000 && (busy >= 30000 || p->n == 0)) {
        double rate = (double)p->through / (busy > 200 ? busy : 200) * 1e6;

        p->rate += (rate - p->rate) * (p->measured ? 0.5 : 1);
        p->measured = true;
        if (busy >= SPAN_US) { /* what was long ago says nothing of now */
            p->since_us = now_us;
            p->through = 0;
        }
    }
}

static int64_t silence_end(const struct pace *p)
{
    return p->mark[p->first].sent_us + SILENCE_US +
           (int64_t)(4 * (double)p->in_flight / p->rate * 1e6);
}

bool pace_idle(struct pace *p, int64_t now_us)
{
    if (p->by_rate)
        return now_us >= p->free_us;
    if (p->n > 0 && now_us >= silence_end(p)) {
        pace_forget(p);
        p->by_rate = true;
        p->rate = PACE_RATE;
    }
    return p->n == 0;
}

int64_t pace_wait_us(const struct pace *p, int64_t now_us)
{
    int64_t until = p->by_rate || (p->n > 0 && now_us < p->free_us) ? p->free_us
                    : p->n > 0                                      ? silence_end(p)
                                                                    : now_us;

    return until > now_us ? until - now_us : -1;
}

void pace_forget(struct pace *p)
{
    p->n = 0;
    p->in_flight = 0;
    p->free_us = 0;
}

size_t pace_piece_bytes(const struct pace *p)
{
    /* Before the first answer the line may be any. */
    double n = !p->measured && !p->by_rate ? 0 : p->rate * PIECE_US / 1e6;

    return n < PIECE_LEAST ? PIECE_LEAST : n > (double)PIECE_MOST ? PIECE_MOST : (size_t)n;
}
