#include "config.h"

#include "data.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "search.h"
#include "words.h"

#define HELD_OUT_FILE_MAX (1u << 20)
#define BIG_SHARE         0.15 /* of the hands have a number from 14 to 24 */
#define GOOD_FOUR         4 /* steps that keep 24 in reach are drawn so many times as often */
#define GOOD_THREE        12
#define PLAIN_SHARE       0.3  /* of the worked solutions are asked for as people do */
#define SURE_SHARE        0.45 /* of the judged states can reach 24 */
#define TWO_SHARE         0.2  /* of the judged states have two numbers */

static int by_key(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool data_is_held_out(const struct data_hands *d, const struct hand *h)
{
    char key[32];

    if (h->n != 4)
        return false;
    hand_key(h, key, sizeof key);
    return bsearch(key, d->held_out, (size_t)d->n_held_out, sizeof d->held_out[0], by_key) != NULL;
}

static spn_status load_held_out(struct data_hands *d, const char *path, struct spn_err *err)
{
    char *text = NULL, *line, *next;
    int number = 0, room = 0;
    spn_status st = spn_file_read(&text, NULL, path, HELD_OUT_FILE_MAX, err);

    for (line = text; st == SPN_OK && line != NULL && *line != '\0'; line = next) {
        struct hand h;

        number++;
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line[strcspn(line, "#")] = '\0';
        for (char *p = line; *p != '\0'; p++)
            if (*p == '-')
                *p = ' ';
        while (isspace((unsigned char)*line))
            line++;
        if (*line == '\0')
            continue;
        if (!hand_parse(line, &h) || h.n != 4) {
            st = spn_fail(err, SPN_EFORMAT, "%s:%d: '%.40s' is not a hand of four numbers", path,
                          number, line);
            break;
        }
        if (d->n_held_out == room) {
            void *more;

            room = room == 0 ? 128 : room * 2;
            more = spn_realloc(d->held_out, (size_t)room, sizeof d->held_out[0]);
            if (more == NULL) {
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %d hands", path, room);
                break;
            }
            d->held_out = more;
        }
        hand_key(&h, d->held_out[d->n_held_out++], sizeof d->held_out[0]);
    }
    spn_free(text);
    if (st == SPN_OK && d->n_held_out > 0)
        qsort(d->held_out, (size_t)d->n_held_out, sizeof d->held_out[0], by_key);
    return st;
}

spn_status data_hands_load(struct data_hands *d, const char *held_out_file, struct spn_err *err)
{
    spn_status st;
    struct hand h = { .n = 4 };

    memset(d, 0, sizeof *d);
    st = load_held_out(d, held_out_file, err);
    d->train = spn_calloc(1820, sizeof *d->train); /* C(13 + 3, 4) multisets */
    d->solvable = spn_calloc(1820, sizeof *d->solvable);
    if (st == SPN_OK && (d->train == NULL || d->solvable == NULL))
        st = spn_fail(err, SPN_ENOMEM, "game24: no memory for 1820 hands");
    if (st != SPN_OK) {
        data_hands_free(d);
        return st;
    }
    for (h.v[0] = 1; h.v[0] <= 13; h.v[0]++)
        for (h.v[1] = h.v[0]; h.v[1] <= 13; h.v[1]++)
            for (h.v[2] = h.v[1]; h.v[2] <= 13; h.v[2]++)
                for (h.v[3] = h.v[2]; h.v[3] <= 13; h.v[3]++) {
                    if (data_is_held_out(d, &h))
                        continue;
                    d->train[d->n_train++] = h;
                    if (search_solvable(&h))
                        d->solvable[d->n_solvable++] = h;
                }
    return SPN_OK;
}

void data_hands_free(struct data_hands *d)
{
    spn_free(d->train);
    spn_free(d->solvable);
    spn_free(d->held_out);
    memset(d, 0, sizeof *d);
}

static void shuffle(struct hand *h, struct spn_rng *r)
{
    for (int i = h->n; i > 1; i--) {
        int j = (int)spn_rng_below(r, (uint64_t)i);
        int64_t t = h->v[i - 1];

        h->v[i - 1] = h->v[j];
        h->v[j] = t;
    }
}

/* A hand of four in any order; some with a number above 13, where no hand is held out. */
static void draw_four(const struct data_hands *d, bool solvable, struct spn_rng *r, struct hand *h)
{
    bool big = spn_rng_unit(r) < BIG_SHARE;

    while (big) {
        h->n = 4;
        h->v[0] = 14 + (int64_t)spn_rng_below(r, 11);
        for (int i = 1; i < 4; i++)
            h->v[i] = 1 + (int64_t)spn_rng_below(r, 13);
        big = solvable && !search_solvable(h);
        if (!big) {
            shuffle(h, r);
            return;
        }
    }
    *h = solvable ? d->solvable[spn_rng_below(r, (uint64_t)d->n_solvable)]
                  : d->train[spn_rng_below(r, (uint64_t)d->n_train)];
    shuffle(h, r);
}

/* Weights of moves: GOOD for those that keep 24 in reach. */
static int weigh(const struct step *moves, int n, int good, int weight[MOVES_MAX])
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        sum += weight[i] = search_solvable(&moves[i].left) ? good : 1;
    return sum;
}

