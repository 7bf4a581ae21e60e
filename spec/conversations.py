"""The conversations held to the chapters: whole frames, the stated values, no bound broken but where a session ends for it."""
import json
import re

import codec
from codec import Bad
from notation import CLOSE, CODES, expand, refusal, runs
from streams import Broken, Watch, behaves

STEPS = {"iut", "peer", "do", "serve", "advance_ms", "expect"}
WHAT = {"message", "part", "returned"}  # steps of the iut that are no single frame


def message_of(frames, call, kind):
    """The payload of one message, from its only frame or its fragments."""
    parts = [f for f in frames if f["id"] == call and f["frame"] in ("DATA", kind) and
             (f["frame"] == kind or f["payload"] is not None)]
    parts = parts[:1 + next((i for i, f in enumerate(parts) if f["frame"] == kind), len(parts))]  # the rest is late
    got = "".join((f["payload"] or "0x")[2:] for f in parts)
    return got[8:] if parts[0]["frame"] == "DATA" else got


def framed(want):
    """A frame that a step describes, as the codec would give it; what is not told is as short as can be."""
    kind, payload = want["frame"], want.get("payload")
    payload = "0x" + expand(payload[2:]) if payload else None
    arg = next((want[k] for k in ("credit", "reason", "last", "method") if k in want), 0)
    if kind == "RESPONSE":
        arg = (CODES.index(want["code"]) if want["code"] in CODES else 31) << 24
    length = len(payload or "0x") // 2 - 1
    return {"frame": kind, "flags": want.get("flags", []), "id": want.get("id", 0), "arg": arg, "payload": payload,
            "length": length, "total": None, "tags": {}, "last": want.get("last", 0), "metadata": want.get("metadata", [])}


