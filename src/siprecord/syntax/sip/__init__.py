"""SIP message syntax: octets to values and back (RFC 3261 sections 7, 18.3, 19, 20 and 25).

`parse_message` splits a message into rows; typed values (`request.cseq`, `request.vias`, ...) are parsed
when asked for, and kept. So a malformed header nobody reads harms nobody. `validate_request` judges what
everybody needs. `StreamFramer` cuts streams. Text is `str` with octets that are no UTF-8 kept as surrogates.
"""

from siprecord.syntax.sip.address import NameAddr
from siprecord.syntax.sip.extensions import RAck, Replaces, parse_rseq
from siprecord.syntax.sip.grammar import (
    format_host_port,
    format_params,
    is_token,
    parse_host_port,
    parse_params,
    quote,
    split_list,
    unquote,
)
from siprecord.syntax.sip.headers import Headers
from siprecord.syntax.sip.message import KNOWN_METHODS, Message, Request, Response
from siprecord.syntax.sip.parse import MessageError, is_keepalive, parse_message
from siprecord.syntax.sip.secrets import blank_credentials
from siprecord.syntax.sip.stream import Frame, FramingError, Keepalive, StreamFramer
from siprecord.syntax.sip.uri import SipUri, uri_scheme
from siprecord.syntax.sip.validate import validate_request, validate_response
from siprecord.syntax.sip.values import MAX_CSEQ, CSeq, MediaType, has_option, option_tags, parse_seconds
from siprecord.syntax.sip.via import Via

__all__ = [
    "KNOWN_METHODS",
    "MAX_CSEQ",
    "CSeq",
    "Frame",
    "FramingError",
    "Headers",
    "Keepalive",
    "MediaType",
    "Message",
    "MessageError",
    "NameAddr",
    "RAck",
    "Replaces",
    "Request",
    "Response",
    "SipUri",
    "StreamFramer",
    "Via",
    "blank_credentials",
    "format_host_port",
    "format_params",
    "has_option",
    "is_keepalive",
    "is_token",
    "option_tags",
    "parse_host_port",
    "parse_message",
    "parse_params",
    "parse_rseq",
    "parse_seconds",
    "quote",
    "split_list",
    "unquote",
    "uri_scheme",
    "validate_request",
    "validate_response",
]
