#include "config.h"

#include "screen/picture_pace.h"

#define QUEUE_US     40000.0 /* of pieces, beyond what the line holds */
#define PIECE_US     25000.0 /* how long a piece takes: text cannot go inside one */
#define PIECE_LEAST  6000
#define PIECE_MOST   ((size_t)256 << 10)
#define WINDOW_LEAST 12000.0
#define SILENCE_US   3000000 /* beyond what the bytes need: then no answer comes */

void pace_init(struct pace *p, bool by_rate, double rate)
{
    *p = (struct pace){ .by_rate = by_rate, .rate = rate > 0 ? rate : PACE_RATE };
}

void pace_round_trip(struct pace *p, int64_t us)
{
    if (us >= 0 && (p->rtt_us == 0 || (double)us < p->rtt_us))
        p->rtt_us = us > 0 ? (double)us : 1;
}

static double window(const struct pace *p)
{
    double w = p->rate * (p->rtt_us + QUEUE_US) / 1e6;

    return w > WINDOW_LEAST ? w : WINDOW_LEAST;
}

bool pace_may(const struct pace *p, size_t bytes, int64_t now_us)
{
    if (p->n == PACE_MARKS)
        return false;
    if (p->by_rate)
        return now_us >= p->free_us;
    return p->n == 0 || (double)(p->in_flight + bytes) <= window(p);
}

void pace_sent(struct pace *p, size_t bytes, int64_t now_us)
{
    p->pieces++;
    if (p->by_rate) {
        int64_t from = p->free_us > now_us ? p->free_us : now_us;

        p->free_us = from + (int64_t)((double)bytes / p->rate * 1e6);
        return;
    }
    p->mark[(p->first + p->n++) % PACE_MARKS] = (struct pace_mark){ bytes, now_us };
    p->in_flight += bytes;
}

void pace_answered(struct pace *p, int64_t now_us)
{
    const struct pace_mark *m = &p->mark[p->first];
    double took, rate;

    if (p->n == 0)
        return;
    p->answers++;
    took = (double)(now_us - m->sent_us);
    pace_round_trip(p, now_us - m->sent_us);
    /* Since it left, less the way; or since the one before it was through. */
    took -= p->rtt_us;
    if (p->answered_us > 0 && (double)(now_us - p->answered_us) < took)
        took = (double)(now_us - p->answered_us);
    if (m->bytes >= 1000) {
        rate = (double)m->bytes / (took > 50 ? took : 50) * 1e6;
        /* Up quickly, down at once: a line that got slower must not fill. */
        p->rate += (rate - p->rate) * (rate < p->rate ? 0.5 : 0.4);
    }
    p->in_flight -= m->bytes;
    p->first = (p->first + 1) % PACE_MARKS;
    p->n--;
    p->answered_us = now_us;
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
    int64_t until = p->by_rate ? p->free_us : p->n > 0 ? silence_end(p) : now_us;

    return until > now_us ? until - now_us : -1;
}

void pace_forget(struct pace *p)
{
    p->n = 0;
    p->in_flight = 0;
    p->free_us = p->answered_us = 0;
}

size_t pace_piece_bytes(const struct pace *p)
{
    double n = p->rate * PIECE_US / 1e6;

    return n < PIECE_LEAST ? PIECE_LEAST : n > (double)PIECE_MOST ? PIECE_MOST : (size_t)n;
}
