/* log.h - one sink for log lines; the host sets it, the default drops them. */
#ifndef SPN_LOG_H
#define SPN_LOG_H
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_log_level { SPN_LOG_DEBUG, SPN_LOG_INFO, SPN_LOG_WARN };
typedef void (*spn_log_fn)(void *ctx, enum spn_log_level level, const char *text);
void spn_log_sink(spn_log_fn fn, void *ctx);
void spn_log(enum spn_log_level level, const char *fmt, ...) SPN_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
