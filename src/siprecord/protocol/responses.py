"""Responses: what is copied from the request, what the endpoint adds (RFC 3261 section 8.2.6)."""

from __future__ import annotations

from siprecord.protocol.actions import Answer, HeaderItems
from siprecord.protocol.flow import Flow
from siprecord.protocol.routing import stamp
from siprecord.protocol.settings import EndpointSettings
from siprecord.syntax.sip import Headers, Request, Response, Via

REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    469: "Bad Info Package",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
    606: "Not Acceptable",
}
Rows = list[tuple[str, str]]


def copied_rows(request: Request, flow: Flow) -> Rows:
    """Via (all, in order, the top one stamped), From, Call-ID and CSeq, as every response repeats them."""
    headers = request.headers
    vias = headers.get_list("Via")
    rows = [("Via", str(stamp(request.top_via, flow)))]
    rows += [("Via", via) for via in vias[1:]]
    rows.append(("From", headers.get("From") or ""))
    rows.append(("Call-ID", headers.get("Call-ID") or ""))
    rows.append(("CSeq", headers.get("CSeq") or ""))
    return rows


def tagged(to: str, tag: str | None) -> str:
    """A To value with that tag; None when it has one already, or must have none."""
    return to if tag is None else f"{to};tag={tag}"


def write_response(copied: Rows, to: str, answer: Answer, own: HeaderItems) -> bytes:
    """The response for the wire. What the answer brings replaces the endpoint's `own` rows of that name."""
    given = list(Headers(answer.headers).items())
    rows = [*copied, ("To", to), *given]
    if given:
        names = {name.lower() for name, _ in given}
        rows += [row for row in own if row[0].lower() not in names]
    else:
        rows += own
    if answer.content_type is not None:
        rows += Headers([("Content-Type", answer.content_type)]).items()
    reason = answer.reason or REASONS.get(answer.status, "Unknown")
    return Response(answer.status, reason, Headers.received(rows), answer.body).to_bytes()


def write_trying(copied: Rows, request: Request) -> bytes:
    """A 100: no tag of ours, and the Timestamp given back (section 8.2.6.1)."""
    rows = [*copied, ("To", request.headers.get("To") or "")]
    timestamp = request.headers.get("Timestamp")
    if timestamp is not None:
        rows.append(("Timestamp", timestamp))
    return Response(100, "Trying", Headers.received(rows)).to_bytes()


def write_malformed(partial: Request, via: Via | None, answer: Answer, tag: str) -> bytes | None:
    """An answer to a request that can't be read as a whole; None when it has no Via, To or Call-ID.

    What is readable is copied as it is: the sender knows it. `via` is the stamped top Via, None when that is
    malformed too.
    """
    headers = partial.headers
    vias = headers.get_list("Via")
    to = headers.get("To")
    if not vias or not to or not headers.get("Call-ID"):
        return None
    if via is not None:
        vias[0] = str(via)
    rows = [("Via", value) for value in vias]
    rows += [(name, value) for name in ("From", "Call-ID", "CSeq") if (value := headers.get(name))]
    return write_response(rows, to if ";tag=" in to.lower() else tagged(to, tag), answer, ())


class Capabilities:
    """The header rows that tell what this endpoint can do, made once."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.allow: tuple[str, str] = ("Allow", ", ".join(settings.allow))
        always: list[tuple[str, str]] = list(Headers(settings.response_headers).items())
        if settings.product:
            always.append(("Server", settings.product))
        self.always: HeaderItems = tuple(always)
        self.full: HeaderItems = (self.allow, ("Supported", ", ".join(settings.supported)), *always)
        self.options: HeaderItems = (
            ("Accept", ", ".join(settings.accept)),
            ("Accept-Encoding", "identity"),
            ("Accept-Language", "en"),
            *self.full,
        )

    def rows(self, method: str, status: int) -> HeaderItems:
        """What to add to a response with that status, above 100, to a request of that method."""
        if status < 300 and method in ("INVITE", "UPDATE"):
            return self.full
        if method == "OPTIONS":
            return self.options
        if status == 405:
            return (self.allow, *self.always)
        if status == 415:
            return (self.options[0], *self.always)
        return self.always
