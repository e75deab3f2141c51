"""`python -m siprecord.render`: the render worker."""

from __future__ import annotations

from siprecord.render.worker import main

if __name__ == "__main__":
    main()