/* An index drawn by weight, whose weight becomes 0. */
static int draw(int *weight, int n, int *sum, struct spn_rng *r)
{
    int at = (int)spn_rng_below(r, (uint64_t)*sum), i;

    for (i = 0; i < n - 1 && at >= weight[i]; i++)
        at -= weight[i];
    *sum -= weight[i];
    weight[i] = 0;
    return i;
}

/* A state of three or two numbers that a tree would meet. */
static void draw_state(const struct data_hands *d, int numbers, bool solvable, struct spn_rng *r,
                       struct hand *h)
{
    struct step moves[MOVES_MAX];
    int weight[MOVES_MAX], sum, n;

    for (;;) {
        draw_four(d, solvable, r, h);
        while (h->n > numbers) {
            n = search_moves(h, moves);
            sum = weigh(moves, n, solvable ? 1000 : 2, weight);
            *h = moves[draw(weight, n, &sum, r)].left;
        }
        if (!solvable || search_solvable(h))
            break;
    }
    if (spn_rng_unit(r) < 0.5)
        shuffle(h, r);
}

static void put_step(struct spn_buf *b, const struct step *s)
{
    char text[256];

    step_text(s, text, sizeof text);
    spn_buf_printf(b, "%s\n", text);
}

static void propose(const struct data_hands *d, struct spn_rng *r, struct hand *h,
                    struct spn_buf *answer)
{
    struct step moves[MOVES_MAX];
    int weight[MOVES_MAX], sum, n, lines;

    if (spn_rng_unit(r) < 0.5)
        draw_four(d, spn_rng_unit(r) < 0.8, r, h);
    else
        draw_state(d, 3, spn_rng_unit(r) < 0.6, r, h);
    lines = h->n == 4 ? LINES_FOUR : LINES_THREE;
    n = search_moves(h, moves);
    sum = weigh(moves, n, h->n == 4 ? GOOD_FOUR : GOOD_THREE, weight);
    for (int i = 0; i < lines && sum > 0; i++)
        put_step(answer, &moves[draw(weight, n, &sum, r)]);
}

static void judge(const struct data_hands *d, struct spn_rng *r, struct hand *h,
                  struct spn_buf *answer)
{
    struct step path[HAND_MAX];
    int64_t distance;
    int numbers = spn_rng_unit(r) < TWO_SHARE ? 2 : 3;

    draw_state(d, numbers, spn_rng_unit(r) < SURE_SHARE, r, h);
    distance = search_nearest(h, path);
    for (int i = 0; i < h->n - 1; i++) {
        path[i].left.n = 0;
        put_step(answer, &path[i]);
    }
    spn_buf_puts(answer, distance == 0 ? "sure" : distance == 1 ? "likely" : "impossible");
}

/* A worked solution: each step keeps 24 in reach. */
static void solve(const struct data_hands *d, struct spn_rng *r, struct hand *h,
                  struct spn_buf *answer)
{
    struct step moves[MOVES_MAX], steps[3];
    int weight[MOVES_MAX], sum, n;
    struct hand now;

    draw_four(d, true, r, h);
    now = *h;
    for (int k = 0; k < 3; k++) {
        n = search_moves(&now, moves);
        sum = weigh(moves, n, 1, weight);
        for (int i = 0; i < n; i++)
            if (!search_solvable(&moves[i].left)) {
                sum -= weight[i];
                weight[i] = 0;
            }
        steps[k] = moves[draw(weight, n, &sum, r)];
        now = steps[k].left;
        put_step(answer, &steps[k]);
    }
    spn_buf_puts(answer, "Answer: ");
    step_expression(h, steps, 3, answer);
    spn_buf_puts(answer, " = 24");
}

spn_status data_example(const struct data_hands *d, const struct data_mix *mix, struct spn_rng *r,
                        struct spn_buf *question, struct spn_buf *answer)
{
    static const char *const plain[] = { "", "24: ", "Make 24 from ", "Solve ", "Reach 24 with " };
    double u = spn_rng_unit(r) * (mix->propose + mix->value + mix->solve);
    struct hand h;
    char text[128];

    spn_buf_trim(question, 0);
    spn_buf_trim(answer, 0);
    if (u < mix->propose) {
        spn_buf_puts(question, WORDS_PROPOSE);
        propose(d, r, &h, answer);
    } else if (u < mix->propose + mix->value) {
        spn_buf_puts(question, WORDS_VALUE);
        judge(d, r, &h, answer);
    } else {
        const char *words = WORDS_SOLVE;

        if (spn_rng_unit(r) < PLAIN_SHARE)
            words = plain[spn_rng_below(r, sizeof plain / sizeof plain[0])];
        spn_buf_puts(question, words);
        solve(d, r, &h, answer);
    }
    while (answer->length > 0 && answer->data[answer->length - 1] == '\n')
        spn_buf_trim(answer, answer->length - 1);
    hand_text(&h, text, sizeof text);
    spn_buf_puts(question, text);
    return question->failed || answer->failed ? SPN_ENOMEM : SPN_OK;
}
