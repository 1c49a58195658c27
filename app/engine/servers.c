/* servers.c - which models servers have: all asked at once, against one clock. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/remote_call.h"
#include "engine/remote.h"

static const size_t list_max = (size_t)16 << 20;

struct asked {
    struct remote_server *server;
    struct spn_buf body;
};

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    struct asked *a = ctx;

    return spn_buf_add(&a->body, bytes, n) == SPN_OK;
}

static void take_list(struct asked *a, const struct spn_net_result *r)
{
    struct remote_server *s = a->server;
    struct spn_err why = SPN_ERR_INIT;

    if (r->end != SPN_NET_HTTP)
        snprintf(s->why_not, sizeof s->why_not, "%s", r->why);
    else if (r->status != 200)
        snprintf(s->why_not, sizeof s->why_not, "status %d", r->status);
    else if (remote_models_read(&s->model, &s->n_models, a->body.data != NULL ? a->body.data : "",
                                a->body.length, &why) != SPN_OK)
        snprintf(s->why_not, sizeof s->why_not, "%.200s", why.text);
    else
        s->answers = true;
}

static bool ask(const struct spn_net_module *m, struct spn_net *net, struct asked *a, int limit_ms)
{
    struct spn_net_request q = { .all_ms = limit_ms, .verify = true, .on_data = on_data, .ctx = a };
    struct spn_buf url = SPN_BUF_INIT(1 << 16);
    char *base = NULL;
    bool good = false;

    snprintf(a->server->why_not, sizeof a->server->why_not, "no answer in %d ms", limit_ms);
    if (net_base(&base, NULL, a->server->url, NULL) == SPN_OK &&
        spn_buf_printf(&url, "%s/models", base) == SPN_OK) {
        q.url = url.data;
        good = m->add(net, &q) != NULL;
    }
    spn_free(base);
    spn_buf_free(&url);
    return good;
}

spn_status remote_ask_servers(struct remote_server *s, size_t n, int limit_ms, struct spn_err *err)
{
    const struct spn_net_module *m = NULL;
    struct spn_net_result r;
    struct spn_net *net = NULL;
    struct asked *a = spn_calloc(n + 1, sizeof *a);
    double end = remote_now() + limit_ms / 1000.0;
    size_t left = 0;
    spn_status st = net_module(&m, err);

    if (st == SPN_OK && (a == NULL || (net = m->open()) == NULL))
        st = spn_fail(err, SPN_ENOMEM, "no memory to ask %zu servers", n);
    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        a[i] = (struct asked){ &s[i], SPN_BUF_INIT(list_max) };
        left += ask(m, net, &a[i], limit_ms);
    }
    while (st == SPN_OK && left > 0 && remote_now() < end) {
        m->work(net, (int)((end - remote_now()) * 1000) + 1);
        while (m->ended(net, &r)) {
            take_list(r.ctx, &r);
            left--;
        }
    }
    if (m != NULL)
        m->close(net);
    for (size_t i = 0; a != NULL && i < n; i++)
        spn_buf_free(&a[i].body);
    spn_free(a);
    return st;
}
