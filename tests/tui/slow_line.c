/* slow_line.c - a program on a terminal at the end of a slow line: how long does a key take?
 *
 *   slow_line RATE LATENCY_MS KEYS [-d FILE] [-u TEXT] COMMAND...
 *
 * Runs COMMAND on a pseudo-terminal of 120 x 36 cells of 10 x 20 pixels whose output arrives at
 * RATE bytes a second, LATENCY_MS later, in the order it was written; what is typed takes
 * LATENCY_MS too. The terminal at the other end says it has sixel, answers questions, and types a
 * letter every 150 to 400 ms; the letter's echo is waited for.  One line is printed:
 *
 *   keys N  median MS  p99 MS  most MS  pictures N  bytes N  behind BYTES
 *
 * pictures: sixels that arrived; behind: most bytes that were on the line at once.  -d keeps all
 * that arrived; -u waits until TEXT has arrived, and types nothing before.  Exit status 1: an echo
 * or the text did not come in 60 s, or the program ended by itself; 3: it ended otherwise than
 * by the SIGTERM that it gets at the end. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 << 20)
#define PIECES_MAX     65536
#define WAIT_US        60000000
#define SETTLE_US      1500000

struct piece { /* bytes that arrive at AT_US */
    size_t from, n;
    int64_t at_us;
};
static struct {
    double rate;
    int64_t latency_us;
    char *bytes; /* all that was ever on the way */
    size_t n, arrived;
    struct piece piece[PIECES_MAX];
    int first, pieces;
    int64_t free_us; /* when the line has sent what is on it */
    size_t behind;
} down;

static struct {
    char bytes[65536];
    struct piece piece[4096];
    size_t n;
    int first, pieces;
} up;

static struct {
    enum { TEXT, ESC, CSI, STRING, STRING_ESC } state;
    char csi[64];
    size_t n;
    bool sixel; /* the string is one */
    int pictures;
    char echo; /* letter that is waited for; 0: none */
    int64_t typed_us;
} screen;

static int master;
static double took_ms[10000];
static int keys;

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- what goes up ---- */

static void type(const char *bytes, size_t n, int64_t now)
{
    if (up.n + n > sizeof up.bytes || up.pieces == 4096)
        return;
    memcpy(up.bytes + up.n, bytes, n);
    up.piece[(up.first + up.pieces++) % 4096] = (struct piece){ up.n, n, now + down.latency_us };
    up.n += n;
}

static void deliver_up(int64_t now)
{
    while (up.pieces > 0 && up.piece[up.first].at_us <= now) {
        const struct piece *p = &up.piece[up.first];

        if (write(master, up.bytes + p->from, p->n) != (ssize_t)p->n)
            return;
        up.first = (up.first + 1) % 4096;
        if (--up.pieces == 0)
            up.n = 0;
    }
}

/* ---- the terminal ---- */

static void answer(const char *text, int64_t now)
{
    type(text, strlen(text), now);
}

static void csi(int64_t now)
{
    const char *s = screen.csi;

    if (strcmp(s, "c") == 0)
        answer("\033[?62;4;22c", now);
    else if (strcmp(s, "5n") == 0)
        answer("\033[0n", now);
    else if (strcmp(s, "6n") == 0)
        answer("\033[3;2R", now);
    else if (strcmp(s, ">0q") == 0)
        answer("\033P>|line(1)\033\\", now);
    else if (strcmp(s, "?1;1;0S") == 0)
        answer("\033[?1;0;256S", now);
}

static void arrive(char c, int64_t now)
{
    switch (screen.state) {
    case TEXT:
        if (c == 27)
            screen.state = ESC;
        else if (screen.echo != 0 && c == screen.echo) {
            took_ms[keys++] = (double)(now - screen.typed_us) / 1000;
            screen.echo = 0;
        }
        break;
    case ESC:
        screen.n = 0;
        screen.state = c == '[' ? CSI : strchr("P]_^X", c) != NULL && c != 0 ? STRING : TEXT;
        screen.sixel = c == 'P';
        break;
    case CSI:
        if (screen.n + 1 < sizeof screen.csi)
            screen.csi[screen.n++] = c;
        if (c >= 0x40 && c <= 0x7e) {
            screen.csi[screen.n] = '\0';
            screen.state = TEXT;
            csi(now);
        }
        break;
    case STRING:
        if (c == 27)
            screen.state = STRING_ESC;
        else if (c == 7)
            screen.state = TEXT;
        break;
    case STRING_ESC:
        screen.pictures += screen.sixel && c == '\\';
        screen.state = c == '\\' ? TEXT : STRING;
        break;
    }
}

/* ---- what comes down ---- */

static bool read_down(int64_t now)
{
    static char bytes[4096];
    ssize_t n = read(master, bytes, sizeof bytes);
    int64_t from = down.free_us > now ? down.free_us : now;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (down.n + (size_t)n > LINE_MAX_BYTES || down.pieces == PIECES_MAX)
        return false;
    memcpy(down.bytes + down.n, bytes, (size_t)n);
    down.free_us = from + (int64_t)((double)n / down.rate * 1e6);
    down.piece[(down.first + down.pieces++) % PIECES_MAX] =
        (struct piece){ down.n, (size_t)n, down.free_us + down.latency_us };
    down.n += (size_t)n;
    if ((double)(down.free_us - now) / 1e6 * down.rate > (double)down.behind)
        down.behind = (size_t)((double)(down.free_us - now) / 1e6 * down.rate);
    return true;
}

