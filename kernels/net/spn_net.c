/* spn_net.c - the module that links libcurl, so that nothing else does: the remote engine opens it
 * when a server is asked. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "net/spn_net.h"

enum { CONNECTIONS = 1024 };

struct spn_net_transfer {
    struct spn_net_transfer *next;
    CURL *easy;
    struct curl_slist *header;
    char *body;
    bool (*on_data)(void *ctx, const char *bytes, size_t n);
    void *ctx;
    int64_t first_ms, idle_ms, began_ms, last_ms;
    int64_t bytes;
    double retry_after_s;
    bool answered, stopped;
    enum { IN_TIME, FIRST_LATE, IDLE_LATE } late;
    char why[CURL_ERROR_SIZE];
};

struct spn_net {
    CURLM *multi;
    struct spn_net_transfer *first;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool start(char *name, size_t room)
{
    const curl_version_info_data *v;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return false;
    v = curl_version_info(CURLVERSION_NOW);
    snprintf(name, room, "libcurl %s, %s", v->version,
             v->ssl_version != NULL ? v->ssl_version : "without TLS");
    return true;
}

static struct spn_net *net_open(void)
{
    struct spn_net *n = calloc(1, sizeof *n);

    if (n == NULL || (n->multi = curl_multi_init()) == NULL) {
        free(n);
        return NULL;
    }
    /* Connections are kept for as many requests as were under way, not for the default's four a
     * transfer that is left. */
    curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
    return n;
}

/* ---- what comes in ---- */

static size_t take_body(char *bytes, size_t one, size_t n, void *ctx)
{
    struct spn_net_transfer *t = ctx;

    t->last_ms = now_ms();
    t->answered = true;
    t->bytes += (int64_t)n;
    if (!t->stopped && t->on_data(t->ctx, bytes, n))
        return n;
    t->stopped = true;
    return 0;
}

static size_t take_header(char *bytes, size_t one, size_t n, void *ctx)
{
    static const char name[] = "retry-after:";
    struct spn_net_transfer *t = ctx;
    char value[64];
    size_t k = sizeof name - 1;

    t->last_ms = now_ms();
    t->answered = true;
    if (n > k && n - k < sizeof value && strncasecmp(bytes, name, k) == 0) {
        char *end;
        double seconds;

        memcpy(value, bytes + k, n - k);
        value[n - k] = '\0';
        seconds = strtod(value, &end);
        if (end != value && seconds >= 0 && seconds < 1e9)
            t->retry_after_s = seconds;
        else if (end == value) {
            time_t when = curl_getdate(value, NULL);

            if (when >= 0)
                t->retry_after_s = difftime(when, time(NULL)) > 0 ? difftime(when, time(NULL)) : 0;
        }
    }
    return n;
}

/* ---- one transfer ---- */

static void transfer_free(struct spn_net_transfer *t)
{
    if (t == NULL)
        return;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->header);
    free(t->body);
    free(t);
}

static bool add_header(struct spn_net_transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->header, line);

    if (longer != NULL)
        t->header = longer;
    return longer != NULL;
}

/* Is the host of URL this machine?  No proxy stands before it. */
static bool is_loopback(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool yes = false;

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        yes = strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
              strcmp(host, "[::1]") == 0;
    curl_free(host);
    curl_url_cleanup(u);
    return yes;
}

static void protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static bool set_up(struct spn_net_transfer *t, const struct spn_net_request *r)
{
    CURL *c = t->easy;

    protocols(c);
    if (curl_easy_setopt(c, CURLOPT_URL, r->url) != CURLE_OK)
        return false;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "spinney/" PACKAGE_VERSION);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L); /* the caller decides where its key may go */
    curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->all_ms);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, r->verify ? 1L : 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, r->verify ? 2L : 0L);
    if (r->ca_file != NULL)
        curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
    if (r->proxy != NULL)
        curl_easy_setopt(c, CURLOPT_PROXY, r->proxy);
    else if (is_loopback(r->url))
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    if (r->body != NULL) {
        t->body = malloc(r->n_body + 1);
        if (t->body == NULL)
            return false;
        memcpy(t->body, r->body, r->n_body);
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->n_body);
    }
    for (size_t i = 0; i < r->n_header; i++)
        if (!add_header(t, r->header[i]))
            return false;
    /* "Expect: 100-continue" costs a second at servers that do not know it. */
    return add_header(t, "Expect:") &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->header) == CURLE_OK;
}

static struct spn_net_transfer *net_add(struct spn_net *n, const struct spn_net_request *r)
{
    struct spn_net_transfer *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->on_data = r->on_data;
    t->ctx = r->ctx;
    t->retry_after_s = -1;
    t->first_ms = r->first_ms;
    t->idle_ms = r->idle_ms;
    t->began_ms = t->last_ms = now_ms();
    t->easy = curl_easy_init();
    if (t->easy == NULL || !set_up(t, r) || curl_multi_add_handle(n->multi, t->easy) != CURLM_OK) {
        transfer_free(t);
        return NULL;
    }
    t->next = n->first;
    n->first = t;
    return t;
}

