"""The compiled media core. Everything here releases the GIL while it works."""

__version__: str

# ---- engine: sockets, drain threads, capture log -------------------------------------------------


# ---- reader: the capture log, batch and live ------------------------------------------------------


# ---- render: packets onto a time line --------------------------------------------------------------


# ---- sender: real-time RTP ---------------------------------------------------------------------------


# ---- sharded map ---------------------------------------------------------------------------------------

