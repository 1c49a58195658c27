/* torch_value.c - tensors of a PyTorch pickle: calls of torch._utils._rebuild_… over storages. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/torch.h"

enum { WRAPPERS_MAX = 8 };

static const struct { const char *name; int dtype; } types[] = {
    { "float32", SPN_F32 }, { "float", SPN_F32 }, { "float64", SPN_F64 }, { "double", SPN_F64 },
    { "float16", SPN_F16 }, { "half", SPN_F16 }, { "bfloat16", SPN_BF16 }, { "int8", SPN_I8 },
    { "uint8", SPN_U8 }, { "int16", SPN_I16 }, { "short", SPN_I16 }, { "int32", SPN_I32 },
    { "int", SPN_I32 }, { "int64", SPN_I64 }, { "long", SPN_I64 }, { "bool", SPN_BOOL },
    { "uint16", SPN_U16 }, { "uint32", SPN_U32 }, { "uint64", SPN_U64 },
    { "complex32", SPN_C32 }, { "chalf", SPN_C32 }, { "complex64", SPN_C64 },
    { "cfloat", SPN_C64 }, { "complex128", SPN_C128 }, { "cdouble", SPN_C128 },
    { "float8_e4m3fn", SPN_F8_E4M3 }, { "float8_e5m2", SPN_F8_E5M2 },
    { "float8_e4m3fnuz", SPN_F8_E4M3FNUZ }, { "float8_e5m2fnuz", SPN_F8_E5M2FNUZ },
    { "float8_e8m0fnu", SPN_F8_E8M0 }, { "qint8", SPN_I8 }, { "quint8", SPN_U8 },
    { "qint32", SPN_I32 },
}, storages[] = {
    { "FloatStorage", SPN_F32 }, { "DoubleStorage", SPN_F64 }, { "HalfStorage", SPN_F16 },
    { "BFloat16Storage", SPN_BF16 }, { "LongStorage", SPN_I64 }, { "IntStorage", SPN_I32 },
    { "ShortStorage", SPN_I16 }, { "CharStorage", SPN_I8 }, { "ByteStorage", SPN_U8 },
    { "BoolStorage", SPN_BOOL }, { "ComplexFloatStorage", SPN_C64 },
    { "ComplexDoubleStorage", SPN_C128 }, { "QInt8Storage", SPN_I8 },
    { "QUInt8Storage", SPN_U8 }, { "QInt32Storage", SPN_I32 }, { "QUInt4x2Storage", SPN_U8 },
    { "QUInt2x4Storage", SPN_U8 }, { "UntypedStorage", SPN_U8 }, { "_UntypedStorage", SPN_U8 },
};

int k_torch_dtype(const char *name)
{
    if (strncmp(name, "torch.", 6) != 0)
        return -1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name + 6, types[i].name) == 0)
            return types[i].dtype;
    return -1;
}

int k_torch_storage_dtype(const char *name)
{
    const char *last = strrchr(name, '.');

    if (strncmp(name, "torch.", 6) != 0 || last == NULL ||
        (last != name + 5 && strncmp(name, "torch.storage.", 14) != 0 &&
         strncmp(name, "torch.cuda.", 11) != 0))
        return -1;
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
        if (strcmp(last + 1, storages[i].name) == 0)
            return storages[i].dtype;
    return -1;
}

bool k_torch_storage_id(const struct k_value *v, struct k_storage_id *out)
{
    const struct k_value *id = v != NULL && v->kind == KV_PERSISTENT ? v->u.items[0] : NULL;
    const struct k_value *type = k_item(id, 1), *key = k_item(id, 2), *view = k_item(id, 5);
    int64_t numel;

    if (!k_is_text(k_item(id, 0), "storage") || type == NULL || type->kind != KV_GLOBAL ||
        key == NULL || key->kind != KV_TEXT || !k_int(k_item(id, 4), &numel) || numel < 0)
        return false;
    out->dtype = k_torch_storage_dtype((const char *)type->u.s);
    out->key = key->u.s;
    out->key_bytes = key->n;
    out->view = view != NULL && view->kind == KV_TUPLE ? view : NULL;
    return out->dtype < 0 ||
           spn_mul_u64((uint64_t)numel, (uint64_t)spn_dtype_info(out->dtype)->block_bytes,
                       &out->bytes);
}

static spn_status bad(struct k_torch *t, const char *what, struct spn_err *err)
{
    return spn_fail(err, SPN_EFORMAT, "%s: a tensor of its pickle: %s", t->f->name, what);
}

bool k_torch_sizes(const struct k_value *v, int64_t *out, int *n)
{
    if (strcmp(k_callee(v), "torch.Size") == 0)
        v = k_item(v->u.o->args, 0);
    if (v == NULL || (v->kind != KV_TUPLE && v->kind != KV_LIST) || v->n > SPN_DIMS_MAX)
        return false;
    for (uint64_t i = 0; i < v->n; i++)
        if (!k_int(v->u.items[i], &out[i]))
            return false;
    *n = (int)v->n;
    return true;
}

/* ARGS: (storage, offset, size, stride, …). DTYPE -1: the storage's own. */
static spn_status rebuild(struct k_torch *t, const struct k_value *args, int dtype,
                          struct k_torch_tensor *out, struct spn_err *err)
{
    struct k_storage_id id;
    int n = 0;
    spn_status st;

