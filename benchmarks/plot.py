"""Line charts as SVG, one panel below the other, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, PANEL, LEFT, TOP, GAP = 720, 150, 70, 50, 55
RIGHT = 30
STEPS = 4


@dataclass(frozen=True)
class Curve:
    """One panel: its name, and its points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, across: str, curves: Sequence[Curve]) -> str:
    """An SVG document; all curves share the horizontal axis, which begins at 0 as each vertical one does."""
    height = TOP + len(curves) * (PANEL + GAP)
    most = max((x for curve in curves for x, _ in curve.points), default=1) or 1
    parts = [text(LEFT, 25, title, size=16)]
    for number, curve in enumerate(curves):
        parts += panel(curve, TOP + number * (PANEL + GAP), most)
    parts.append(text(WIDTH - RIGHT, height - 8, across, anchor="end"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def panel(curve: Curve, top: float, most: float) -> list[str]:
    highest = max((y for _, y in curve.points), default=0) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + x / most * (WIDTH - LEFT - RIGHT), top + PANEL - y / highest * PANEL

    points = [place(x, y) for x, y in curve.points]
    parts = [text(LEFT, top - 8, curve.name)]
    for step in range(STEPS + 1):
        x, y = place(most * step / STEPS, highest * step / STEPS)
        parts.append(line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(text(LEFT - 8, y + 4, f"{highest * step / STEPS:.3g}", anchor="end"))
        parts.append(text(x, top + PANEL + 16, f"{most * step / STEPS:g}", anchor="middle"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#1f5fa8" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f5fa8"/>' for x, y in points]
    return parts


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
