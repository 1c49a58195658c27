/* hello.c - the shortest plugin: a command that greets.  `make installcheck` builds it. */
#include <base/cpu.h>
#include <spinney/plugin.h>

static spn_status run(const struct spn_host *h, struct spn_job *j, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    const struct spn_job_api *job = h->query("job", 1);

    return job->emit(j,
                     json_pack("{s:s, s:s}", "text", "hello", "isa", spn_isa_name(spn_isa_get())),
                     "hello\n", err);
}
static const struct spn_command hello_command = { .summary = "greet",
                                                  .usage = "hello",
                                                  .run = run };

static spn_status declare(const struct spn_host *h, struct spn_err *err)
{
    const struct spn_registry_api *registry = h->query("registry", 1);

    return registry->add(h, SPN_POINT_COMMAND, "hello", &hello_command, err);
}
SPN_PLUGIN(hello) = { SPN_PLUGIN_HEAD, .name = "hello", .summary = "a plugin of 20 lines",
                      .points = SPN_HAS(SPN_POINT_COMMAND), .declare = declare };