static void deliver_down(int64_t now)
{
    while (down.pieces > 0 && down.piece[down.first].at_us <= now) {
        const struct piece *p = &down.piece[down.first];

        for (size_t i = 0; i < p->n; i++)
            arrive(down.bytes[p->from + i], now);
        down.arrived += p->n;
        down.first = (down.first + 1) % PIECES_MAX;
        down.pieces--;
    }
}

/* ---- life ---- */

static pid_t start(char **argv)
{
    struct winsize size = { 36, 120, 1200, 720 };
    pid_t child;

    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    child = fork();
    if (child == 0) {
        int tty;

        setsid();
        tty = open(ptsname(master), O_RDWR);
        ioctl(tty, TIOCSCTTY, 0);
        ioctl(tty, TIOCSWINSZ, &size);
        dup2(tty, 0);
        dup2(tty, 1);
        close(master);
        setenv("TERM", "xterm-256color", 1);
        unsetenv("TMUX");
        execvp(argv[0], argv);
        _exit(127);
    }
    fcntl(master, F_SETFL, O_NONBLOCK);
    return child;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Microseconds until something is due, at most 20 ms. */
static int wait_ms(int64_t now)
{
    int64_t until = now + 20000;

    if (down.pieces > 0 && down.piece[down.first].at_us < until)
        until = down.piece[down.first].at_us;
    if (up.pieces > 0 && up.piece[up.first].at_us < until)
        until = up.piece[up.first].at_us;
    return until > now ? (int)((until - now + 999) / 1000) : 0;
}

int main(int argc, char **argv)
{
    int at = 4, wanted, letter = 0, status = 0, result = 0;
    const char *dump = NULL, *text = NULL;
    int64_t next_us, began_us, now;
    unsigned random = 1;
    pid_t child;

    for (; argc > at + 2 && argv[at][0] == '-'; at += 2)
        if (strcmp(argv[at], "-d") == 0)
            dump = argv[at + 1];
        else
            text = argv[at + 1];
    if (argc <= at || (down.rate = strtod(argv[1], NULL)) <= 0) {
        fprintf(stderr, "usage: slow_line RATE LATENCY_MS KEYS [-d FILE] COMMAND...\n");
        return 2;
    }
    down.latency_us = (int64_t)(strtod(argv[2], NULL) * 1000);
    wanted = (int)strtol(argv[3], NULL, 10);
    wanted = wanted < 10000 ? wanted : 10000;
    down.bytes = malloc(LINE_MAX_BYTES);
    child = start(argv + at);
    if (child < 0 || down.bytes == NULL)
        return 1;
    next_us = now_us() + SETTLE_US + 4 * down.latency_us;
    began_us = now_us();
    while ((keys < wanted || text != NULL) && result == 0) {
        struct pollfd p = { master, POLLIN, 0 };

        now = now_us();
        poll(&p, 1, wait_ms(now));
        now = now_us();
        if (p.revents != 0 && !read_down(now))
            result = 1;
        deliver_down(now);
        deliver_up(now);
        if (text != NULL) {
            if (memmem(down.bytes, down.arrived, text, strlen(text)) != NULL)
                text = NULL;
            else if (now - began_us > WAIT_US)
                result = 1;
        } else if (screen.echo != 0) {
            next_us = 0;
            if (now - screen.typed_us > WAIT_US)
                result = 1;
        } else if (next_us == 0) {
            random = random * 1664525u + 1013904223u;
            next_us = now + 150000 + (int64_t)(random >> 8) % 250000;
        } else if (now >= next_us) {
            char key = (char)('a' + letter++ % 26);

            type(&key, 1, now);
            screen.echo = key;
            screen.typed_us = now;
        }
    }
    kill(child, SIGTERM);
    now = now_us();
    while (waitpid(child, &status, WNOHANG) == 0 && now_us() - now < WAIT_US) {
        struct pollfd p = { master, POLLIN, 0 };
        char rest[4096];

        if (poll(&p, 1, 20) > 0 && read(master, rest, sizeof rest) < 0 && errno != EAGAIN)
            poll(NULL, 0, 20); /* its end is near: no busy waiting */
    }
    if (result == 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) &&
        !(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM))
        result = 3;
    qsort(took_ms, (size_t)keys, sizeof *took_ms, by_size);
    if (keys > 0)
        printf("keys %d  median %.0f ms  p99 %.0f ms  most %.0f ms  pictures %d  bytes %zu  behind "
               "%zu\n",
               keys, took_ms[keys / 2], took_ms[(keys * 99 + 99) / 100 - 1], took_ms[keys - 1],
               screen.pictures, down.arrived, down.behind);
    if (dump != NULL) {
        FILE *f = fopen(dump, "wb");

        if (f != NULL) {
            fwrite(down.bytes, 1, down.arrived, f);
            fclose(f);
        }
    }
    free(down.bytes);
    return result;
}
