#include "config.h"

#include "command/commands.h"

#include "base/cpu.h"
#include "host/job.h"
#include "host/parts.h"

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    json_t *parts = json_object();
    spn_status st;

    parts_describe(&b, parts);
    st = table_job.emit(job,
                        json_pack("{s:s, s:{s:i, s:i}, s:s, s:o}", "version", PACKAGE_VERSION,
                                  "abi", "major", SPN_ABI_MAJOR, "minor", SPN_ABI_MINOR, "isa",
                                  spn_isa_name(spn_isa_get()), "parts", parts),
                        b.data, err);
    spn_buf_free(&b);
    return st;
}

const struct spn_command command_version = {
    .summary = "version, plugin ABI and optional parts",
    .usage = "version [--json]",
    .details = "Names the version, the plugin ABI, the instruction set in use and which optional "
               "parts this build has.",
    .examples = "spinney version\nspinney version --json\n",
    .run = run,
};
