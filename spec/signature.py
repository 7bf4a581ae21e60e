"""Canonical text and signature of a method, as chapter 70 has them. Types in the notation of the vectors."""
import hashlib
import re

FULL_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/[A-Za-z_]\w*"
FORMS = {"opt": "?{}", "seq": "[{}]", "array": "[{};{}]", "map": "{{{}>{}}}"}


def first_bytes(text, n):
    return hashlib.sha256(text.encode()).hexdigest()[:2 * n]


def parts(t):
    """The types inside an option, seq, array, map or tuple."""
    (kind, d), = t.items()
    return [d] if kind in ("opt", "seq") else d[:1] if kind == "array" else d

def loops(types, name):
    """Whether a newtype leads back to itself without a numbered type between."""
    seen, todo = set(), [types[name]["newtype"]]
    while todo:
        t = todo.pop()
        if isinstance(t, dict):
            todo += parts(t)
        elif t in types and t not in seen and "newtype" in types[t]:
            seen.add(t)
            todo.append(types[t]["newtype"])
    return name in seen

def bare(types, t):
    """Whether a value of this type has no bytes at all."""
    t = types.get(t, t) if isinstance(t, str) else t
    if isinstance(t, str):
        return t in ("unit", "unit_struct")
    (kind, d), = t.items()
    inner = {"newtype": lambda: [d], "tuple": lambda: d, "tuple_struct": lambda: d, "array": lambda: d[:d[1] > 0],
             "struct": lambda: [f["type"] for f in d]}.get(kind)
    return inner is not None and all(bare(types, i) for i in inner())

def canonical(full_name, types, method):
    """The one line that both ends must agree on; a ValueError says why there is none."""
    numbers = {}

    def name(v, form=r"[A-Za-z_]\w*"):
        if not re.fullmatch(form, v, re.ASCII):
            raise ValueError(f"the name {v!r}")
        return v

    def fields(d):
        return "{" + ",".join(f"{name(f['name'])}:{write(f['type'])}" for f in d) + "}"

    def many(d):
        return "(" + ",".join(map(write, d)) + ")"

    def variant(v):
        inside = ":" + write(v["newtype"]) if "newtype" in v else many(v["tuple"]) if "tuple" in v else ""
        return name(v["name"]) + (fields(v["struct"]) if "struct" in v else inside)

    def write(t):
        if isinstance(t, str):
            if types.get(t) == "unit_struct":
                return "unit"
            if "newtype" in types.get(t, ()) and not loops(types, t):
                return write(types[t]["newtype"])
            return f"#{numbers.setdefault(t, len(numbers))}" if t in types else t
        (kind, d), = t.items()
        if kind in ("seq", "map") and all(bare(types, i) for i in parts(t)):
            raise ValueError("elements without bytes")
        if kind in ("opt", "seq", "array", "map"):
            inner = [write(i) for i in parts(t)]
            return "bytes" if (kind, inner) == ("seq", ["u8"]) else FORMS[kind].format(*inner, d[-1] if kind == "array" else "")
        if kind == "newtype":
            return write(d)
        return fields(d) if kind == "struct" else "<" + "|".join(map(variant, d)) + ">" if kind == "enum" else many(d)

    text = f"hton-sig/1;{name(full_name, FULL_NAME)};args={fields(method.get('params', []))}"
    text += ";oneway" if method.get("oneway") else "".join(
        f";{k}={write(method.get(k, 'unit'))}" for k in ("in", "ok", "out", "err") if k in method or k == "ok")
    at = 0
    while at < len(numbers):  # grows while it is walked
        text += f";#{at}={write(types[list(numbers)[at]])}"
        at += 1
    return text
