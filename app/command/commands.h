/* commands.h - the program's own commands: one file each, one line in the table of commands.c. */
#ifndef APP_COMMAND_COMMANDS_H
#define APP_COMMAND_COMMANDS_H
#include "spinney/plugin.h"

/* Register them under the owner "spinney". */
spn_status commands_register(struct spn_err *err);

extern const struct spn_command command_bench, command_data, command_doctor, command_embed,
    command_help, command_logits, command_models, command_papers, command_perplexity,
    command_plugins, command_quantize, command_selftest,
    command_tokenize, command_train, command_version;

#endif
