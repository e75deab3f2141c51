"""The command `siprecord`."""
