#include "config.h"

#include "command/commands.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "command/listing.h"
#include "host/conversations.h"
#include "host/job.h"
#include "host/parts.h"
#include "host/paths.h"
#include "host/plugins.h"

/* One finding: STATE is "ok", "off" (an optional part that is absent) or "bad". */
static spn_status row(struct listing *l, const char *name, const char *state, struct spn_buf *value,
                      struct spn_err *err)
{
    const char *text = value->data != NULL ? value->data : "";
    const char *cells[] = { name, state, text };
    spn_status st =
        listing_row(l, json_pack("{s:s, s:s, s:s}", "name", name, "state", state, "value", text),
                    cells, err);

    spn_buf_trim(value, 0);
    return st;
}

static spn_status cpu_rows(struct listing *l, struct spn_buf *b, struct spn_err *err)
{
    const struct spn_cpu *cpu = spn_cpu_get();
    const char *forced = getenv("SPINNEY_ISA"), *slurm = getenv("SLURM_CPUS_PER_TASK");
    int allowed = spn_threads_allowed(), affinity = 0;
    cpu_set_t set;
    spn_status st;

    spn_buf_printf(b, "%s", cpu->name);
    st = row(l, "cpu", "ok", b, err);
    spn_buf_printf(b, "%s%s; this processor has:%s%s%s%s%s", spn_isa_name(spn_isa_get()),
                   forced != NULL ? " (SPINNEY_ISA)" : "", cpu->avx2 ? " avx2" : "",
                   cpu->avx512 ? " avx512" : "", cpu->avx512_bf16 ? " avx512_bf16" : "",
                   cpu->avx512_vnni ? " avx512_vnni" : "", cpu->avx_vnni ? " avx_vnni" : "");
    if (st == SPN_OK)
        st = row(l, "isa", "ok", b, err);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        affinity = CPU_COUNT(&set);
    spn_buf_printf(b, "%d of %ld processors", allowed, sysconf(_SC_NPROCESSORS_ONLN));
    if (affinity > 0)
        spn_buf_printf(b, "; affinity allows %d", affinity);
    if (slurm != NULL)
        spn_buf_printf(b, "; SLURM_CPUS_PER_TASK is %s", slurm);
    if (affinity > 0 && allowed < affinity && (slurm == NULL || strtol(slurm, NULL, 10) > allowed))
        spn_buf_printf(b, "; the cgroup quota allows %d", allowed);
    return st == SPN_OK ? row(l, "threads", "ok", b, err) : st;
}

static spn_status part_rows(struct listing *l, struct spn_buf *b, struct spn_err *err)
{
    spn_status st = SPN_OK;
    const struct part *p;
    size_t i;

    for (i = 0; st == SPN_OK && (p = parts_at(i)) != NULL; i++) {
        bool works = parts_state(p, b);

        st = row(l, p->name, works ? "ok" : "off", b, err);
    }
    return st;
}

static spn_status plugin_rows(struct listing *l, struct spn_buf *b, struct spn_err *err)
{
    size_t i, loaded = 0;
    spn_status st;

    for (i = 0; i < plugins_count(); i++)
        if (plugins_at(i)->loaded)
            spn_buf_printf(b, "%s%s", loaded++ > 0 ? " " : "", plugins_at(i)->name);
    if (loaded == 0)
        spn_buf_printf(b, "none in %s", paths()->plugins);
    st = row(l, "plugins", loaded > 0 ? "ok" : "bad", b, err);
    for (i = 0; st == SPN_OK && i < plugins_count(); i++)
        if (!plugins_at(i)->loaded) {
            spn_buf_puts(b, plugins_at(i)->why_not);
            st = row(l, "plugin refused", "bad", b, err);
        }
    return st;
}

static spn_status folder_rows(struct listing *l, struct spn_buf *b, struct spn_err *err)
{
    const struct {
        const char *name, *path;
    } folders[] = {
        { "config folder", paths()->config_home },
        { "data folder", paths()->data_home },
        { "state folder", paths()->state_home },
        { "cache folder", paths()->cache_home },
        { "own data", paths()->data },
        { "own plugins", paths()->plugins },
    };
    struct winsize size;
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < sizeof folders / sizeof *folders; i++) {
        bool ours = i >= 4, there = folders[i].path != NULL && spn_path_is_dir(folders[i].path);

        if (folders[i].path == NULL)
            spn_buf_puts(b, "none: HOME is not set");
        else
            spn_buf_printf(b, "%s%s", folders[i].path,
                           there  ? ""
                           : ours ? " is missing"
                                  : ", made when needed");
        st = row(l, folders[i].name, ours && !there ? "bad" : "ok", b, err);
    }
    if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        spn_buf_printf(b, "%d columns, %d rows", size.ws_col, size.ws_row);
    else
        spn_buf_puts(b, "stdout is no terminal");
    if (getenv("TERM") != NULL)
        spn_buf_printf(b, ", TERM=%s", getenv("TERM"));
    return st == SPN_OK ? row(l, "terminal", "ok", b, err) : st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    static const char *const heads[] = { "WHAT", "STATE", "FOUND" };
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    struct listing l;
    spn_status st, end;

    listing_begin(&l, job, heads, 3);
    spn_buf_puts(&b, PACKAGE_VERSION);
    st = row(&l, "spinney", "ok", &b, err);
    if (st == SPN_OK)
        st = cpu_rows(&l, &b, err);
    spn_buf_printf(&b, "%.1f GiB free for this process",
                   (double)spn_memory_free_bytes() / (1 << 30));
    if (st == SPN_OK)
        st = row(&l, "memory", "ok", &b, err);
    if (st == SPN_OK)
        st = part_rows(&l, &b, err);
    if (st == SPN_OK)
        st = plugin_rows(&l, &b, err);
    if (st == SPN_OK) {
        bool kept = conversations_state(&b);

        st = row(&l, "conversations", kept ? "ok" : "off", &b, err);
    }
    if (st == SPN_OK)
        st = folder_rows(&l, &b, err);
    end = listing_end(&l, st == SPN_OK ? err : NULL);
    spn_buf_free(&b);
    return st != SPN_OK ? st : end;
}

const struct spn_command command_doctor = {
    .summary = "what this machine and this build have, and why something is off",
    .usage = "doctor [--json]",
    .details = "One row a finding: processor, instruction set in use, threads and what limits "
               "them, memory left, run-time modules, plugins,\n"
               "folders, terminal. \"off\" is an optional part that is absent, with the reason; "
               "\"bad\" is something to mend.",
    .examples = "spinney doctor\nspinney doctor --json\n",
    .run = run,
};
