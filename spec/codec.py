"""The wire in 215 lines: values both ways, frames one way. Written from the chapters alone; shares code with nobody."""
import re
import struct

INTS = {f"{sign}{bits}": (bits // 8, sign == "i") for sign in "iu" for bits in (8, 16, 32, 64, 128)}
TEXT = {**dict.fromkeys(INTS, "-?[0-9]+"), "f32": "0x[0-9a-f]{8}", "f64": "0x[0-9a-f]{16}", "bytes": "0x([0-9a-f]{2})*"}
DEPTH, MEMORY_BYTES = 128, 16 << 20

class Bad(Exception):
    pass  # args[0] is the kind of a value error or the name of a close code

def need(ok, kind):
    if not ok:
        raise Bad(kind)

def shape(types, t):
    """A type with its name resolved and newtypes opened; what has fields becomes their types, by name if named."""
    while True:
        t = types.get(t, t) if isinstance(t, str) else t
        if isinstance(t, str):
            return t.replace("_struct", ""), None
        (kind, d), = t.items()
        if kind == "array":
            return "fields", [d[0]] * d[1]
        if kind in ("tuple", "tuple_struct", "struct"):
            return "fields", {f["name"]: f["type"] for f in d} if kind == "struct" else d
        if kind != "newtype":
            return kind, d
        t = d

def payload_type(variant):
    """The type laid out like the payload of a variant, and what it adds to the depth: an enum counts once."""
    inner = next(({k: variant[k]} for k in ("newtype", "tuple", "struct") if k in variant), "unit")
    return inner, -("newtype" not in variant)

def encode(types, t, v, depth=0):
    kind, d = shape(types, t)
    depth += kind in ("opt", "seq", "map", "fields", "enum", "shared")
    need(depth <= DEPTH, "depth")
    need(kind not in TEXT or (isinstance(v, str) and re.fullmatch(TEXT[kind], v)), "type")
    if kind in INTS:
        size, signed = INTS[kind]
        need(0 <= int(v) + (1 << size * 8 - 1) * signed < 1 << size * 8, "range")
        return int(v).to_bytes(size, "big", signed=signed)
    if kind in ("f32", "f64", "bool"):
        need(kind != "bool" or isinstance(v, bool), "type")
        return bytes([v]) if kind == "bool" else bytes.fromhex(v[2:])
    if kind in ("char", "str", "bytes"):
        need(isinstance(v, str) and (kind != "char" or len(v) == 1), "type")
        need(v.encode(errors="ignore").decode() == v, "char" if kind == "char" else "utf8")
        raw = bytes.fromhex(v[2:]) if kind == "bytes" else v.encode()
        return raw if kind == "char" else len(raw).to_bytes(8, "big") + raw
    if kind == "shared":
        return v[0].to_bytes(4, "big") + b"".join(encode(types, d, new, depth) for new in v[1:])
    if kind == "opt":
        need(v is None or (isinstance(v, dict) and list(v) == ["some"]), "type")
        return b"\0" if v is None else b"\1" + encode(types, d, v["some"], depth)
    if kind == "enum":
        need(isinstance(v, dict) and len(v) == 1, "type")
        (name, payload), = v.items()
        need(name in [variant["name"] for variant in d], "variant")
        index = [variant["name"] for variant in d].index(name)
        inner, less = payload_type(d[index])
        payload = payload or [] if inner == "unit" else payload
        return index.to_bytes(4, "big") + encode(types, inner, payload, depth + less)
    need(kind in ("unit", "seq", "map", "fields"), "type")
    d = [] if kind == "unit" else d
    if kind == "fields" and isinstance(d, dict):
        need(isinstance(v, dict) and list(v) == list(d), "type")
        v, d = list(v.values()), list(d.values())
    need(isinstance(v, list) and (kind in ("seq", "map") or len(v) == len(d)), "type")
    if kind in ("unit", "fields"):
        return b"".join(encode(types, ft, fv, depth) for ft, fv in zip(d, v))
    need(kind == "seq" or all(isinstance(pair, list) and len(pair) == 2 for pair in v), "type")
    halves = [half for item in v for half in ([(d, item)] if kind == "seq" else zip(d, item))]
    need(len(raw := b"".join(encode(types, *half, depth) for half in halves)) >= len(v), "length")
    return len(v).to_bytes(8, "big") + raw

class Reader:
    def __init__(self, data, types=(), memory=MEMORY_BYTES):
        self.types, self.data, self.at, self.memory, self.shared = dict(types), data, 0, memory, []
        self.handle = 0  # depth of the deepest handle in the object that is being read
    def take(self, n, kind="eof"):
        need(n <= len(self.data) - self.at, kind)
        self.at += n
        return self.data[self.at - n:self.at]
    def uint(self, size, kind="eof"):
        return int.from_bytes(self.take(size, kind), "big")
    def count(self):
        n = self.uint(8)
        need(n <= len(self.data) - self.at, "length")
        self.memory -= n
        need(self.memory >= 0, "limit")
        return n
    def text(self, n, kind):
        text = self.take(n).decode(errors="replace")
        return need(text.encode() == self.data[self.at - n:self.at], kind) or text

    def value(self, t, depth=0):
        kind, d = shape(self.types, t)
        depth += kind in ("opt", "seq", "map", "fields", "enum", "shared")
        need(depth <= DEPTH, "depth")
        if kind in INTS:
            return str(int.from_bytes(self.take(INTS[kind][0]), "big", signed=INTS[kind][1]))
        if kind in ("f32", "f64"):
            return "0x" + self.take(int(kind[1:]) // 8).hex()
        if kind in ("bool", "opt"):
            tag = self.uint(1)
            need(tag <= 1, "bool" if kind == "bool" else "option-tag")
            return bool(tag) if kind == "bool" else {"some": self.value(d, depth)} if tag else None
        if kind == "char":
            lead = self.uint(1)
            need(lead < 0x80 or 0xC2 <= lead <= 0xF4, "char")
            self.at -= 1
            return self.text(1 + (lead >= 0xC2) + (lead >= 0xE0) + (lead >= 0xF0), "char")
        if kind in ("str", "bytes"):
            return self.text(self.count(), "utf8") if kind == "str" else "0x" + self.take(self.count()).hex()
        if kind in ("seq", "map"):
            types = [d] if kind == "seq" else d
            items = [[self.value(half, depth) for half in types] for _ in range(self.count())]
            return items if kind == "map" else [item for item, in items]
        if kind == "fields" and isinstance(d, dict):
            return {name: self.value(ft, depth) for name, ft in d.items()}
        if kind in ("unit", "fields"):
            return [self.value(ft, depth) for ft in d or []]
        index = self.uint(4)
        if kind == "shared":
            need(index >= len(self.shared) or self.shared[index], "cycle")
            outer, self.handle = self.handle, depth
            new = index == len(self.shared)
            if new:
                self.shared.append(None)
                value = self.value(d, depth)
                self.shared[index] = d, self.handle - depth
            need(index < len(self.shared) and self.shared[index][0] == d, "reference")
            deepest = depth + self.shared[index][1]
            self.handle = max(outer, deepest)
            return need(deepest <= DEPTH, "depth") or ([index, value] if new else [index])
        need(index < len(d), "variant")
        inner, less = payload_type(d[index])
        return {d[index]["name"]: None if inner == "unit" else self.value(inner, depth + less)}

def decode(types, t, data, memory=MEMORY_BYTES):
    value = (reader := Reader(data, types, memory)).value(t)
    return need(reader.at == len(data), "trailing") or value

# type: name, flags allowed, belongs to a call (None = either), least and most bytes of body
FLAGS, ANY = {"END": 1, "MORE": 2, "NOMSG": 4, "TIMEOUT": 8, "ONEWAY": 64}, 1 << 24
FRAMES = {1: ("HELLO", 0, False, 4, 4096), 2: ("REQUEST", 79, True, 8, ANY), 3: ("RESPONSE", 4, True, 0, ANY),
          4: ("DATA", 7, True, 0, ANY), 5: ("CREDIT", 0, None, 0, 0), 6: ("CANCEL", 0, True, 0, 0),
          7: ("PING", 0, False, 0, 0), 8: ("PONG", 0, False, 0, 0), 9: ("GOAWAY", 0, False, 4, 260),
          10: ("LIMITS", 0, False, 0, 0)}
U32 = {"frame_bytes": 64 << 10, "message_bytes": 0, "metadata_bytes": 8 << 10, "calls": 0, "streams": 0,
       "window_bytes": 256 << 10, "reassembly_bytes": 4 << 20}  # name: floor
# HELLO tag: name, least and most bytes, least and most number (0 = not a number)
TAGS = {tag: (name, 4, 4, U32[name], ANY - 1 if tag == 1 else 1 << 32) for tag, name in enumerate(U32, 1)}
TAGS.update({8: ("features", 8, 8, 0, 0), 9: ("peer_name", 0, 256, 0, 0), 10: ("auth_token", 0, 1024, 0, 0)})

def hello(r):
    out = {"min": r.uint(1), "max": r.uint(1), "reserved": r.uint(2), "tags": {}}
    need(0 < out["min"] <= out["max"], "HELLO")
    while r.at < len(r.data):
        tag, size = r.uint(2, "HELLO"), r.uint(2, "HELLO")
        name, least, most, floor, ceiling = TAGS.get(tag, (f"{tag:#06x}", 0, 4096, 0, 0))
        raw = r.take(size, "HELLO")
        value = int.from_bytes(raw, "big") if ceiling else "0x" + raw.hex()
        need(name not in out["tags"] and least <= size <= most and (not ceiling or floor <= value <= ceiling), "HELLO")
        need(tag < 0x8000 and (tag != 9 or raw.decode(errors="ignore").encode() == raw), "HELLO")
        out["tags"][name] = value
    return out

def metadata(r):
    entries = []
    try:
        while r.at < len(r.data):
            entries.append([r.text(r.uint(1), "eof"), "0x" + r.take(r.uint(2)).hex()])
            need(re.fullmatch("[a-z0-9:_.-]+", entries[-1][0]), "eof")
        return entries
    except Bad:
        return {"malformed": "0x" + r.data.hex()}

def frame(data, first=False, frame_bytes=64 << 10):
    """The frame at the start of `data` and its length in bytes; None while bytes are missing."""
    need(not first or data[:1] in (b"", b"\0"), "NOT_HTON")
    need(not first or not 2 <= int.from_bytes(data[4:5], "big") <= 10, "HELLO")
    need(not first or b"\1\0\0\0\0\0\0\0HTON".startswith(data[4:16]), "NOT_HTON")
    if len(data) < 16:
        return None
    length, kind, bits, mlen, call, arg = struct.unpack(">IBBHII", data[:16])
    flags = {name for name in FLAGS if bits & FLAGS[name]}
    need(length <= frame_bytes, "FRAME_TOO_LARGE")
    need(kind in FRAMES or kind >= 0x80, "UNKNOWN_TYPE")
    name, allowed, on_call, least, most = FRAMES.get(kind, ("SKIPPED", 255, None, 0, ANY))
    need(name != "HELLO" or first, "HELLO")
    ahead = (8 + 4 * len(flags & {"TIMEOUT", "MORE"})) * (name == "REQUEST") + mlen
    if name != "SKIPPED":
        need(not bits & ~allowed and not ("MORE" in flags and flags & {"END", "NOMSG", "ONEWAY"}), "FLAGS")
        need("ONEWAY" not in flags or ("END" in flags and "NOMSG" not in flags), "FLAGS")
        need(name != "DATA" or flags != {"NOMSG"} or arg, "FLAGS")
        need(on_call is None or (call != 0) == on_call, "CALL_ID")
        need(name != "CREDIT" or arg, "CREDIT")
        need(least <= length <= most and (mlen == 0 or name in ("REQUEST", "RESPONSE")), "LENGTH")
        need(ahead <= length and not ("NOMSG" in flags and length > ahead), "LENGTH")
    if len(data) < 16 + length:
        return None
    r = Reader(data[16:16 + length])
    out = {"frame": name, "flags": sorted(flags, key=FLAGS.get), "id": call, "arg": arg}
    out.update(hello(r)) if name == "HELLO" else None
    if name == "REQUEST":
        out.update(signature="0x" + r.take(8).hex(), timeout_ms=r.uint(4) if "TIMEOUT" in flags else None)
    if name in ("REQUEST", "RESPONSE"):
        out.update(metadata=metadata(Reader(r.take(mlen))), total=r.uint(4) if "MORE" in flags else None)
    out.update(code=r.uint(4)) if name == "GOAWAY" else None
    out["payload"] = None if "NOMSG" in flags else "0x" + r.data[r.at:].hex()
    return out, 16 + length
