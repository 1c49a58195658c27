#!/usr/bin/env python3
"""schema_peer.py SPINNEY MODEL [N]: replies under 20 JSON schemas at temperature 1.5, judged by jsonschema. TAP on stdout.

N replies a schema (25). A reply that was cut by its token limit counts as a failure."""
import json
import subprocess
import sys
import tempfile

import jsonschema

STRING = {"type": "string", "maxLength": 12}
SCHEMAS = [
    {"type": "object", "properties": {"name": STRING, "age": {"type": "integer", "minimum": 0, "maximum": 120}}, "required": ["name", "age"]},
    {"type": "object", "properties": {"a": {"type": "boolean"}, "b": STRING, "c": {"type": "null"}}, "required": ["b"]},
    {"type": "array", "items": {"type": "integer", "minimum": -50, "maximum": 7}, "minItems": 1, "maxItems": 5},
    {"enum": ["red", "green", 3, None, True, {"k": [1]}]},
    {"type": "number", "minimum": -3, "maximum": 12.5},
    {"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 10001},
    {"type": "string", "minLength": 3, "maxLength": 9},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3,5}(x|yz)?$"},
    {"type": "object", "properties": {"d": {"type": "string", "format": "date"}, "t": {"type": "string", "format": "date-time"}, "u": {"type": "string", "format": "uuid"}}, "required": ["d", "t", "u"]},
    {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "array", "items": STRING, "maxItems": 2}]},
    {"type": "array", "prefixItems": [{"type": "boolean"}, {"const": "x\"y\\"}], "items": {"type": "integer", "minimum": 0, "maximum": 3}, "maxItems": 4},
    {"$defs": {"p": {"type": "object", "properties": {"x": {"type": "number", "minimum": 0, "maximum": 1}, "y": {"type": "number", "minimum": -1, "maximum": 0}}, "required": ["x", "y"], "additionalProperties": False}}, "type": "array", "items": {"$ref": "#/$defs/p"}, "minItems": 2, "maxItems": 3},
    {"$defs": {"t": {"type": "object", "properties": {"v": {"type": "integer", "minimum": 0, "maximum": 9}, "l": {"anyOf": [{"type": "null"}, {"const": "leaf"}]}}, "required": ["v", "l"]}}, "allOf": [{"$ref": "#/$defs/t"}, {"properties": {"w": STRING}, "required": ["w"]}]},
    {"type": ["string", "integer", "null"], "maxLength": 4, "minimum": 5, "maximum": 60},
    {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 2}, "propertyNames": {"minLength": 1, "maxLength": 8}, "maxProperties": 3},
    {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "object", "properties": {"op": {"enum": ["+", "-", "*", "/"]}, "n": {"type": "integer", "minimum": 1, "maximum": 13}}, "required": ["op", "n"]}, "minItems": 3, "maxItems": 3}}, "required": ["steps"]},
    {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}, "maxItems": 3},
    {"type": "integer", "minimum": -1000000, "maximum": 1000000},
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "v": STRING}, "required": ["kind", "v"]}, {"type": "object", "properties": {"kind": {"const": "b"}, "v": {"type": "number", "minimum": 2, "maximum": 3}}, "required": ["kind", "v"]}]},
    {"type": "object", "properties": {k: {"type": "string", "maxLength": 3} for k in "abcdefgh"}, "required": ["d"], "additionalProperties": False},
]


def main():
    spinney, model = sys.argv[1:3]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 25
    whole = 0
    for i, schema in enumerate(SCHEMAS):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(schema, f)
            f.flush()
            records = "".join(json.dumps({"prompt": "%d %d %d %d" % (k % 13 + 1, k % 7 + 1, k % 5 + 1, k % 11 + 1), "id": k}) + "\n" for k in range(n))
            run = subprocess.run([spinney, "chat", "-m", model, "--json-schema", f.name, "--temp", "1.5", "--top-k", "0", "--top-p", "1",
                                  "--min-p", "0", "--max-tokens", "300", "--seed", str(i), "--json", "--quiet"],
                                 input=records.encode(), capture_output=True, check=False)
        good, why = 0, run.stderr.decode()[-300:]
        for line in run.stdout.decode().splitlines():
            reply = json.loads(line)
            try:
                jsonschema.validate(json.loads(reply["text"]), schema)
                good += reply["finish"] == "stop"
                if reply["finish"] != "stop":
                    why = "cut: " + reply["text"][-200:]
            except Exception as wrong:  # noqa: BLE001 - any failure counts
                why = "%s: %r" % (type(wrong).__name__, reply.get("text", reply))
        whole += good
        print("%sok %d - %d of %d replies are valid" % ("" if good == n else "not ", i + 1, good, n))
        if good != n:
            print("# %s\n# %s" % (json.dumps(schema), why[:500]))
    print("# %d of %d in all\n1..%d" % (whole, n * len(SCHEMAS), len(SCHEMAS)))
    return whole != n * len(SCHEMAS)


sys.exit(main())
