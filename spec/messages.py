"""Message streams both ways (chapter 15), on the values of codec.py."""
from codec import Reader, encode, need

MESSAGE_BYTES = 4 << 20


def bodies(data, message_bytes=MESSAGE_BYTES):
    """The bodies of the messages in order; raises at the place where the stream is broken."""
    at = 0
    while at < len(data):
        need(len(data) - at >= 4, "truncated")
        length = int.from_bytes(data[at:at + 4], "big")
        need(length <= message_bytes, "message")
        at += 4
        need(len(data) - at >= length, "truncated")
        yield data[at:at + length]
        at += length


def values(types, body, wanted):
    """The values of one message, of the wanted types, which are all that it holds."""
    reader = Reader(body, types)
    found = [reader.value(t) for t in wanted]
    return need(reader.at == len(body), "trailing") or found


def stream(types, messages):
    """The bytes of messages, each a list of [type, value]."""
    made = [b"".join(encode(types, t, v) for t, v in message) for message in messages]
    return b"".join(len(body).to_bytes(4, "big") + body for body in made)
