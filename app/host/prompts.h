/* prompts.h - where sets of prompts lie. */
#ifndef APP_HOST_PROMPTS_H
#define APP_HOST_PROMPTS_H
#include "spinney/prompts.h"

extern const struct spn_prompts_api table_prompts;

#endif
