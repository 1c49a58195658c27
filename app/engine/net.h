/* net.h - the run-time module spn_net, servers' addresses, and keys. */
#ifndef APP_ENGINE_NET_H
#define APP_ENGINE_NET_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "net/spn_net.h"

/* Where the module's file lies; before the first net_module. */
void net_configure(const char *path);
/* Open the module, once.  SPN_EIO: absent or of another version, and why. */
spn_status net_module(const struct spn_net_module **out, struct spn_err *err);
const char *net_name(void); /* "libcurl 7.88.1, …"; "" before it is open */

/* A server's base address from what a person writes: "/v1" is added where no path is given, a "/"
   at the end is cut, and a model's name behind "#" is put into *MODEL (NULL: none). Both are freed
   with spn_free. SPN_EUSAGE: neither http:// nor https://, no host, or a name and password in it.
 */
spn_status net_base(char **base, char **model, const char *url, struct spn_err *err);
/* Bytes of URL that are scheme, host and port: "http://host:8000". */
size_t net_origin(const char *url);
bool net_is_url(const char *text);
/* May a request to FROM that carries a key follow to TO?  Only the same host and port, or the same
 * host from http to https. */
bool net_may_follow(const char *from, const char *to);

/* The key for the server at BASE: the variable ENVIRONMENT (MINE: BASE is the server it was set
   for), else the file PATH (NULL: none): lines of one key, or of an address and its key. *KEY NULL:
   none. Free with spn_free. SPN_EUSAGE: others than its owner may read the file. */
spn_status net_key(char **key, const char *base, bool mine, const char *environment,
                   const char *path, struct spn_err *err);

#endif
