#!/usr/bin/env python3
"""Write tests/data/curves: runs as TensorBoard, the Hugging Face Trainer and others write them,
and what their own readers say of them (expected.tsv: run, curve, step, value).

    make_curves_golden.py FOLDER
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerState

top = sys.argv[1]
rows = []


def value(step):
    return 3.0 / (1 + 0.05 * step) + 0.02 * ((step * 7919) % 13)


# torch's writer: simple_value and, with new_style, tensors; a text and a histogram that are no curves.
folder = os.path.join(top, "events")
with SummaryWriter(folder, filename_suffix=".a", purge_step=0) as w:
    for step in range(40):
        w.add_scalar("train/loss", value(step), step, walltime=1000.0 + step)
        w.add_scalar("lr", 1e-3 * (1 - step / 40), step, new_style=True, walltime=1000.0 + step)
        w.add_scalar("odd", float("nan") if step == 3 else step, step, walltime=1000.0 + step)
    w.add_text("note", "no curve", 1, walltime=1000.0)
    w.add_histogram("weights", numpy.array([1.0, 2.0, 3.0]), 1, walltime=1000.0)
# Taken up again at step 30: what a first part wrote beyond is dropped.
with SummaryWriter(folder, filename_suffix=".b", purge_step=30) as w:
    for step in range(30, 50):
        w.add_scalar("train/loss", value(step) - 0.5, step, walltime=2000.0 + step)
for i, name in enumerate(sorted(os.listdir(folder), key=lambda n: n[-1])):  # no host, no process
    os.rename(os.path.join(folder, name), os.path.join(folder, f"events.out.tfevents.{i + 1}.host.{name[-1]}"))
acc = EventAccumulator(folder, tensor_size_guidance={"scalars": 0})
acc.Reload()
for tag in acc.Tags()["tensors"]:
    if acc.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
        rows += [("events", tag, e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in acc.Tensors(tag)]

# The Trainer's state of two checkpoints: the newer one counts.
for n in (20, 40):
    state = TrainerState()
    for step in range(10, n + 1, 10):
        state.log_history.append({"loss": value(step), "grad_norm": 0.5, "learning_rate": 1e-4, "epoch": step / 20, "step": step})
        if step % 20 == 0:
            state.log_history.append({"eval_loss": value(step) + 0.1, "epoch": step / 20, "step": step})
    state.global_step = n
    folder = os.path.join(top, "trainer", f"checkpoint-{n}")
    os.makedirs(folder, exist_ok=True)
    state.save_to_json(os.path.join(folder, "trainer_state.json"))
    last = os.path.join(folder, "trainer_state.json")
for entry in TrainerState.load_from_json(last).log_history:
    rows += [("trainer", k, entry["step"], v) for k, v in entry.items() if k != "step"]

# Ours, JSON Lines of others (nested, NaN), and CSV.
os.makedirs(os.path.join(top, "run"), exist_ok=True)
with open(os.path.join(top, "run", "log.jsonl"), "w") as f:
    for step in range(1, 31):
        f.write(json.dumps({"step": step, "loss": value(step) * 0.9, "lr": 1e-3, "grad_norm": 1.0, "tokens_per_s": 1000 + step}) + "\n")
        rows += [("run", "loss", step, value(step) * 0.9), ("run", "lr", step, 1e-3), ("run", "grad_norm", step, 1.0), ("run", "tokens_per_s", step, 1000 + step)]
with open(os.path.join(top, "metrics.jsonl"), "w") as f:
    for step in range(5):
        v = float("nan") if step == 2 else value(step)
        f.write(json.dumps({"iter": step, "train": {"loss": v}, "stage": "warm"}) + "\n")
        rows.append(("metrics.jsonl", "train/loss", step, v))
with open(os.path.join(top, "metrics.csv"), "w") as f:
    f.write('epoch,"val, loss",train_loss,step\n')
    for step in range(5):
        f.write(f"{step // 2},{value(step) if step % 2 else ''},{value(step) * 2},{step * 10}\n")
        rows += [("metrics.csv", "epoch", step * 10, step // 2), ("metrics.csv", "train_loss", step * 10, value(step) * 2)]
        if step % 2:
            rows.append(("metrics.csv", "val, loss", step * 10, value(step)))

with open(os.path.join(top, "expected.tsv"), "w") as f:
    for run, curve, step, v in sorted(rows, key=lambda r: (r[0], r[1], r[2])):
        f.write(f"{run}\t{curve}\t{step}\t{v!r}\n")
