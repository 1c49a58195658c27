/* train.h - `spinney train RECIPE`. */
#ifndef APP_COMMAND_TRAIN_H
#define APP_COMMAND_TRAIN_H
#include "spinney/plugin.h"

extern const struct spn_command command_train;

#endif