static void unlink_transfer(struct spn_net *n, struct spn_net_transfer *t)
{
    struct spn_net_transfer **at = &n->first;

    while (*at != NULL && *at != t)
        at = &(*at)->next;
    if (*at != NULL)
        *at = t->next;
    curl_multi_remove_handle(n->multi, t->easy);
}

static void net_cancel(struct spn_net *n, struct spn_net_transfer *t)
{
    unlink_transfer(n, t);
    transfer_free(t);
}

static void net_close(struct spn_net *n)
{
    if (n == NULL)
        return;
    while (n->first != NULL)
        net_cancel(n, n->first);
    curl_multi_cleanup(n->multi);
    free(n);
}

/* ---- time and ends ---- */

static void look_at_clock(struct spn_net *n)
{
    int64_t now = now_ms();

    for (struct spn_net_transfer *t = n->first; t != NULL; t = t->next) {
        if (!t->answered && t->first_ms > 0 && now - t->began_ms > t->first_ms)
            t->late = FIRST_LATE;
        if (t->answered && t->idle_ms > 0 && now - t->last_ms > t->idle_ms)
            t->late = IDLE_LATE;
    }
}

static void net_work(struct spn_net *n, int wait_ms)
{
    int running = 0;

    curl_multi_perform(n->multi, &running);
    if (wait_ms > 0 && running > 0) {
        curl_multi_poll(n->multi, NULL, 0, wait_ms, NULL);
        curl_multi_perform(n->multi, &running);
    } else if (wait_ms > 0 && n->first == NULL) {
        curl_multi_poll(n->multi, NULL, 0, wait_ms, NULL);
    }
    look_at_clock(n);
}

static void name_late(struct spn_net_result *out, const struct spn_net_transfer *t)
{
    out->end = SPN_NET_SLOW;
    if (t->late == FIRST_LATE)
        snprintf(out->why, sizeof out->why, "no answer in %.3g s", (double)t->first_ms / 1000);
    else
        snprintf(out->why, sizeof out->why, "nothing more came for %.3g s, after %lld bytes",
                 (double)t->idle_ms / 1000, (long long)t->bytes);
}

static void name_end(struct spn_net_result *out, const struct spn_net_transfer *t, CURLcode code)
{
    const char *why = t->why[0] != '\0' ? t->why : curl_easy_strerror(code);
    long number = 0;

    switch (code) {
    case CURLE_OK:
        out->end = SPN_NET_HTTP;
        return;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        out->end = SPN_NET_NO_HOST;
        snprintf(out->why, sizeof out->why, "no such host name");
        return;
    case CURLE_COULDNT_CONNECT:
        out->end = SPN_NET_REFUSED;
        curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
        if (number == ECONNREFUSED)
            why = "connection refused";
        else if (number != 0)
            why = strerror((int)number);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        out->end = SPN_NET_UNTRUSTED;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        out->end = SPN_NET_SLOW;
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        out->end = SPN_NET_CUT;
        snprintf(out->why, sizeof out->why, "the connection was cut after %lld bytes",
                 (long long)t->bytes);
        return;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        out->end = SPN_NET_GARBAGE;
        break;
    default:
        out->end = t->stopped ? SPN_NET_STOPPED : SPN_NET_FAILED;
        break;
    }
    snprintf(out->why, sizeof out->why, "%s", why);
}

static void fill(struct spn_net_result *out, const struct spn_net_transfer *t)
{
    char *type = NULL, *to = NULL;
    long status = 0;
    size_t i;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    out->ctx = t->ctx;
    out->status = (int)status;
    out->bytes = t->bytes;
    out->retry_after_s = t->retry_after_s;
    for (i = 0; type != NULL && i + 1 < sizeof out->type && type[i] != '\0' && type[i] != ';' &&
                type[i] != ' ';
         i++)
        out->type[i] = (char)tolower((unsigned char)type[i]);
    if (to != NULL && strlen(to) < sizeof out->redirect)
        snprintf(out->redirect, sizeof out->redirect, "%s", to);
}

static bool net_ended(struct spn_net *n, struct spn_net_result *out)
{
    struct spn_net_transfer *t;
    CURLMsg *m;
    int left;

    *out = (struct spn_net_result){ .retry_after_s = -1 };
    while ((m = curl_multi_info_read(n->multi, &left)) != NULL) {
        CURLcode code = m->data.result;
        char *own = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &own);
        t = (struct spn_net_transfer *)(void *)own;
        fill(out, t);
        name_end(out, t, code);
        net_cancel(n, t);
        return true;
    }
    for (t = n->first; t != NULL; t = t->next)
        if (t->late != IN_TIME) {
            fill(out, t);
            name_late(out, t);
            net_cancel(n, t);
            return true;
        }
    return false;
}

extern const struct spn_net_module spn_net_LTX_spn_module;
const struct spn_net_module spn_net_LTX_spn_module = {
    .head = { sizeof(struct spn_net_module), SPN_NET_ABI },
    .start = start,
    .open = net_open,
    .close = net_close,
    .add = net_add,
    .cancel = net_cancel,
    .work = net_work,
    .ended = net_ended,
};
