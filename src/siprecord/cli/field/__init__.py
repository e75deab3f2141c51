"""Captures from the field: SIP messages out of pcap and pcapng files that others have written."""

from siprecord.cli.field.messages import FieldMessage, sip_messages

__all__ = ["FieldMessage", "sip_messages"]
