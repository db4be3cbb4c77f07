#!/usr/bin/python3
"""grammar_seeds.py: writes the seeds of the fuzz targets grammar and schema, into tests/fuzz/corpus."""
import json
import os

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def save(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as f:
        f.write(data.encode())


GRAMMARS = {
    "list": ('root ::= ("- " item)+\nitem ::= [^\\n]+ "\\n"\n', "- one\n- two\n"),
    "sums": ('root ::= n (op n)*\nn ::= [0-9]+ | "(" root ")"\nop ::= [-+*/]', "1+22*(3-4)"),
    "counts": ('root ::= ("ab"{2} [c-e]{1,3}){,4} "x"{2,}? # end\n', "ababcdababexx"),
    "escapes": ('root ::= "\\x41\\u00e9\\U0001f600\\t\\"" [\\]\\[\\-^] [^\\n\\r] .', "Aé😀\t\"]é日"),
    "empty": ('root ::= ("a"* "b"?)* | (e (e "c")? ){2,9}\ne ::= | "d" e', "aabcdd"),
    "tokens": ('root ::= <[100]> (!<[101]> "b")* <think> .\n', "dbbbx"),
    "groups": ("root ::= (\n  # here\n  \"a\" |\n\t(\"b\" | )\r\n) rest\nrest ::= root? \".\"\n", "ab.."),
    "nothing": ("root ::= \"\" | ()*", "a"),
    "left": ('root ::= a "x" | "y"\na ::= "b"? root\n', "yx"),
    "cjk": ("root ::= [ぁ-ゟ一-鿿]{1,5} \"。\"?", "ひらがな。"),
}
for name, (grammar, text) in GRAMMARS.items():
    save("grammar", name, grammar + "\0" + text)

SCHEMAS = {
    "object": {"type": "object", "properties": {"a": {"type": "integer", "minimum": -5, "exclusiveMaximum": 1234}, "b": {"type": "string", "minLength": 1, "maxLength": 9},
                                                "c^]": {"const": {"x": [1.5, None, "\"\\"]}}}, "required": ["b", "z"], "additionalProperties": {"type": "null"}},
    "arrays": {"prefixItems": [{"format": "date"}, {"format": "uuid"}, True], "items": {"type": "array", "items": {"enum": ["a", 1, {}]}, "minItems": 1}, "minItems": 2, "maxItems": 7},
    "leads": {"$defs": {"n/": {"anyOf": [{"type": "null"}, {"properties": {"next": {"$ref": "#/$defs/n~1"}}, "required": ["next"]}]}},
              "allOf": [{"properties": {"a": {"$ref": "#/$defs/n~1"}}}, {"properties": {"a": {}, "b": {"$ref": "#"}}, "required": ["a"]}]},
    "any": {"oneOf": [{"type": ["string", "boolean"]}, {"type": "number", "minimum": -3, "maximum": 20}, {"maximum": 7}], "description": "x"},
    "pattern": {"type": "string", "pattern": "^(?:a|[^b-d\\d\"]{2,3})*?\\w+.\\u00e9[\\s\\-x]$|end"},
    "same": {"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"type": "integer"}]},
    "loop": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    "empty": {}, "true": True, "tuple": {"items": [{}, {"type": "integer", "maximum": -10}], "maxItems": 1},
}
for name, schema in SCHEMAS.items():
    save("schema", name, json.dumps(schema))
