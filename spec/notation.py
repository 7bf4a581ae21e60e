"""The notation of the vectors: frames as they write them, hex with runs, the codes by name."""
import re

from codec import Bad

CLOSE = ("GRACEFUL NOT_HTON VERSION HELLO FRAME_TOO_LARGE UNKNOWN_TYPE FLAGS LENGTH CALL_ID FRAGMENT CREDIT FLOOD "
         "TIMEOUT INTERNAL UNAUTHENTICATED LIMIT").split()
CODES = ("OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
         "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
         "UNAUTHENTICATED DECLARED SCHEMA_MISMATCH").split()
ARG = {"REQUEST": "method", "DATA": "credit", "CREDIT": "credit", "CANCEL": "reason", "PING": "token", "PONG": "token",
       "GOAWAY": "last", "LIMITS": "calls"}


def refusal(run):
    try:
        run()
    except Bad as bad:
        return bad.args[0]
    return "accepted"


def name_of(number, names):
    return names[number] if number < len(names) else f"UNKNOWN({number})"


def plain(frame):
    """A frame of the codec in the notation of the vectors."""
    out = {"frame": frame["frame"], "flags": frame["flags"], "id": frame["id"]}
    kind, arg, payload = frame["frame"], frame["arg"], frame["payload"]
    if kind == "HELLO":
        out.update({k: frame[k] for k in ("min", "max", "reserved", "tags")})
    if kind in ARG:
        out[ARG[kind]] = arg
    if kind == "REQUEST":
        out.update({k: frame[k] for k in ("signature", "timeout_ms", "metadata", "total")})
    if kind == "RESPONSE":
        out.update(code=name_of(arg >> 24, CODES), retry=arg >> 16 & 255, app=arg & 65535, metadata=frame["metadata"])
    if kind == "GOAWAY":
        out.update(code=name_of(frame["code"], CLOSE), reason=bytes.fromhex(payload[2:]).decode(errors="replace"))
    if kind in ("REQUEST", "RESPONSE", "DATA"):
        out["payload"] = payload
    return out


def expand(text):
    """Hex with white space and runs such as `61*3` written out."""
    return "".join(re.sub(r"([0-9a-f]{2})\*(\d+)", lambda m: m[1] * int(m[2]), token) for token in text.split())


def runs(value):
    return "0x" + expand(value[2:]) if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+\*\d+", value) else value