    if (!k_torch_storage_id(k_item(args, 0), &id))
        return bad(t, "no storage that is known by a key", err);
    if (id.dtype < 0)
        return bad(t, "its storage is of a type that is not known", err);
    if (!k_int(k_item(args, 1), &out->first) ||
        !k_torch_sizes(k_item(args, 2), out->dim, &out->ndim) ||
        !k_torch_sizes(k_item(args, 3), out->stride, &n) || n != out->ndim)
        return bad(t, "offset, sizes and strides are not whole numbers of at most 8 dimensions",
                   err);
    if (t->find == NULL)
        return bad(t, "its storage is outside of this pickle", err);
    st = t->find(t, &id, &out->s, err);
    out->dtype = dtype >= 0 ? dtype : id.dtype;
    return st;
}

spn_status k_torch_tensor(struct k_torch *t, const struct k_value *v, struct k_torch_tensor *out,
                          bool *is, struct spn_err *err)
{
    const struct k_value *args, *type;
    const char *name = k_callee(v);
    int dtype = -1;

    *is = true;
    for (int i = 0; i < WRAPPERS_MAX; i++) {
        /* A parameter is its tensor; so is a tensor subclass, made by a function of a tuple. */
        if (strcmp(name, "torch._utils._rebuild_parameter") == 0 ||
            strcmp(name, "torch._utils._rebuild_parameter_with_state") == 0 ||
            strcmp(name, "torch.nn.parameter.Parameter") == 0) {
            v = k_item(v->u.o->args, 0);
            name = k_callee(v);
        }
    }
    if (v == NULL || v->kind != KV_OBJECT) {
        *is = false;
        return SPN_OK;
    }
    args = v->u.o->args;
    if (strcmp(name, "torch._tensor._rebuild_from_type_v2") == 0) {
        type = k_item(args, 0);
        name = type != NULL && type->kind == KV_GLOBAL ? (const char *)type->u.s : "";
        args = k_item(args, 2);
    }
    if (strcmp(name, "torch._utils._rebuild_tensor_v2") == 0 ||
        strcmp(name, "torch._utils._rebuild_tensor") == 0 ||
        strcmp(name, "torch._utils._rebuild_qtensor") == 0)
        return rebuild(t, args, -1, out, err);
    if (strcmp(name, "torch._utils._rebuild_tensor_v3") == 0) {
        type = k_item(args, 6);
        dtype = type != NULL && type->kind == KV_GLOBAL ? k_torch_dtype((const char *)type->u.s)
                                                        : -1;
        if (dtype < 0)
            return bad(t, "an element type that is not known", err);
        return rebuild(t, args, dtype, out, err);
    }
    if (strcmp(name, "torch._utils._rebuild_device_tensor_from_numpy") == 0 ||
        strcmp(name, "torch._utils._rebuild_xla_tensor") == 0)
        v = k_item(args, 0);
    return k_numpy_array(t, v, out, is, err);
}

/* Beside storages and types: what state dicts, optimizers and training loops leave in a file. */
bool k_torch_known(const char *global)
{
    static const char *const names[] = {
        "collections.OrderedDict", "collections.defaultdict", "collections.Counter",
        "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state", "torch._utils._rebuild_qtensor",
        "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._utils._rebuild_device_tensor_from_numpy", "torch._tensor._rebuild_from_type_v2",
        "torch.nn.parameter.Parameter", "torch.Tensor", "torch.Size", "torch.device",
        "torch.serialization._get_layout", "torch.strided",
        "torch.storage._load_from_bytes",
        "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
        "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
        "numpy.ndarray", "numpy.dtype", "_codecs.encode",
        "builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex",
        "builtins.bytes", "__builtin__.bytes",
        "builtins.slice", "builtins.int", "builtins.float", "builtins.dict", "builtins.list",
        "__builtin__.set", "__builtin__.frozenset", "__builtin__.bytearray",
        "__builtin__.complex", "__builtin__.slice", "argparse.Namespace",
        "pathlib.PosixPath", "pathlib._local.PosixPath",
    };
    static const char *const families[] = {
        "torch.distributed.checkpoint.", "torch.distributed._shard.",
        "torch.distributed.tensor.", "numpy.dtypes.",
    };

    if (k_torch_dtype(global) >= 0 || k_torch_storage_dtype(global) >= 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(global, names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strncmp(global, families[i], strlen(families[i])) == 0)
            return true;
    return false;
}
