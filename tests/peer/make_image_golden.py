# make_image_golden.py - writes image_golden.bin: small pictures of every kind as Pillow writes them, each with the
# upright RGB pixels that Pillow reads back; and prints the hashes that test_resample.c compares with.
# Needs: Pillow, OpenCV, NumPy.
import io
import struct
import sys

import cv2
import numpy as np
from PIL import Image, ImageOps

W, H = 24, 17


def picture(w=W, h=H):
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 // (w - 1), y * 255 // (h - 1), 128 + 60 * np.sin(x / 5) * np.cos(y / 4)], -1)
    return Image.fromarray(rgb.astype(np.uint8))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def upright(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.float64) / 257 + 0.5).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def cases():
    p = picture()
    yield "baseline", saved(p, "JPEG", quality=95, subsampling=0), 6
    yield "chroma 4:2:0", saved(p, "JPEG", quality=95), 40
    yield "progressive", saved(p, "JPEG", quality=95, subsampling=0, progressive=True), 6
    yield "grey", saved(p.convert("L"), "JPEG", quality=95), 3
    yield "cmyk", saved(p.convert("CMYK"), "JPEG", quality=95, subsampling=0), 8
    for k in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = k
        yield f"turned {k}", saved(p, "JPEG", quality=95, subsampling=0, exif=exif), 6
    yield "rgb", saved(p, "PNG"), 0
    alpha = p.convert("RGBA")
    alpha.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))))
    yield "alpha", saved(alpha, "PNG"), 1
    yield "palette", saved(p.quantize(16), "PNG"), 0
    yield "one bit", saved(p.convert("1"), "PNG"), 0
    grey16 = (np.asarray(p.convert("L")).astype(np.uint16) * 257)
    yield "16 bits", saved(Image.fromarray(grey16), "PNG"), 1
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "png turned", saved(p, "PNG", exif=exif), 0
    yield "lossless", saved(p, "WEBP", lossless=True), 0
    yield "lossy", saved(p, "WEBP", quality=95), 40
    yield "bmp", saved(p, "BMP"), 0
    yield "gif", saved(p.quantize(32), "GIF"), 0
    yield "animated", saved(p.quantize(32), "GIF", save_all=True, append_images=[p.quantize(8)] * 2), 0
    yield "tiff", saved(p, "TIFF"), 0
    yield "tiff lzw", saved(p, "TIFF", compression="tiff_lzw"), 0
    yield "ppm", saved(p, "PPM"), 0
    yield "pgm", saved(p.convert("L"), "PPM"), 0
    yield "dot", saved(picture(2, 2).crop((0, 0, 1, 1)), "PNG"), 0


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return h


def noise(w, h):
    x = 12345
    out = bytearray()
    for _ in range(w * h * 3):
        x = (x * 1103515245 + 12345) & 0x7fffffff
        out.append(x >> 16 & 255)
    return np.frombuffer(bytes(out), np.uint8).reshape(h, w, 3)


with open(sys.argv[1], "wb") as f:
    for name, data, tolerance in cases():
        image = upright(data)
        f.write(struct.pack("<16s4I", name.encode(), len(data), image.width, image.height, tolerance))
        f.write(data)
        f.write(image.tobytes())


def columns_first(image, w, h, how):
    # Pillow 13 takes the rows first in some shapes; one axis at a time it has no choice.
    return image.resize((w, image.height), how).resize((w, h), how)


source = noise(37, 23)
for w, h in ((74, 46), (20, 11), (37, 50), (5, 23), (100, 3)):
    small = Image.fromarray(source)
    print(f"{{ {w}, {h}, 0x{fnv(cv2.resize(source, (w, h), interpolation=cv2.INTER_LINEAR).tobytes()):016x}u,",
          f"0x{fnv(columns_first(small, w, h, Image.BILINEAR).tobytes()):016x}u,",
          f"0x{fnv(columns_first(small, w, h, Image.BICUBIC).tobytes()):016x}u }},")
