/* common.c - the options that commands share. */
#include "config.h"

#include "host/cmdline.h"
#include "screen/picture_way.h"

const struct spn_option common_all[] = {
    { "help", SPN_OPT_FLAG, .letter = 'h', .help = "show this help and end" },
    { "json", SPN_OPT_FLAG, .help = "results as JSON Lines, one object a result" },
    { "quiet", SPN_OPT_FLAG, .letter = 'q', .help = "no progress and no remarks on stderr" },
    { "pictures", SPN_OPT_CHOICE, .choices = PICTURE_CHOICES, .dflt.s = "auto",
      .help = "how pictures are drawn" },
    { "plugin-dir", SPN_OPT_STRING, .arg = "DIR", .many = true,
      .help = "folder of plugins, searched first" },
    { "dir", SPN_OPT_STRING, .arg = "DIR", .help = "one folder for config, data, state and cache" },
    { "keep-plugins", SPN_OPT_FLAG, .help = "leave plugins mapped at the end, for leak checkers" },
    { 0 }
};

const struct spn_option common_model[] = {
    { "model", SPN_OPT_STRING, .letter = 'm', .arg = "MODEL",
      .help = "model: file, folder or name" },
    { "ctx", SPN_OPT_INT, .hi = 1 << 24, .arg = "N",
      .help = "most tokens a sequence, 0 as the model says" },
    { "seed", SPN_OPT_INT, .lo = 0, .hi = 9007199254740992.0, .arg = "N",
      .help = "seed of all random draws" },
    { "threads", SPN_OPT_INT, .hi = 1024, .arg = "N",
      .help = "threads, 0 as many as this process may use" },
    { "device", SPN_OPT_STRING, .dflt.s = "cpu", .arg = "DEVICE",
      .help = "where to compute: cpu or cuda[:N]" },
    { "act", SPN_OPT_CHOICE, .choices = "int8 f32", .dflt.s = "int8",
      .help = "activations of products with quantised weights" },
    { "kv-type", SPN_OPT_CHOICE, .choices = "f32 f16", .dflt.s = "f32",
      .help = "element type of the cache of keys and values" },
    { "lora", SPN_OPT_STRING, .arg = "FILE[:SCALE]", .many = true,
      .help = "adapter beside the model: a GGUF or a PEFT folder, times SCALE" },
    { "engine", SPN_OPT_STRING, .dflt.s = "local", .arg = "ENGINE",
      .help = "what answers: local, the address of a server, or remote:url=URL,key=value,…" },
    { 0 }
};

const struct spn_option common_records[] = {
    { "output", SPN_OPT_STRING, .letter = 'o', .arg = "FILE",
      .help = "write results as JSON Lines to FILE" },
    { "resume", SPN_OPT_FLAG, .help = "go on with FILE of -o: skip what is there" },
    { "shard", SPN_OPT_STRING, .arg = "K/N",
      .help = "only the records whose index modulo N is K, K from 0" },
    { "files-from", SPN_OPT_STRING, .arg = "FILE",
      .help = "read the names of input files from FILE, - is stdin" },
    { "null", SPN_OPT_FLAG, .letter = '0', .help = "names of --files-from end with a NUL byte" },
    { "prompt-key", SPN_OPT_STRING, .dflt.s = "prompt", .arg = "NAME",
      .help = "name of the prompt in an input object" },
    { 0 }
};

const struct cmdline_choice cmdline_choices[] = {
    { "reason", SPN_POINT_REASONER }, { "task", SPN_POINT_TASK },
    { "decoder", SPN_POINT_DECODER }, { "kv", SPN_POINT_KV_POLICY },
    { "engine", SPN_POINT_ENGINE },   { NULL, SPN_POINT_COUNT }
};
