# make_demo_street.py - draws share/demo/street.png with its truth and a label map that errs a little.
# Needs: Pillow, NumPy.
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = [("sky", (70, 130, 180)), ("building", (178, 34, 34)), ("road", (128, 64, 128)), ("grass", (107, 142, 35)),
           ("tree", (0, 100, 0)), ("car", (0, 0, 142)), ("person", (220, 20, 60))]
W, H = 240, 160


def scene(shift):
    ids = Image.new("P", (W, H), 0)
    d = ImageDraw.Draw(ids)
    d.rectangle((0, 92, W, H), fill=3)
    d.polygon([(100 + shift, 92), (128 + shift, 92), (232, H), (20, H)], fill=2)
    d.rectangle((8, 34 + shift, 74, 100), fill=1)
    d.rectangle((170, 50, 236, 98 - shift), fill=1)
    d.rectangle((144, 70, 149, 104), fill=4)
    d.ellipse((130 + shift, 36, 164 + shift, 78), fill=4)
    d.rounded_rectangle((98, 112 + shift, 134, 130 + shift), 5, fill=5)
    if shift == 0:
        d.rectangle((60, 104, 66, 126), fill=6)
        d.ellipse((59, 97, 67, 105), fill=6)
    return ids


def palette(ids):
    ids.putpalette([v for _, rgb in CLASSES for v in rgb])
    return ids


truth = scene(0)
rng = np.random.default_rng(1)
flat = np.array([(150, 190, 230), (150, 90, 80), (90, 90, 95), (110, 150, 70), (50, 95, 45), (190, 40, 40), (230, 180, 140)])
pixels = flat[np.asarray(truth)].astype(float)
pixels *= (0.75 + 0.25 * np.linspace(1, 0.6, H))[:, None, None]
pixels += rng.normal(0, 6, (H, W, 1))
image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
d = ImageDraw.Draw(image)
for x0, y0, columns in ((14, 42, 5), (176, 58, 5)):
    for k in range(columns * 3):
        x, y = x0 + k % columns * 12, y0 + k // columns * 14
        d.rectangle((x, y, x + 6, y + 8), fill=(60, 70, 90))
out = sys.argv[1]
image.filter(ImageFilter.GaussianBlur(0.6)).quantize(96).save(f"{out}/street.png", optimize=True)
palette(truth).save(f"{out}/truth/street.png", optimize=True)
palette(scene(2)).save(f"{out}/masks/street.png", optimize=True)
with open(f"{out}/street.txt", "w") as f:
    f.write("# classes of share/demo/street.png\n")
    f.writelines(f"{name} #{r:02x}{g:02x}{b:02x}\n" for name, (r, g, b) in CLASSES)
