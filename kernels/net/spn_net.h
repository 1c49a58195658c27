/* spn_net.h - what the module spn_net offers: HTTP transfers side by side. A data symbol, found by
 * name. Private. */
#ifndef SPN_NET_H
#define SPN_NET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/module.h"

#define SPN_NET_ABI 1

struct spn_net;          /* connections and transfers of one user; one thread at a time */
struct spn_net_transfer; /* one request under way */

/* How a transfer ended. HTTP: an answer came whole, whatever its status code. */
enum spn_net_end {
    SPN_NET_HTTP,
    SPN_NET_NO_HOST,   /* no such host name */
    SPN_NET_REFUSED,   /* no connection: refused, unreachable, a proxy that fails */
    SPN_NET_UNTRUSTED, /* TLS: the certificate is not believed, or no common protocol */
    SPN_NET_SLOW,      /* a time limit: connecting, first byte, or between two bytes */
    SPN_NET_CUT,       /* the connection ended before the answer did */
    SPN_NET_GARBAGE,   /* what answers does not speak HTTP */
    SPN_NET_STOPPED,   /* on_data said so */
    SPN_NET_FAILED     /* all else: a URL that is none, no memory */
};

/* All strings are copied. */
struct spn_net_request {
    const char *url;
    const char *body; /* POST of N_BODY bytes; NULL: GET */
    size_t n_body;
    const char *const *header; /* "Name: value" */
    size_t n_header;
    const char *proxy;   /* NULL: what the environment says, none for this machine */
    const char *ca_file; /* NULL: the system's */
    bool verify;         /* the certificate and the name in it */
    /* Milliseconds, 0: no limit. IDLE: between two pieces of the answer; ALL: start to end. */
    int64_t connect_ms, first_ms, idle_ms, all_ms;
    /* A piece of the answer's body; false stops the transfer. Nothing of this table may be called
     * from here. */
    bool (*on_data)(void *ctx, const char *bytes, size_t n);
    void *ctx;
};

struct spn_net_result {
    void *ctx; /* of the request */
    enum spn_net_end end;
    int status;           /* 200 …; 0: no answer began */
    double retry_after_s; /* of the answer's header; -1: none */
    int64_t bytes;        /* of the body */
    char type[64];        /* "text/event-stream", lower case, without parameters */
    char redirect[1024];  /* where a 3xx sends, whole; "" */
    char why[256];        /* of every end but HTTP: "connection refused" */
};

struct spn_net_module {
    struct spn_module_head head;
    /* NAME is filled as "libcurl 7.88.1, OpenSSL 3.0.11". False: the library does not start. */
    bool (*start)(char *name, size_t room);
    struct spn_net *(*open)(void);    /* NULL: no memory */
    void (*close)(struct spn_net *n); /* stops what is under way; NULL is fine */
    /* NULL: no memory, or a URL that is none. */
    struct spn_net_transfer *(*add)(struct spn_net *n, const struct spn_net_request *r);
    /* T is gone; its connection is closed, so that the server stops too. */
    void (*cancel)(struct spn_net *n, struct spn_net_transfer *t);
    /* Move bytes, waiting WAIT_MS at most for something to happen. */
    void (*work)(struct spn_net *n, int wait_ms);
    /* One transfer that ended, which is gone then; false: none. */
    bool (*ended)(struct spn_net *n, struct spn_net_result *out);
};

#endif
