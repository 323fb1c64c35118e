"""Coverage day by day as a picture: what covers the credit, stacked, under what is outstanding."""

from collections.abc import Sequence
from datetime import UTC, datetime

from backend.budgets.coverage import Coverage

WIDTH, HEIGHT, FOOT = 640, 200, 24
# Told apart without colour as well: the parts are always stacked in this order, and named.
PARTS = (("stock", "#2d6a4f"), ("promised", "#74a98f"), ("avoided", "#cfe3d8"))


def drawn(days: Sequence[Coverage], words: dict[str, str]) -> str:
    """Return an SVG; `words` name the parts, "outstanding" and "title" in a reader's language."""
    top = max([1, *(max(each.cover, each.outstanding) for each in days)])
    step = WIDTH / max(1, len(days))
    bars = "".join(_bar(each, i * step, step, top, words) for i, each in enumerate(days))
    points = " ".join(
        f"{x:.1f},{HEIGHT - each.outstanding * HEIGHT // top}"
        for i, each in enumerate(days)
        for x in (i * step, (i + 1) * step)
    )
    ends = f"{_day(days[0])} – {_day(days[-1])}" if days else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" '
        f'role="img"><title>{_escaped(words["title"])} {ends}</title>{bars}'
        f'<polyline points="{points}" fill="none" stroke="#9b2226" stroke-width="2">'
        f"<title>{_escaped(words['outstanding'])}</title></polyline>"
        f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT + FOOT - 6}" font-size="14" '
        f'text-anchor="middle" direction="ltr">{ends}</text></svg>\n'
    )


def _bar(day: Coverage, x: float, width: float, top: int, words: dict[str, str]) -> str:
    drawn_, below = [], 0
    for name, colour in PARTS:
        amount = getattr(day, name)
        y0, y1 = (HEIGHT - edge * HEIGHT // top for edge in (below, below + amount))
        below += amount
        if y0 > y1:
            drawn_.append(
                f'<rect x="{x:.1f}" y="{y1}" width="{width:.1f}" height="{y0 - y1}" '
                f'fill="{colour}"><title>{_day(day)} {_escaped(words[name])}: {amount}</title>'
                "</rect>"
            )
    return "".join(drawn_)


def _day(each: Coverage) -> str:
    return datetime.fromtimestamp(each.computed_s, UTC).strftime("%Y-%m-%d")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
