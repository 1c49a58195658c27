/* tool_server.c - a scripted server of the OpenAI-compatible API on the loopback, for tests.
 *
 *   tool_server PORTFILE LOGFILE [OPTION=VALUE]...
 *
 * The last message says what happens: words that begin with "@" are faults, each with the number of
 * first tries it befalls ("@500*2"), the rest is answered as "re: TEXT". Every whole answer is a
 * line "done TEXT" of the log, every request a line "ask TEXT", and the most at once "peak N".
 * Options: die=N (the process ends when N answers were given), gather=N (no answer before N
 * requests are under way, or a second has passed), port=N, key=K (asked for), usage=0, models=a,b,
 * refuse=WORD (status 400 to bodies that have WORD), nostream=1, short=1 (ignores n). */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

enum { HEAD_MAX = 1 << 16, BODY_MAX = 1 << 20, PROMPTS = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *logged;
static const char *key, *refuse, *models = "scripted";
static int die_after, gather, with_usage = 1, no_stream, only_one;
static int flying, peak, answers, arrived;
static struct {
    char *text;
    int tries;
} seen[PROMPTS];

static void nap(int ms)
{
    struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&t, NULL);
}

static void note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    pthread_mutex_lock(&lock);
    vfprintf(logged, fmt, ap);
    fputc('\n', logged);
    fflush(logged);
    pthread_mutex_unlock(&lock);
    va_end(ap);
}

/* How often TEXT was asked for, this time included. */
static int count_try(const char *text)
{
    int n = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < PROMPTS && n == 0; i++)
        if (seen[i].text == NULL || strcmp(seen[i].text, text) == 0) {
            if (seen[i].text == NULL)
                seen[i].text = strdup(text);
            n = ++seen[i].tries;
        }
    pthread_mutex_unlock(&lock);
    return n;
}

static bool put(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        text += k;
        n -= (size_t)k;
    }
    return true;
}

static bool say(int fd, int status, const char *type, const char *more, const char *body)
{
    char head[512];

    snprintf(head, sizeof head,
             "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, type,
             strlen(body), more);
    return put(fd, head, strlen(head)) && put(fd, body, strlen(body));
}

static bool piece(int fd, const char *data)
{
    char head[32];
    size_t n = strlen(data);

    snprintf(head, sizeof head, "%zx\r\n", n + 8);
    return put(fd, head, strlen(head)) && put(fd, "data: ", 6) && put(fd, data, n) &&
           put(fd, "\n\n\r\n", 4);
}

/* "data: …" takes 6 bytes and the empty line 2. */
static bool event(int fd, json_t *o_take)
{
    char *text = json_dumps(o_take, JSON_COMPACT);
    bool good = text != NULL && piece(fd, text);

    free(text);
    json_decref(o_take);
    return good;
}

static json_t *chunk(bool chat, int index, const char *text, const char *finish)
{
    json_t *choice =
        chat ? json_pack("{s:i, s:{s:s}, s:s?}", "index", index, "delta", "content", text,
                         "finish_reason", finish)
             : json_pack("{s:i, s:s, s:s?}", "index", index, "text", text, "finish_reason", finish);

    return json_pack("{s:s, s:[o]}", "id", "x", "choices", choice);
}

/* Does the fault NAME befall this try?  "@NAME" always, "@NAME*K" the first K. */
static bool fault(const char *text, const char *name, int try)
{
    char mark[40];
    const char *at;
    size_t n = (size_t)snprintf(mark, sizeof mark, "@%s", name);

    for (at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark))
        if (at[n] == '*')
            return try <= (int)strtol(at + n + 1, NULL, 10);
        else if (at[n] == ' ' || at[n] == '\0')
            return true;
    return false;
}

