#!/usr/bin/python3
"""schema_check.py SCHEMA: each line of stdin is JSON that conforms to a JSON schema, or it is printed and the status is 1.

Written from the specification (draft 2020-12), for the keywords that tests use. In a line a newline is written as \\n, as
mai-tokenize -dl does it; within the strings of JSON there are none.
"""
import datetime
import json
import re
import sys
import uuid

TYPES = {
    "object": lambda v: isinstance(v, dict), "array": lambda v: isinstance(v, list), "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool), "null": lambda v: v is None,
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and v == int(v),
}
FORMATS = {
    "date": datetime.date.fromisoformat, "uuid": uuid.UUID,
    "time": lambda s: datetime.time.fromisoformat(s.replace("Z", "+00:00")),
    "date-time": lambda s: datetime.datetime.fromisoformat(s.replace("Z", "+00:00")),
}


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def parses(how, s):
    try:
        how(s)
    except ValueError:
        return False
    return True


def find(root, ref):
    for key in ref.split("/")[1:]:
        root = root[int(key) if isinstance(root, list) else key.replace("~1", "/").replace("~0", "~")]
    return root


def is_object(v, s, root):
    named = s.get("properties", {})
    return (all(k in v for k in s.get("required", [])) and all(conforms(v[k], named[k], root) for k in v if k in named)
            and all(conforms(v[k], s.get("additionalProperties", True), root) for k in v if k not in named))


def is_array(v, s, root):
    first = s.get("prefixItems", [])
    return (s.get("minItems", 0) <= len(v) <= s.get("maxItems", len(v)) and all(conforms(x, t, root) for x, t in zip(v, first))
            and all(conforms(x, s.get("items", True), root) for x in v[len(first):]))


def is_string(v, s, _):
    return (s.get("minLength", 0) <= len(v) <= s.get("maxLength", len(v)) and re.search(s.get("pattern", ""), v, re.ASCII) is not None
            and ("format" not in s or parses(FORMATS[s["format"]], v)))


def is_number(v, s, _):
    return (s.get("minimum", v) <= v <= s.get("maximum", v) and ("exclusiveMinimum" not in s or v > s["exclusiveMinimum"])
            and ("exclusiveMaximum" not in s or v < s["exclusiveMaximum"]))


def conforms(v, s, root):
    if isinstance(s, bool):
        return s
    types = s.get("type", list(TYPES))
    return (any(TYPES[t](v) for t in ([types] if isinstance(types, str) else types))
            and ("$ref" not in s or conforms(v, find(root, s["$ref"]), root))
            and ("enum" not in s or any(same(v, x) for x in s["enum"])) and ("const" not in s or same(v, s["const"]))
            and all(conforms(v, t, root) for t in s.get("allOf", []))
            and ("anyOf" not in s or any(conforms(v, t, root) for t in s["anyOf"]))
            and ("oneOf" not in s or sum(conforms(v, t, root) for t in s["oneOf"]) == 1)
            and (not TYPES["object"](v) or is_object(v, s, root)) and (not TYPES["array"](v) or is_array(v, s, root))
            and (not TYPES["string"](v) or is_string(v, s, root)) and (not TYPES["number"](v) or is_number(v, s, root)))


def unwrap(line):
    """Spaces for the newlines that stand between what JSON consists of."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|\\n', lambda m: " " if m[0] == "\\n" else m[0], line)


schema = json.loads(sys.argv[1])
bad = 0
for line in sys.stdin:
    try:
        good = conforms(json.loads(unwrap(line.rstrip("\n"))), schema, schema)
    except ValueError as e:
        good = False
    if not good:
        print(line, end="")
        bad = 1
sys.exit(bad)
