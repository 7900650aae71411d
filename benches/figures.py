"""The pictures of the README and of benches/README.md, from measurements made here and now:

    python3 benches/figures.py            # measures (a quarter of an hour), keeps the points, draws
    python3 benches/figures.py --redraw   # draws the points that are kept

writes benches/figures/*.svg and points.jsonl. Nothing but Python's own library, Rust, and patience; one thread, pinned to
one core where the system can do that. `--only two-layer`, `deep` or `digits` measures one part anew and keeps the others.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FIGURES = HERE / "figures"
COLOURS = {"blue": "#0b62c4", "orange": "#c75000", "grey": "#6b6b6b", "green": "#1b7f3b", "ochre": "#a17400", "purple": "#8e4585"}


# Measuring


def output(command):
    print("+", *command, file=sys.stderr, flush=True)
    pin = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if shutil.which("taskset") else []
    return subprocess.run([*pin, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def two_layer():
    text = output(["cargo", "bench", "--quiet", "--bench", "scaling"])
    return [{"figure": "two-layer", **json.loads(line)} for line in text.splitlines() if line.startswith("{")]


def deep():
    """The tables of `cargo bench --bench deep`: name, what varies, share that fires, first pass, five phases, the step; each but the first two as ms and operations."""
    points = []
    for mode, of in [(["exponents", "13"], "m"), (["dense", "12"], "m"), (["samples"], "n"), (["inputs"], "d")]:
        for line in output(["cargo", "bench", "--quiet", "--features", "cli", "--bench", "deep", "--", *mode]).splitlines():
            row = re.match(r"(\w+)( dense)?, L = (\d) +(\d+) +[\d.]+((?: +[\d.]+)+)", line)
            if row:
                numbers = [float(x) for x in row[5].split()]
                series = f"{'dense' if row[2] or row[1] == 'dense' else 'ours'} {row[3]}"
                points.append({"figure": "deep", "series": series, "of": of, "value": int(row[4]), "first_ms": numbers[0], "ms": numbers[12]})
    return points


def digits():
    points = []
    output(["cargo", "build", "--quiet", "--release", "--features", "cli"])
    base = ["target/release/subquad", "train", "--json", "--threads", "1"]
    base = base if "--threads" in output(["target/release/subquad", "train", "--help"]) else base[:3]
    runs = {"Gauss-Newton": []}
    runs |= {f"Adam, rate {rate}": ["--method", "adam", "--learning-rate", str(rate), "--steps", "1500"] for rate in [0.003, 0.01, 0.03]}
    for series, more in runs.items():
        seconds = 0.0
        for line in output([*base, *more]).splitlines():
            event = json.loads(line)
            if event["event"] == "step":
                seconds += event["seconds"]
                points.append({"figure": "digits", "series": series, "seconds": round(seconds, 4), "mse": float(f"{event['train_mse']:.3g}")})
    # As many as a picture shows.
    kept = []
    for k, point in enumerate(points):
        last = kept[-1] if kept and kept[-1]["series"] == point["series"] else None
        ends = k + 1 == len(points) or points[k + 1]["series"] != point["series"]
        if last is None or ends or point["series"] == "Gauss-Newton" or point["seconds"] > 1.04 * last["seconds"]:
            kept.append(point)
    return kept


# Drawing


def exponent(points, last=4):
    """The slope of the logarithms over the last points."""
    points = [(math.log(x), math.log(y)) for x, y in points][-last:]
    mx, my = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    return sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)


def si(value, unit):
    for scale, prefix in [(1, ""), (1e-3, "m"), (1e-6, "µ")]:
        if value >= scale * 0.999:
            return f"{value / scale:g} {prefix}{unit}"
    return f"{value:g} {unit}"


class Panel:
    """A diagram with logarithmic axes at a place of the picture."""

    def __init__(self, left, top, width, height, x, y, title, x_label, y_label, room=0):
        self.box, self.x, self.y = (left, top, width, height), x, y
        self.title, self.labels, self.room, self.parts, self.tags = title, (x_label, y_label), room, [], []

    def at(self, x, y):
        left, top, width, height = self.box
        share = lambda value, ends: (math.log(value) - math.log(ends[0])) / (math.log(ends[1]) - math.log(ends[0]))
        return left + width * share(x, self.x), top + height * (1 - share(y, self.y))

    def line(self, points, colour, name, dots=True, width=2.2, tag=True):
        places = [self.at(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[colour]}" stroke-width="{width}"/>')
        if dots:
            self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{COLOURS[colour]}"/>' for x, y in places]
        if tag:
            self.tags.append([places[-1][1], places[-1][0], name, COLOURS[colour]])

    def draw(self, x_ticks, y_ticks, y_unit=None):
        left, top, width, height = self.box
        out = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>']
        for value, text in x_ticks:
            x, _ = self.at(value, self.y[0])
            out.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" stroke="#e6e6e6"/>')
            out.append(f'<text x="{x:.1f}" y="{top + height + 17}" text-anchor="middle">{text}</text>')
        for value, text in y_ticks:
            _, y = self.at(self.x[0], value)
            out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#e6e6e6"/>')
            if self.labels[1]:
                out.append(f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        out += self.parts
        out.append(f'<text x="{left}" y="{top - 10}" style="font-weight:600">{self.title}</text>')
        out.append(f'<text x="{left + width / 2}" y="{top + height + 38}" text-anchor="middle">{self.labels[0]}</text>')
        if self.labels[1]:
            middle = top + height / 2
            out.append(f'<text x="{left - 64}" y="{middle}" text-anchor="middle" transform="rotate(-90 {left - 64} {middle})">{self.labels[1]}</text>')
        # Names at the ends of the lines, pushed apart where they would meet.
        self.tags.sort()
        for lower, upper in zip(self.tags, self.tags[1:]):
            upper[0] = max(upper[0], lower[0] + 15)
        for y, x, name, colour in self.tags:
            out.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}" class="tag">{name}</text>')
        return out


def picture(path, width, height, parts, title, below=""):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
    style = "<style>text{font:13px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#222}.tag{font-weight:600}.small{font-size:11.5px;fill:#555}</style>"
    # Tags carry their own colour, which the style would override.
    parts = [re.sub(r'fill="(#\w+)" class="tag"', r'style="fill:\1" class="tag"', part) for part in parts]
    foot = f'<text x="14" y="{height - 10}" class="small">{below}</text>' if below else ""
    lines = [f'{head}aria-label="{title}">', f"<title>{title}</title>", style, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, foot, "</svg>"]
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def decades(low, high, unit):
    return [(10.0**k, si(10.0**k, unit)) for k in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)]


def ends(values, spread=1.3):
    return min(values) / spread, max(values) * spread


def twos(x_ends):
    """Powers of two on an axis, not too many."""
    ticks = [(2.0**p, str(2**p) if p < 10 else f"{2 ** (p - 10)}k") for p in range(4, 20) if x_ends[0] <= 2.0**p <= x_ends[1]]
    return ticks if len(ticks) < 7 else ticks[::2]


def legend(names):
    line = '<line x1="{x}" y1="22" x2="{end}" y2="22" stroke="{colour}" stroke-width="3"/><text x="{text}" y="26">{name}</text>'
    places = [(88 + 190 * k, COLOURS[colour], name) for k, (_, name, colour) in enumerate(names)]
    return [line.format(x=x, end=x + 24, text=x + 30, colour=colour, name=name) for x, colour, name in places]


def draw_two_layer(points):
    names = [("gradient", "gradient descent", "grey"), ("gauss-newton", "Gauss-Newton, ours", "blue"), ("dense", "Gauss-Newton, dense", "orange")]
    y_ends = ends([p["ms"] / 1e3 for p in points], 1.6)
    parts = []
    for k, of in enumerate("mnd"):
        mine = [p for p in points if p["of"] == of]
        x_ends = ends([p[of] for p in mine], 1.15)
        fixed = ", ".join(f"{name} = {mine[0][name]}" for name in "mnd" if name != of)
        word = {"m": "neurons m", "n": "samples n", "d": "inputs d"}[of]
        panel = Panel(88 + 318 * k, 58, 245, 300, x_ends, y_ends, fixed, word, "seconds for one step" if k == 0 else "")
        for series, name, colour in names:
            line = [(p[of], p["ms"] / 1e3) for p in mine if p["series"] == series]
            if line:
                panel.line(line, colour, f"{of}<tspan dy=\"-5\" font-size=\"10\">{exponent(line):.2f}</tspan>")
        parts += panel.draw(twos(x_ends), decades(*y_ends, "s"))
    names = [name for name in names if any(p["series"] == name[0] for p in points)]
    parts += legend(names)
    below = "Two-layer network, one output, half of the neurons fire; one thread. Exponents: fitted to the last four points of each line." + (" Dense: the Jacobian written out, up to a gigabyte." if len(names) > 2 else "")
    picture(FIGURES / "two-layer.svg", 1060, 430, parts, "Time of a training step of the two-layer network against neurons, samples and inputs", below)


def draw_deep(points):
    names = [("ours 2", "2 layers, ours", "green"), ("ours 3", "3 layers, ours", "blue"), ("dense 3", "3 layers, dense", "orange")]
    fixed = {"m": "n = 256, d = 65", "n": "m = 2048, d = 65", "d": "m = 2048, n = 256"}
    y_ends = ends([p["ms"] / 1e3 for p in points], 1.6)
    parts = []
    for k, of in enumerate("mnd"):
        mine = [p for p in points if p["of"] == of]
        if not mine:
            continue
        x_ends = ends([p["value"] for p in mine], 1.15)
        word = {"m": "neurons m of each layer", "n": "samples n", "d": "inputs d"}[of]
        panel = Panel(88 + 318 * k, 58, 245, 300, x_ends, y_ends, fixed[of], word, "seconds for one step" if k == 0 else "")
        for series, _, colour in names:
            line = [(p["value"], p["ms"] / 1e3) for p in mine if p["series"] == series]
            panel.line(line, colour, f"{of}<tspan dy=\"-5\" font-size=\"10\">{exponent(line):.2f}</tspan>")
        parts += panel.draw(twos(x_ends), decades(*y_ends, "s"))
    parts += legend(names)
    below = "Gauss-Newton on handwritten digits, ten outputs, Gaussian weights, shift sqrt(0.4 ln m); one thread. Exponents: last four points."
    picture(FIGURES / "deep.svg", 1060, 430, parts, "Time of a training step of a deep network against its width, its samples and its inputs", below)


def draw_digits(points):
    series = {}
    for p in points:
        series.setdefault(p["series"], []).append((p["seconds"], p["mse"]))
    x_ends = ends([x for line in series.values() for x, _ in line], 1.25)
    y_ends = ends([y for line in series.values() for _, y in line], 2.0)
    panel = Panel(84, 46, 470, 300, x_ends, y_ends, "1437 handwritten digits, 4096 neurons, one core", "seconds of training", "training error (mean square)")
    colours = iter(["ochre", "orange", "purple"])
    for name, line in series.items():
        if name == "Gauss-Newton":
            continue
        panel.line(line, next(colours), name, dots=False)
    line = series["Gauss-Newton"]
    panel.line(line, "blue", f"Gauss-Newton: {len(line)} steps", width=3)
    exponents = range(math.ceil(math.log10(y_ends[0])), math.floor(math.log10(y_ends[1])) + 1)
    y_ticks = [(10.0**k, f'10<tspan dy="-5" font-size="10">{k}</tspan>'.replace("-", "−", 0)) for k in exponents]
    picture(FIGURES / "digits.svg", 700, 420, panel.draw(decades(*x_ends, "s"), y_ticks), "Training error against seconds: Gauss-Newton and Adam on handwritten digits", "Every point is a step of Gauss-Newton; Adam takes its steps over all samples.")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--redraw", action="store_true")
    options.add_argument("--only", choices=["two-layer", "deep", "digits"])
    options = options.parse_args()
    FIGURES.mkdir(exist_ok=True)
    kept = FIGURES / "points.jsonl"
    points = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    for name, measure in [("two-layer", two_layer), ("deep", deep), ("digits", digits)]:
        if not options.redraw and options.only in (None, name):
            points = [p for p in points if p["figure"] != name] + measure()
            kept.write_text("".join(json.dumps(p) + "\n" for p in points))
    for name, draw in [("two-layer", draw_two_layer), ("deep", draw_deep), ("digits", draw_digits)]:
        mine = [p for p in points if p["figure"] == name]
        if mine:
            draw(mine)


main()
