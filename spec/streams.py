"""Chapter 50 followed through a conversation: which calls stream, whose items came whole, and who broke which bound.

A `Watch` is told every frame of both ends in the order of the wire. It knows no application.
"""
FLOOR = 256 << 10
OTHER = {"iut": "peer", "peer": "iut"}


class Broken(Exception):
    pass  # args[0] is the close code that the receiver owes


def need(ok, code):
    if not ok:
        raise Broken(code)


class Lane:
    """The items of one direction."""

    def __init__(self, window):
        self.window = self.credit = window
        self.ended = self.stopped = self.vague = False
        self.total, self.part, self.items, self.cost = None, "", [], 0

    def give(self, amount):
        if amount and not self.ended:
            self.credit += amount
            need(self.vague or self.credit <= self.window, "CREDIT")

    def data(self, flags, payload, length):
        more, end, empty = "MORE" in flags, "END" in flags, payload is None
        if empty and not end:
            return
        need(not self.ended, "FRAGMENT")
        if not empty:
            need(self.vague or 16 + length <= self.credit, "CREDIT")
            self.credit, self.cost = self.credit - 16 - length, self.cost + 16 + length
            self.gather(more, payload[2:])
        need(not empty or self.total is None or self.stopped, "FRAGMENT")
        self.ended = end

    def gather(self, more, text):
        if self.total is None:
            if not more:
                self.items.append(text)
                return
            self.total, text = int(text[:8], 16), text[8:]
            need(self.total <= self.window, "CREDIT")
        self.part += text
        need(len(self.part) <= 2 * self.total and not (more and not text), "FRAGMENT")
        if not more:
            need(len(self.part) == 2 * self.total, "FRAGMENT")
            self.items.append(self.part)
            self.total, self.part = None, ""


class Call:
    def __init__(self, caller, windows, method, unary):
        self.caller, self.method, self.unary, self.cut = caller, method, unary, None
        self.lanes = {end: Lane(windows[OTHER[end]]) for end in OTHER}
        self.cancelled, self.result, self.code, self.args = False, None, None, None


class Watch:
    def __init__(self, windows, methods, dialer):
        self.windows, self.methods, self.odd = windows, methods, dialer
        self.calls, self.ended, self.oneway, self.last = {}, {}, {"iut": FLOOR, "peer": FLOOR}, {}

    def feed(self, end, frame):
        """One frame of `end`; raises what its receiver owes."""
        kind, call = frame["frame"], self.calls.get(frame["id"])
        if kind == "HELLO" and end == "peer":
            window = frame["tags"].get("window_bytes", FLOOR)
            for open_call in self.calls.values():
                lane = open_call.lanes["iut"]
                lane.window, lane.credit = window, lane.credit + window - lane.window
            self.windows["peer"] = window
        elif kind == "GOAWAY" and end == "iut":
            self.last["peer"] = frame.get("last", frame["arg"])
        elif kind == "REQUEST":
            self.request(end, frame)
        elif kind == "CREDIT" and frame["id"] == 0:
            self.oneway[OTHER[end]] += frame["arg"]
            need(self.oneway[OTHER[end]] <= FLOOR, "CREDIT")
        elif call and kind == "CREDIT" and not call.unary:
            call.lanes[OTHER[end]].give(frame["arg"])
        elif call and kind == "CANCEL":
            call.cancelled |= end == call.caller
            call.lanes[call.caller].stopped |= end != call.caller
        elif call and kind == "DATA":
            self.data(end, frame, call)
        elif call and kind == "RESPONSE":
            self.response(frame, call)

    def request(self, end, frame):
        flags, method = frame["flags"], self.methods.get(frame["arg"], {})
        if "ONEWAY" in flags:
            self.oneway[end] -= 16 + frame["length"]
            need(self.oneway[end] >= 0, "CREDIT")
        elif frame["id"] <= self.last.get(end, 1 << 32):
            unary = "NOMSG" not in flags and bool({"END", "MORE"} & set(flags))
            call = self.calls[frame["id"]] = Call(end, self.windows, method, unary)
            call.args = (frame["payload"] or "0x")[2:]
            call.lanes[end].ended = "END" in flags
            call.cut = frame.get("total")

    def data(self, end, frame, call):
        flags, payload = frame["flags"], frame["payload"]
        need(end != call.caller or not call.cancelled, "FRAGMENT")
        if call.cut is not None and end == call.caller:
            call.args += (payload or "0x")[2:]
            need(payload is not None and len(call.args) <= 2 * call.cut, "FRAGMENT")
            if "MORE" not in flags:
                need(len(call.args) == 2 * call.cut, "FRAGMENT")
                call.cut, call.unary, call.lanes[end].ended = None, "END" in flags, "END" in flags
        elif not call.unary:
            call.lanes[OTHER[end]].give(frame["arg"])
            lane = call.lanes[end]
            if end == call.caller or "out" in call.method:
                lane.data(flags, payload, frame["length"])
            elif payload is None:
                need(not (lane.ended and "END" in flags), "FRAGMENT")
                lane.ended |= "END" in flags
            else:
                need("MORE" in flags and not lane.ended, "FRAGMENT")
                lane.gather(True, payload[2:])

    def response(self, frame, call):
        lane, payload, ok = call.lanes[OTHER[call.caller]], frame["payload"], frame["arg"] >> 24 == 0
        if ok and not call.unary and lane.total is not None:
            need("out" not in call.method and payload is not None, "FRAGMENT")
            lane.gather(False, payload[2:])
            payload = "0x" + lane.items.pop()
        call.code, call.result = frame["arg"] >> 24, payload
        self.ended[frame["id"]] = self.calls.pop(frame["id"])

    def known(self, call_id):
        return self.calls.get(call_id) or self.ended.get(call_id)


def behaves(name, args, items):
    """What a method of demo.Calc that needs no step sends and answers, as values."""
    if name == "count":
        return [str(n) for n in range(1, int(args["to"]) + 1)], None
    if name == "days":
        return ["mon", "tue"], None
    if name == "upper":
        return [line.upper() for line in items], None
    if name == "ticks":
        return [], str(len(items))
    if name == "sum":
        return [], str((sum(map(int, items)) + (1 << 63)) % (1 << 64) - (1 << 63))
    return ([], "0x" + "".join(item[2:] for item in [args["head"], *items])) if name == "join" else None