static const char *plain_part(const char *text)
{
    while (*text == '@') {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return text;
}

/* An answer in pieces; false: the connection is to be closed. */
static bool stream(int fd, bool chat, const char *text, int n, int try, bool usage)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    const char *rest = plain_part(text);
    bool slow = fault(text, "slow", try), good = put(fd, head, sizeof head - 1);

    for (int k = 0; good && k < n; k++) {
        char copy[64], *word, *next = NULL, all[4096];

        good = event(fd, chunk(chat, k, "re:", NULL));
        snprintf(copy, sizeof copy, "%d", k);
        snprintf(all, sizeof all, "%s%s%s", rest, n > 1 ? " " : "", n > 1 ? copy : "");
        for (word = strtok_r(all, " ", &next); good && word != NULL;
             word = strtok_r(NULL, " ", &next)) {
            char one[4096];

            snprintf(one, sizeof one, " %s", word);
            if (slow)
                nap(60);
            good = event(fd, chunk(chat, k, one, NULL));
            if (fault(text, "cut", try))
                return false;
            if (fault(text, "stall", try)) {
                nap(3000);
                return false;
            }
            if (fault(text, "mess", try))
                good = piece(fd, "{\"choices\": [{\"ind");
            if (fault(text, "fail", try))
                good = piece(fd, "{\"error\": {\"message\": \"out of blocks\"}}");
        }
        if (good && !fault(text, "nofinish", try))
            good = event(fd, chunk(chat, k, "", "stop"));
    }
    if (good && usage)
        good = event(fd, json_pack("{s:[], s:{s:i, s:i}}", "choices", "usage", "prompt_tokens", 7,
                                   "completion_tokens", 5));
    return good && piece(fd, "[DONE]") && put(fd, "0\r\n\r\n", 5);
}

static bool whole(int fd, bool chat, const char *text, int n)
{
    json_t *choices = json_array(), *o;
    char answer[4096], *out;
    bool good;

    snprintf(answer, sizeof answer, "re: %s", plain_part(text));
    for (int k = 0; k < n; k++)
        json_array_append_new(choices, chat
                                           ? json_pack("{s:i, s:{s:s}, s:s}", "index", k, "message",
                                                       "content", answer, "finish_reason", "stop")
                                           : json_pack("{s:i, s:s, s:s}", "index", k, "text",
                                                       answer, "finish_reason", "stop"));
    o = json_pack("{s:o}", "choices", choices);
    if (with_usage)
        json_object_set_new(o, "usage",
                            json_pack("{s:i, s:i}", "prompt_tokens", 7, "completion_tokens", 5));
    out = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    good = out != NULL && say(fd, 200, "application/json", "", out);
    free(out);
    return good;
}

static bool list_models(int fd)
{
    char copy[256], *name, *next = NULL, *out;
    json_t *data = json_array(), *o;
    bool good;

    snprintf(copy, sizeof copy, "%s", models);
    for (name = strtok_r(copy, ",", &next); name != NULL; name = strtok_r(NULL, ",", &next))
        json_array_append_new(data, json_pack("{s:s, s:i}", "id", name, "max_model_len", 4096));
    o = json_pack("{s:o}", "data", data);
    out = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    good = say(fd, 200, "application/json", "", out);
    free(out);
    return good;
}

static bool failing(int fd, const char *text, int try, bool *keep)
{
    static const char busy[] = "{\"error\": {\"message\": \"slow down\"}}";

    *keep = true;
    if (fault(text, "429", try))
        *keep = say(fd, 429, "application/json", "Retry-After: 0\r\n", busy);
    else if (fault(text, "503", try))
        *keep = say(fd, 503, "text/plain", "", "loading");
    else if (fault(text, "500", try))
        *keep = say(fd, 500, "application/json", "", "{\"detail\": \"it broke\"}");
    else if (fault(text, "400", try))
        *keep = say(fd, 400, "application/json", "", "{\"error\": {\"message\": \"too long\"}}");
    else if (fault(text, "html", try))
        *keep = say(fd, 200, "text/html", "", "<html>hello</html>");
    else if (fault(text, "raw", try))
        *keep = put(fd, "SSH-2.0-nothing\r\n", 17) && false;
    else if (fault(text, "close", try))
        *keep = false;
    else if (fault(text, "hang", try)) {
        nap(3000);
        *keep = false;
    } else if (fault(text, "elsewhere", try))
        *keep =
            say(fd, 307, "text/plain", "Location: http://127.0.0.2:9/v1/chat/completions\r\n", "");
    else if (fault(text, "here", try))
        *keep = say(fd, 307, "text/plain", "Location: /v1/chat/completions\r\n", "");
    else
        return false;
    return true;
}

