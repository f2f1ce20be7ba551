# SPDX-License-Identifier: Apache-2.0
"""Figures of many runs into medians with their spread, a table, JSON, and a plot as SVG. Measures nothing itself."""

import html
import statistics

BAR = 18
LEFT, RIGHT, WIDTH = 170, 120, 760
COLOURS = {"jobbridge-power": "#1f6feb", "jobbridge-process": "#54a0ff", "node-red": "#b0453a", "script": "#8a7a3c"}


def summarise(runs):
    """Median, least and greatest of each figure of a list of runs."""
    figures = {}
    for name in sorted({name for run in runs for name in run}):
        values = [run[name] for run in runs if name in run]
        figures[name] = {"median": statistics.median(values), "min": min(values), "max": max(values),
                         "runs": len(values)}
    return figures


def show(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(figure):
    return f"{show(figure['median'])} ({show(figure['min'])}–{show(figure['max'])})" if figure else "–"


def table(subjects, columns, against=None):
    """Rows of Markdown: a figure a row, a subject a column, with the ratio to the subject `against`."""
    names = list(subjects)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for key, title in columns:
        base = subjects.get(against, {}).get(key, {}).get("median")
        cells = []
        for name in names:
            figure = subjects[name].get(key)
            text = cell(figure)
            if figure and base and name != against and figure["median"]:
                text += f" ×{figure['median'] / base:.2f}"
            cells.append(text)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def bars(subjects, key, title, top):
    """One group of horizontal bars with a line for the spread."""
    known = {name: figures[key] for name, figures in subjects.items() if key in figures}
    most = max((figure["max"] for figure in known.values()), default=0) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [f'<text x="0" y="{top + 14}" font-weight="bold">{html.escape(title)}</text>']
    y = top + 24
    for name, figure in known.items():
        end = LEFT + figure["median"] * scale
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>'
                     f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR - 4}" '
                     f'fill="{COLOURS.get(name, "#777")}"/>'
                     f'<line x1="{LEFT + figure["min"] * scale:.1f}" x2="{LEFT + figure["max"] * scale:.1f}" '
                     f'y1="{y + 7}" y2="{y + 7}" stroke="#222"/>'
                     f'<text x="{LEFT + figure["max"] * scale + 6:.1f}" y="{y + 13}">{show(figure["median"])}</text>')
        y += BAR
    return "\n".join(parts), y + 14


def plot(subjects, charts, caption):
    """A whole SVG: one group of bars for each (key, title)."""
    body, top = [], 28
    for key, title in charts:
        part, top = bars(subjects, key, title, top)
        body.append(part)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" font-family="sans-serif" '
            f'font-size="12"><!-- SPDX-License-Identifier: Apache-2.0 -->\n<rect width="100%" height="100%" '
            f'fill="white"/>\n<text x="0" y="14">{html.escape(caption)}</text>\n' + "\n".join(body) + "\n</svg>\n")
