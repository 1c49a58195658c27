#include "config.h"

#include "command/commands.h"

#include "engine/remote.h"
#include "host/registry.h"

static const struct {
    const char *name;
    const struct spn_command *command;
} commands[] = {
    { "bench", &command_bench },       { "data", &command_data },
    { "doctor", &command_doctor },     { "embed", &command_embed },
    { "help", &command_help },         { "logits", &command_logits },
    { "models", &command_models },     { "papers", &command_papers },
    { "perplexity", &command_perplexity },
    { "plugins", &command_plugins },   { "quantize", &command_quantize },
    { "selftest", &command_selftest },
    { "tokenize", &command_tokenize }, { "train", &command_train },
    { "version", &command_version },
};

spn_status commands_register(struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < sizeof commands / sizeof *commands; i++)
        st = registry_add("spinney", SPN_HAS(SPN_POINT_COMMAND), SPN_POINT_COMMAND,
                          commands[i].name, commands[i].command, err);
    if (st == SPN_OK)
        st = registry_add("spinney", SPN_HAS(SPN_POINT_ENGINE), SPN_POINT_ENGINE, "remote",
                          &engine_remote_kind, err);
    return st;
}