static bool answer(int fd, bool chat, json_t *o)
{
    json_t *list = json_object_get(o, "messages"),
           *last = json_array_get(list, json_array_size(list) - 1);
    const char *text =
        json_string_value(chat ? json_object_get(last, "content") : json_object_get(o, "prompt"));
    int n = (int)json_integer_value(json_object_get(o, "n")), try, total;
    bool keep = true, streamed = json_is_true(json_object_get(o, "stream")) && !no_stream;
    bool usage = with_usage && json_object_get(o, "stream_options") != NULL;

    if (text == NULL)
        return say(fd, 400, "application/json", "", "{\"error\": \"no prompt\"}");
    try = count_try(text);
    note("ask %s", text);
    for (int i = 0; i < 100 && __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < gather; i++)
        nap(10);
    if (failing(fd, text, try, &keep))
        return keep;
    n = n < 1 || only_one ? 1 : n;
    keep = streamed ? stream(fd, chat, text, n, try, usage) : whole(fd, chat, text, n);
    if (!keep)
        return false;
    note("done %s", text);
    total = __atomic_add_fetch(&answers, 1, __ATOMIC_SEQ_CST);
    if (die_after > 0 && total >= die_after) {
        nap(20);
        _exit(0);
    }
    return true;
}

/* Letters counted: a vector that says something; of "tokens …" one a token. */
static bool embedding(int fd, const char *body)
{
    json_t *o = json_loads(body, 0, NULL), *list = json_array(), *reply;
    const char *text = json_string_value(json_object_get(o, "input"));
    char *out;
    bool good;

    for (char c = 'a'; text != NULL && c <= 'd'; c++) {
        int n = 0;

        for (const char *p = text; *p != '\0'; p++)
            n += *p == c;
        json_array_append_new(list, json_integer(n));
    }
    if (text != NULL && strncmp(text, "tokens", 6) == 0)
        list = json_pack("[o, [i, i, i, i]]", list, 2, 2, 2, 2);
    reply = json_pack("{s:[{s:o}]}", "data", "embedding", list);
    out = json_dumps(reply, JSON_COMPACT);
    good = text == NULL || strstr(text, "@400") != NULL
               ? say(fd, 404, "text/plain", "", "no such page")
               : say(fd, 200, "application/json", "", out);
    free(out);
    json_decref(reply);
    json_decref(o);
    return good;
}

/* "echo": each byte of the prompt a token, with -0.5 for every "b" and -0.25 for the others. */
static bool echo(int fd, json_t *o)
{
    const char *text = json_string_value(json_object_get(o, "prompt"));
    json_t *value = json_array(), *offset = json_array(), *reply;
    char *out;
    bool good;

    for (size_t i = 0; text != NULL && i <= strlen(text); i++) {
        json_array_append_new(value,
                              i == 0 ? json_null() : json_real(text[i] == 'b' ? -0.5 : -0.25));
        json_array_append_new(offset, json_integer((json_int_t)i));
    }
    reply = json_pack("{s:[{s:s, s:{s:o, s:o}}]}", "choices", "text", "", "logprobs",
                      "token_logprobs", value, "text_offset", offset);
    out = json_dumps(reply, JSON_COMPACT);
    good = say(fd, 200, "application/json", "", out);
    free(out);
    json_decref(reply);
    return good;
}

