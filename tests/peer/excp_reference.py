"""ExCP in NumPy, written from the method's description alone: what the C codec is compared with."""
import struct

import numpy as np

PARTS = ("weights", "opt_v", "opt_m")


def prune(w, ref, e1, e2, alpha=5e-5, beta=2.0, joint=True):
    """Pruned R, E1, E2 and the two thresholds."""
    r = w - ref
    mean = np.mean(e2.astype(np.float64))
    rho = min(2.5, alpha / np.sqrt(mean)) if mean > 0 else 2.5
    size = np.sort(np.abs(r).ravel())
    tau = np.float32(rho * size[(size.size - 1) // 2])
    r = np.where(np.abs(r) > tau, r, np.float32(0))
    s = np.float32(beta * np.mean(np.abs(e1).astype(np.float64)))
    keep = np.abs(e1) > s
    if joint:
        keep &= r != 0
    return r, np.where(keep, e1, np.float32(0)), np.where(keep, e2, np.float32(0)), tau, s


def index(x, centres):
    """0 for zero, else 1 and the number of the nearest centre; the lower of two as near."""
    c = np.sort(np.asarray(centres, dtype=np.float64))
    d = np.abs(x.astype(np.float64).ravel()[:, None] - c[None, :])
    return np.where(x.ravel() != 0, 1 + np.argmin(d, axis=1), 0).astype(np.uint8)


def pack(i, bits):
    each = 8 // bits
    i = np.concatenate([i, np.zeros(-len(i) % each, np.uint8)]).reshape(-1, each)
    out = np.zeros(len(i), np.uint8)
    for k in range(each):
        out = (out << bits) | i[:, k]
    return out


def unpack(b, bits, n):
    each = 8 // bits
    return np.stack([b >> (8 - bits * (k + 1)) & ((1 << bits) - 1) for k in range(each)], 1).ravel()[:n]


def kmeans(x, k, rng, rounds=25):
    """Lloyd's rounds on 256 values a centre."""
    v = rng.choice(x, min(len(x), 256 * k), replace=False)
    c = np.sort(rng.choice(v, k, replace=False))
    for _ in range(rounds):
        i = np.searchsorted((c[1:] + c[:-1]) / 2, v)
        c = np.sort(np.array([v[i == j].mean() if np.any(i == j) else c[j] for j in range(k)]))
    return c.astype(np.float32)


def entropy(i):
    n = np.bincount(i).astype(np.float64)
    n = n[n > 0] / len(i)
    return float(-(n * np.log2(n)).sum())


def read_spx(path):
    """Rows of a packed step whose coder is none, by the documented container: name -> parts, each a
    dict of bytes and centres."""
    b = open(path, "rb").read()
    assert b[:8] == b"SPNEXCP1" and struct.unpack_from("<I", b, 8)[0] == 0x01020304
    coder, = struct.unpack_from("<I", b, 12)
    step, before, n = struct.unpack_from("<qqQ", b, 16)
    alpha, beta = struct.unpack_from("<dd", b, 40)
    bits = struct.unpack_from("<III", b, 56)
    assert coder == 0
    streams, at = [b"", b"", b"", b""], 76
    while True:
        s, size, _ = struct.unpack_from("<III", b, at)
        at += 12
        if s == 4:
            assert size == 0 and at == len(b)
            break
        streams[s] += b[at:at + size]
        at += size
    t, at, used, rows = streams[0], 0, [0, 0, 0], {}
    for _ in range(n):
        size, = struct.unpack_from("<I", t, at)
        name = t[at + 4:at + 4 + size].decode()
        at += 4 + size
        dims, = struct.unpack_from("<I", t, at)
        shape = struct.unpack_from("<%dq" % dims, t, at + 4)
        at += 4 + 8 * dims
        parts, raw, rho, tau, s, _ = struct.unpack_from("<IIdffI", t, at)
        at += 28
        row = {"shape": shape, "rho": rho, "tau": tau, "s": s, "raw": raw, "parts": [None] * 3}
        for k in range(3):
            if not parts >> k & 1:
                continue
            at += 4
            if raw:
                size = 4 * int(np.prod(shape))
                centres = None
            else:
                count, kk = struct.unpack_from("<QI", t, at)
                centres = np.frombuffer(t, "<f4", kk, at + 12)
                at += 12 + 4 * kk
                size = (count * bits[k] + 7) // 8
            row["parts"][k] = (np.frombuffer(streams[1 + k], np.uint8, size, used[k]), centres)
            used[k] += size
        rows[name] = row
    return rows, bits, alpha, beta, before
