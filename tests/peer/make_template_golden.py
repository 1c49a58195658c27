#!/usr/bin/env python3
"""Render real chat templates with Jinja2 and keep what the fixed formats have to give.

usage: make_template_golden.py FOLDER > kernels/text/golden_templates.jsonl

FOLDER holds NAME.jinja files (chat templates of published models).  The environment is the one that
transformers uses.  A leading BOS is taken off: the tokenizer adds it.  DIFFERS lists what a fixed
format cannot give, and why; everything else is kept, and the tests compare it byte for byte.
"""
import json
import os
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

FORMAT = {
    "HuggingFaceTB-SmolLM3-3B": "chatml",
    "Qwen-Qwen2.5-7B-Instruct": "chatml",
    "Qwen-Qwen3-0.6B": "chatml",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "deepseek3",
    "google-gemma-2-2b-it": "gemma",
    "meta-llama-Llama-3.1-8B-Instruct": "llama3",
    "microsoft-Phi-3.5-mini-instruct": "phi3",
    "mistralai-Mistral-Nemo-Instruct-2407": "mistral3t",
}
SYSTEM = {"role": "system", "content": "You are brief."}
USER = {"role": "user", "content": "What is 2 + 3?"}
ANSWER = {"role": "assistant", "content": "It is 5."}
AGAIN = {"role": "user", "content": "And {4} % 3,\n\n<b>twice</b>?"}
THOUGHT = {"role": "assistant", "content": "<think>\nAdd.\n</think>\n\nIt is 5."}
CASES = {
    "system_user": [SYSTEM, USER],
    "user": [USER],
    "user_assistant_user": [USER, ANSWER, AGAIN],
    "thoughts": [USER, THOUGHT, AGAIN],
    "system_user_assistant_user": [SYSTEM, USER, ANSWER, AGAIN],
}
# (template, case or None for all, generate or None for both): why the fixed form is not the same
DIFFERS = {
    ("HuggingFaceTB-SmolLM3-3B", None, None): "always writes a system turn with metadata",
    ("Qwen-Qwen2.5-7B-Instruct", "user", None): "writes a system turn of its own where there is none",
    ("Qwen-Qwen2.5-7B-Instruct", "user_assistant_user", None): "the same",
    ("Qwen-Qwen2.5-7B-Instruct", "thoughts", None): "the same; and keeps thoughts",
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", None, True): "opens the answer with a thought",
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "system_user", None): "no empty line after the system text",
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "system_user_assistant_user", None): "the same",
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "thoughts", None): "keeps the line ends after a thought",
    ("google-gemma-2-2b-it", "system_user", None): "refuses system texts",
    ("google-gemma-2-2b-it", "system_user_assistant_user", None): "refuses system texts",
    ("meta-llama-Llama-3.1-8B-Instruct", None, None): "always writes a system turn with dates",
    ("microsoft-Phi-3.5-mini-instruct", None, False): "ends with the eos token",
    ("mistralai-Mistral-Nemo-Instruct-2407", "system_user_assistant_user", None): "system text before the last user text",
}
BOS = {"deepseek3": "<｜begin▁of▁sentence｜>", "gemma": "<bos>", "llama3": "<|begin_of_text|>", "mistral3t": "<s>"}
EOS = {"deepseek3": "<｜end▁of▁sentence｜>", "mistral3t": "</s>", "phi3": "<|endoftext|>"}


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    env.filters["tojson"] = lambda x, indent=None: json.dumps(x, ensure_ascii=False, indent=indent)
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = lambda fmt: "01 Jan 2026"
    return env


def differs(name, case, generate):
    return any((name, c, g) in DIFFERS for c in (case, None) for g in (generate, None))


def main():
    env = environment()
    for name, fmt in FORMAT.items():
        with open(os.path.join(sys.argv[1], name + ".jinja"), encoding="utf-8") as f:
            template = env.from_string(f.read())
        for case, messages in CASES.items():
            for generate in (False, True):
                if differs(name, case, generate):
                    continue
                bos = BOS.get(fmt, "")
                text = template.render(messages=messages, add_generation_prompt=generate, bos_token=bos,
                                       eos_token=EOS.get(fmt, ""))
                if bos and text.startswith(bos):
                    text = text[len(bos):]
                print(json.dumps({"template": name, "format": fmt, "generate": generate,
                                  "messages": messages, "text": text}, ensure_ascii=True))


if __name__ == "__main__":
    main()
