/* engine_kind.h - extension point "engine": a kind of engine that --engine names. */
#ifndef SPINNEY_ENGINE_KIND_H
#define SPINNEY_ENGINE_KIND_H
#include "spinney/engine.h"
#include "spinney/option.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_engine_kind {
    const char *summary;
    const struct spn_option *options; /* of `--engine NAME:key=value,…`; ends with { 0 } */
};

#ifdef __cplusplus
}
#endif
#endif
