#!/usr/bin/env python3
"""Makes tests/peer/quant_golden.bin: blocks and their floats as gguf-py has them, for test_quant.

Records, little-endian: u32 type, u32 elements, u32 bytes of blocks, u32 1 when the blocks are made
from the floats (encoder), 0 when the floats are made from the blocks (decoder); blocks; floats.
"""
import struct
import sys

import gguf
import numpy as np

TYPES = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q5_K", "IQ4_NL",
         "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4"]
ENCODED = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "TQ1_0", "TQ2_0", "MXFP4"]
# Byte offsets of the half-precision scales of a block.
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_K": [0, 2], "Q6_K": [208], "Q4_1": [0, 2], "Q5_0": [0],
          "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q5_K": [0, 2], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52],
          "TQ2_0": [64], "MXFP4": []}


def halves(rng, n):
    """Finite halves of every size and both signs, some of them zero or subnormal."""
    bits = rng.integers(0, 0x7C00, n, dtype=np.uint16)
    bits[::5] &= 0x3FF
    bits[::11] = 0
    return bits | (rng.integers(0, 2, n, dtype=np.uint16) << 15)


def floats(rng, n):
    """Blocks of 32 with a magnitude each; one is zero, one has an outlier, one has ties."""
    x = rng.standard_normal(n).astype(np.float32).reshape(-1, 32)
    x *= np.exp2(rng.integers(-30, 10, (x.shape[0], 1))).astype(np.float32)
    x[3] = 0
    x[5, 7] *= -100
    x[6] = np.float32(1e-36)
    x[7] = np.round(x[7] * 8) / 8
    x[8] = np.arange(-16, 16, dtype=np.float32) / 2
    return x.reshape(-1)


def record(out, name, blocks, values, encoder):
    q = gguf.GGMLQuantizationType[name]
    out.write(struct.pack("<IIII", int(q), values.size, blocks.nbytes, encoder))
    out.write(blocks.tobytes() + values.astype("<f4").tobytes())


def main():
    rng = np.random.default_rng(24)
    with open(sys.argv[1] if len(sys.argv) > 1 else "tests/peer/quant_golden.bin", "wb") as out:
        for name in TYPES:
            q = gguf.GGMLQuantizationType[name]
            elems, size = gguf.GGML_QUANT_SIZES[q]
            n = 2048 // elems
            if elems == 1:
                blocks = halves(rng, n).view(np.uint8).reshape(n, 2)
            else:
                blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
                for at in SCALES[name]:
                    blocks[:, at:at + 2] = halves(rng, n).view(np.uint8).reshape(n, 2)
            blocks = blocks.reshape(-1)
            record(out, name, blocks, gguf.dequantize(blocks, q), 0)
        for name in ENCODED:
            x = floats(rng, 2048)
            with np.errstate(all="ignore"):
                blocks = gguf.quantize(x, gguf.GGMLQuantizationType[name])
            record(out, name, np.ascontiguousarray(blocks).view(np.uint8).reshape(-1), x, 1)


if __name__ == "__main__":
    main()