static bool serve(int fd, const char *head, const char *body)
{
    bool chat = strstr(head, "/chat/completions") != NULL, good;
    char want[256];
    json_t *o;
    int now;

    snprintf(want, sizeof want, "Authorization: Bearer %s\r\n", key != NULL ? key : "");
    if (key != NULL && strstr(head, want) == NULL)
        return say(fd, 401, "application/json", "", "{\"error\": {\"message\": \"bad key\"}}");
    if (key == NULL && strcasestr(head, "authorization:") != NULL)
        note("key sent");
    if (strncmp(head, "GET /v1/models", 14) == 0)
        return list_models(fd);
    if (strstr(head, "/v1/embeddings") != NULL)
        return embedding(fd, body);
    if (refuse != NULL && strstr(body, refuse) != NULL) {
        snprintf(want, sizeof want, "{\"error\": {\"message\": \"unknown field %s\"}}", refuse);
        return say(fd, 400, "application/json", "", want);
    }
    now = __atomic_add_fetch(&flying, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&lock);
    if (now > peak) {
        peak = now;
        fprintf(logged, "peak %d\n", peak);
        fflush(logged);
    }
    pthread_mutex_unlock(&lock);
    o = json_loads(body, 0, NULL);
    good = json_is_true(json_object_get(o, "echo")) ? echo(fd, o) : answer(fd, chat, o);
    json_decref(o);
    __atomic_sub_fetch(&flying, 1, __ATOMIC_SEQ_CST);
    return good;
}

static void *connection(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *in = malloc(HEAD_MAX + BODY_MAX + 2);
    size_t n = 0, body = 0;
    bool good = in != NULL;

    while (good) {
        char *end, *length;
        size_t head;
        ssize_t k;

        in[n] = '\0';
        end = strstr(in, "\r\n\r\n");
        length = end != NULL ? strcasestr(in, "\r\nContent-Length:") : NULL;
        body = length != NULL && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0;
        head = end != NULL ? (size_t)(end + 4 - in) : 0;
        if (end == NULL || n < head + body) {
            k = body > BODY_MAX || n >= HEAD_MAX + BODY_MAX
                    ? 0
                    : recv(fd, in + n, HEAD_MAX + BODY_MAX - n, 0);
            good = k > 0;
            n += good ? (size_t)k : 0;
            continue;
        }
        {
            char *copy = strndup(in + head, body);

            *(end + 2) = '\0';
            good = copy != NULL && serve(fd, in, copy);
            free(copy);
        }
        memmove(in, in + head + body, n - head - body);
        n -= head + body;
    }
    shutdown(fd, SHUT_RDWR);
    close(fd);
    free(in);
    return NULL;
}

static int listen_on(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 256) != 0)
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    int port = 0, fd;
    FILE *f;

    if (argc < 3 || (logged = fopen(argv[2], "a")) == NULL)
        return 2;
    for (int i = 3; i < argc; i++) {
        char *eq = strchr(argv[i], '=');
        size_t k = eq != NULL ? (size_t)(eq - argv[i]) : 0;
        const struct {
            const char *name;
            int *number;
            const char **text;
        } all[] = { { "die", &die_after, NULL },
                    { "gather", &gather, NULL },
                    { "port", &port, NULL },
                    { "usage", &with_usage, NULL },
                    { "nostream", &no_stream, NULL },
                    { "short", &only_one, NULL },
                    { "key", NULL, &key },
                    { "refuse", NULL, &refuse },
                    { "models", NULL, &models } };

        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            if (strlen(all[j].name) == k && strncmp(all[j].name, argv[i], k) == 0) {
                if (all[j].number != NULL)
                    *all[j].number = (int)strtol(eq + 1, NULL, 10);
                else
                    *all[j].text = eq + 1;
            }
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(120); /* whoever started it may be gone */
    fd = listen_on(port);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&a, &n) != 0 ||
        (f = fopen(argv[1], "w")) == NULL)
        return 1;
    fprintf(f, "%d\n", ntohs(a.sin_port));
    fclose(f);
    for (;;) {
        int c = accept(fd, NULL, NULL), yes = 1;
        pthread_t t;

        if (c < 0)
            continue;
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (pthread_create(&t, NULL, connection, (void *)(intptr_t)c) == 0)
            pthread_detach(t);
        else
            close(c);
    }
}