class Session:
    """One conversation on its way: what both ends have said, and what the application was asked."""

    def __init__(self, path, talk, service, tally):
        self.talk, self.service, self.types, self.tally = talk, service, service["types"], tally
        self.where = f"conversation {talk['name']}"
        self.methods = {f"{service['service']}/{m['name']}": m for m in service["methods"]}
        limits = talk.get("limits", {})
        self.limit = limits.get("frame_bytes", 64 << 10)
        windows = {"iut": limits.get("window_bytes", 256 << 10), "peer": 256 << 10}
        self.watch = Watch(windows, {int(m["id"], 16): m for m in service["methods"]}, talk["role"] != "server")
        self.inbox, self.first, self.broke, self.spoilt = b"", True, None, None
        self.heard, self.calls, self.ids, self.sent, self.taken = [], [], {}, {}, {}
        self.refused = [s["iut"]["code"] for s in talk["wire"]
                        if isinstance(s.get("iut"), dict) and s["iut"].get("frame") == "GOAWAY"]
        self.expect(path.endswith("/" + talk["name"].replace("/", "-") + ".json"), f"in the file {path}")
        self.expect(talk["role"] in ("client", "server", "peer") and talk["rules"], "role or rules")
        self.expect(talk["level"] in ("L1", "L2"), "level")

    def expect(self, ok, what):
        self.tally.expect(ok, f"{self.where}: {what}")

    def run(self):
        for at, step in enumerate(self.talk["wire"]):
            self.at = at
            keys = set(step) - {"note", "times", "optional"}
            self.expect(len(keys) == 1 and keys <= STEPS, f"step {at} has keys {sorted(step)}")
            if "iut" in step and step["iut"] != "eof":
                self.iut(step["iut"])
            if "peer" in step and step["peer"] != "eof":
                self.peer(step["peer"], step.get("times", 1))
            self.act(step.get("do", {}), step.get("serve", {}))
            for name, want in step.get("expect", {}).items():
                self.seen(name, want)
        self.end()

    def iut(self, want):
        if isinstance(want, str):
            raw = bytes.fromhex(expand(want))
            found = refusal(lambda: codec.frame(raw, frame_bytes=1 << 24))
            one = codec.frame(raw, frame_bytes=1 << 24) if found == "accepted" else None
            self.expect(one is not None and one[1] == len(raw), f"step {self.at} is not one whole frame: {found}")
            said = [{**one[0], "length": len(raw) - 16}] if one else []
        elif "returned" in want:
            lane = self.watch.known(want["returned"]).lanes["peer"]
            self.expect(want["bytes"] <= lane.cost, f"step {self.at}: more is given back than came")
            lane.credit = lane.window - lane.cost + want["bytes"]
            return
        elif "part" in want:
            self.watch.calls[want["part"]].lanes["iut"].vague = True
            return
        else:
            said = [framed({"frame": want.get("message"), "flags": [], **want,
                            **({"payload": "0x" + want["payload"]} if "message" in want else {})})]
            if want.get("message") == "DATA" and want["id"] in self.watch.calls:
                self.watch.calls[want["id"]].lanes["iut"].vague = True
        for frame in said:
            if frame["frame"] == "REQUEST" and frame["id"] not in self.ids and self.calls:
                self.request(frame)
            fault = self.tell("iut", frame)
            self.expect(fault is None, f"step {self.at}: the iut would break {fault}")

    def tell(self, end, frame):
        try:
            self.watch.feed(end, frame)
        except Broken as broken:
            return broken.args[0]
        return None

    def request(self, sent):
        ids = {0 if c.get("by_name") else int(self.methods[c["call"]]["id"], 16) for c in self.calls}
        at = next((i for i, c in enumerate(self.calls) if self.number(c) == sent["arg"]), 0)
        call = self.calls.pop(at)
        method = self.methods[call["call"]]
        args = b"".join(codec.encode(self.types, p["type"], runs(call["args"][p["name"]])) for p in method["params"])
        by_name = [":method", "0x" + call["call"].encode().hex()] in sent.get("metadata", [])
        payload = sent["payload"] or "0x"
        if sent.get("total") is not None:  # the rest comes in DATA
            args = args[:len(payload) // 2 - 1]
        right = (True, "0x" + args.hex(), bool(call.get("by_name")), "0x" + method["signature"], bool(method.get("oneway")))
        told = (sent["arg"] in ids, payload, by_name, sent.get("signature", right[3]), "ONEWAY" in sent["flags"])
        self.expect(told == right, f"step {self.at} is not the call {call['as']}")
        streams = "NOMSG" in sent["flags"] or not {"END", "MORE"} & set(sent["flags"])
        wanted = bool({"in", "out"} & set(method))
        self.expect(streams == wanted or sent["frame"] != "REQUEST" or "MORE" in sent["flags"] or sent["length"] == len(args),
                    f"step {self.at}: the call {call['as']} streams: {streams}, its method: {wanted}")
        self.ids[sent["id"]] = (call["as"], method)

    def number(self, call):
        return 0 if call.get("by_name") else int(self.methods[call["call"]]["id"], 16)

    def peer(self, text, times):
        raw = bytes.fromhex(expand(re.sub(r"\{\w+\}", "00000000", text)))
        before = len(self.heard)
        self.inbox += raw * min(times, 3)
        while self.broke is None:
            bad = refusal(lambda: codec.frame(self.inbox, self.first, self.limit))
            self.broke = None if bad == "accepted" else bad
            one = None if self.broke else codec.frame(self.inbox, self.first, self.limit)
            if one is None:
                break
            self.heard.append({**one[0], "length": one[1] - 16})
            self.inbox, self.first = self.inbox[one[1]:], False
        new = self.heard[before:]
        for frame in new + (new[-1:] * (times - 3) if times > 3 and len(new) == 3 else []):
            self.spoilt = self.spoilt or self.tell("peer", frame)

    def act(self, do, serve):
        if "call" in do:
            self.calls.append(do)
        if "send" in do or "item" in serve:
            self.sent.setdefault(do.get("send", serve.get("id")), []).append(do.get("item", serve.get("item")))
        if "take" in do or "take" in serve:
            self.taken.setdefault(do.get("take", serve.get("id")), []).extend(do.get("items", serve.get("take")))

    def seen(self, name, want):
        call = next((i for i, (as_, _) in self.ids.items() if as_ == name), None)
        if isinstance(want, dict) and call and ("ok" in want or "declared" in want):
            kind = "ok" if "ok" in want else "err"
            method = self.ids[call][1]
            made = codec.encode(self.types, method.get(kind, "unit"), runs(want.get("ok", want.get("declared"))))
            if method.get("oneway"):
                got = ""
            elif "out" in method:
                got = (self.watch.ended[call].result or "0x")[2:]
            else:
                got = message_of(self.heard, call, "RESPONSE")
            self.expect(made.hex() == got, f"{name} is not what the peer sent")
        if isinstance(want, dict) and "error" in want:
            self.calls = [c for c in self.calls if c["as"] != name]  # refused here: it will not be sent

    def end(self):
        found = self.broke or self.spoilt
        self.expect(found is None or found in self.refused, f"the peer's bytes break {found}, the iut says {self.refused}")
        streams = any(not c.unary for c in (*self.watch.calls.values(), *self.watch.ended.values()))
        for code in {"CREDIT", "FRAGMENT"} & set(self.refused):
            self.expect(found == code or not (streams or code == "CREDIT"), f"the iut says {code}, the peer's bytes break {found}")
        self.expect(all(c in CLOSE for c in self.refused), f"unknown close code in {self.refused}")
        for call_id, call in (*self.watch.calls.items(), *self.watch.ended.items()):
            if not call.unary:
                self.items(call_id, call)

    def items(self, call_id, call):
        """What the ends sent is what their applications gave, and the applications took what came."""
        method, who = call.method, self.ids[call_id][0] if call_id in self.ids else call_id
        down, up = ("in", "out") if call.caller == "iut" else ("out", "in")
        came, values = call.lanes["peer"].items if up in method else [], []
        if not call.lanes["peer"].stopped:
            try:
                values = [codec.decode(self.types, method[up], bytes.fromhex(item)) for item in came]
            except Bad:
                values = None  # a conversation about exactly that
            taken = [runs(v) for v in self.taken.get(who, [])]
            self.expect(values is None or values[:len(taken)] == taken, f"call {call_id}: {taken} were taken of {values}"[:300])
            if call.caller == "peer" and call.code == 0 and values is not None:
                self.behaves(call_id, call, values)
        given = [codec.encode(self.types, method[down], runs(v)).hex() for v in self.sent.get(who, [])] if down in method else []
        left = call.lanes["iut"].items
        automatic = call.caller == "peer" and method.get("name") != "pipe"
        rest = iter(given)  # some may have been refused
        self.expect(automatic or all(item in rest for item in left), f"call {call_id}: the iut's items are not those of its application")

    def behaves(self, call_id, call, values):
        method, args, at = call.method, {}, bytes.fromhex(call.args)
        for p in method["params"]:
            args[p["name"]], size = next((v, n) for n in range(len(at) + 1) for v in [self.decoded(p["type"], at[:n])] if v is not None)
            at = at[size:]
        wanted = behaves(method["name"], args, values)
        if wanted:
            items = [codec.encode(self.types, method["out"], v).hex() for v in wanted[0]]
            self.expect(call.lanes["iut"].items == items, f"call {call_id}: the iut's items are not those of {method['name']}")
            made = None if wanted[1] is None else "0x" + codec.encode(self.types, method["ok"], wanted[1]).hex()
            self.expect(made is None or call.result == made, f"call {call_id}: the result is not that of {method['name']}")

    def decoded(self, t, raw):
        return codec.decode(self.types, t, raw) if refusal(lambda: codec.decode(self.types, t, raw)) == "accepted" else None


def check_conversations(spec, talks, tally):
    for path, talk in talks.items():
        Session(path, talk, json.loads(spec["texts"][talk["service"]]), tally).run()
    tally.expect(len(talks) >= 230, f"conversations: {len(talks)}, at least 230 needed")
    ends = {s["iut"]["code"] for t in talks.values() for s in t["wire"]
            if isinstance(s.get("iut"), dict) and s["iut"].get("frame") == "GOAWAY"}
    tally.expect(ends == set(CLOSE), f"conversations: no session ends with {sorted(set(CLOSE) - ends)}")
