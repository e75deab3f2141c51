"""What a peer did otherwise than the RFCs say, in words a person on the phone to a vendor can use.

A deviation is noted on the recording and never costs it. `reference` names the rule that was broken.
"""

from __future__ import annotations

import msgspec


class Deviation(msgspec.Struct, frozen=True, gc=False):
    """One sentence for people, and the section of an RFC it rests on."""

    text: str
    reference: str


def no_require() -> Deviation:
    """The INVITE was recognised without the option tag."""
    return Deviation(
        "The INVITE has no Require: siprec; it was taken as SIPREC all the same.", "RFC 7866 section 6.1.1"
    )


def no_source_tag() -> Deviation:
    """The INVITE was recognised without the feature tag."""
    return Deviation("The Contact of the INVITE has no +sip.src feature tag.", "RFC 7866 section 6.1.1")


def odd_source_tag(written: str) -> Deviation:
    """The feature tag is there, but misspelt or misplaced."""
    return Deviation(
        f"The Contact marks the SRC with {written}, not with the header parameter +sip.src.",
        "RFC 3840 section 9",
    )


def not_siprec() -> Deviation:
    """A plain call, recorded because the configuration says so."""
    return Deviation(
        "Nothing in the INVITE says SIPREC; it was recorded as a plain call, as configured.",
        "RFC 7866 section 6.1.1",
    )


def confirmation_missing(method: str) -> Deviation:
    """A mid-dialog request lacks what confirms the purpose of the dialog; it was taken as ever."""
    return Deviation(
        f"The {method} within the recording session has neither Require: siprec nor +sip.src.",
        "RFC 7866 section 6.1.1",
    )


def body_note(text: str) -> Deviation:
    """The bodies of a message were readable only by being lenient."""
    return Deviation(text, "RFC 2046 section 5.1.1")


def sdp_note(text: str) -> Deviation:
    """The SDP was readable only by being lenient."""
    return Deviation(text, "RFC 8866 section 5")


def unknown_part(content_type: str) -> Deviation:
    """A body part we don't know was set aside."""
    return Deviation(
        f"A body part of type {content_type} was ignored; it stays in the capture.", "RFC 5621 section 8.4"
    )


def no_disposition() -> Deviation:
    """Metadata without its Content-Disposition."""
    return Deviation(
        "The metadata part has no Content-Disposition: recording-session.", "RFC 7866 section 9.1"
    )


def several_documents(count: int) -> Deviation:
    """Only the first metadata part counts; all are kept."""
    return Deviation(
        f"The message carries {count} metadata parts; the first was used, all are kept.",
        "RFC 7866 section 9.1",
    )


def unreadable_metadata(why: str) -> Deviation:
    """The document is kept as bytes, and the recording goes on."""
    return Deviation(f"The metadata can't be read ({why}); it is kept as received.", "RFC 7865 section 5.1")


def metadata_note(text: str) -> Deviation:
    """The XML was readable only by being lenient."""
    return Deviation(text, "RFC 7865 section 9")


def no_metadata() -> Deviation:
    """An INVITE without metadata."""
    return Deviation(
        "The INVITE has no metadata; who speaks is known only if it comes later.", "RFC 7866 section 9.1"
    )


def partial_first() -> Deviation:
    """The first document of the session was not a complete one."""
    return Deviation(
        "The first metadata is partial: what it builds on was never sent.", "RFC 7866 section 9.1"
    )


def label_unknown(label: str) -> Deviation:
    """A stream names an m-line that isn't there."""
    return Deviation(f"The metadata names label {label}, but no m-line has it.", "RFC 7866 section 7.1.1")


def labels_without_sdp() -> Deviation:
    """Labels without the SDP they refer to."""
    return Deviation(
        "The metadata cites labels but came without SDP; the current SDP was used.", "RFC 7866 section 9.1"
    )


def bound_by_order(stream: str, mline: int) -> Deviation:
    """No label ties the stream to its m-line, so order did."""
    return Deviation(
        f"No label ties stream {stream} to an m-line; m-line {mline + 1} was taken by order.",
        "RFC 7866 section 7.1.1",
    )


def id_conflict(key: str) -> Deviation:
    """One id for two things."""
    return Deviation(f"The id {key} is used for two different kinds of element.", "RFC 7865 section 6.10")


def listed_twice(kind: str, key: str) -> Deviation:
    """One element twice in a document; they are merged in order."""
    return Deviation(
        f"The metadata lists {kind} {key[:60]} twice; both were merged in order.", "RFC 7865 section 6.10"
    )


def no_label(mline: int) -> Deviation:
    """An m-line without a label."""
    return Deviation(f"m-line {mline + 1} has no a=label.", "RFC 7866 section 7.1.1")


def duplicate_label(label: str, mline: int) -> Deviation:
    """Two m-lines with one label."""
    return Deviation(
        f"m-line {mline + 1} repeats label {label}; both streams are recorded.", "RFC 4574 section 4"
    )


def refused_line(mline: int, why: str) -> Deviation:
    """An m-line that is answered by port 0."""
    return Deviation(f"m-line {mline + 1} was refused: {why}.", "RFC 3264 section 6")


def not_protected(mline: int, why: str) -> Deviation:
    """SRTP was offered as an option and could not be taken."""
    return Deviation(f"m-line {mline + 1} offers SRTP beside plain RTP, but {why}.", "RFC 8643 section 3.1")


def keys_in_the_open(transport: str) -> Deviation:
    """SRTP keys came over signalling that anybody on the way can read."""
    return Deviation(
        f"SRTP keys came over {transport.upper()} without TLS: "
        "whoever can read the signalling can hear the call.",
        "RFC 4568 section 8.3",
    )


def zero_address_hold(mline: int) -> Deviation:
    """The old way to hold."""
    return Deviation(
        f"m-line {mline + 1} is held by the address 0.0.0.0 instead of a=inactive.", "RFC 3264 section 8.4"
    )


def no_answer_in_ack() -> Deviation:
    """Our offer stayed unanswered."""
    return Deviation(
        "The ACK has no SDP answer to our offer; the streams go on as they were.", "RFC 3261 section 13.2.2.4"
    )


def delayed_offer(streams: int) -> Deviation:
    """The SRC left the offer to us."""
    return Deviation(
        f"The INVITE has no SDP; our answer offered {streams} streams to be sent to us.",
        "RFC 7866 section 7.1",
    )


def silent_stream(name: str) -> Deviation:
    """No RTP at all on a stream that was answered."""
    return Deviation(
        f"The SRC sent no RTP for stream {name}; our answer accepted it.", "RFC 7866 section 8.1"
    )


def silence(seconds: float) -> Deviation:
    """All streams fell silent."""
    return Deviation(
        f"No stream has received anything for {seconds:.0f} s, and no BYE has come.", "RFC 3261 section 15"
    )
