#!/usr/bin/python3 -B
"""Makes the README's picture of a terminal from what the demonstration printed.

usage: scripts/demo.sh --color | scripts/demo-picture.py > docs/demo.svg

Standard input: lines with ANSI colours (SGR). Standard output: an SVG with text in it, which can be selected, and which needs
neither fonts nor pictures from elsewhere. Ends with 1 when there is nothing to show.
"""
import re
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN, BAR = 7.2, 17, 16, 30     # px: of a character, of a line, around, of the title bar
COLUMNS = 120
COLORS = {None: "#d0d7de", "1": "#ffffff", "31": "#ff7b72", "1;31": "#ff6a60", "33": "#e3b341", "36": "#76e3ea", "1;36": "#79c0ff",
          "2": "#8b949e"}
BOLD = ("1", "1;31", "1;36")
CODE = re.compile(r"\x1b\[([0-9;]*)m")


def spans(line):
    """(SGR code or None, text) in order."""
    parts = CODE.split(line)
    code = None
    for index, part in enumerate(parts):
        if index % 2:
            code = part if part in COLORS else None
        elif part:
            yield code, part


def kept(text):
    """Spaces at the beginning, and where there is more than one: SVG would fold them."""
    return re.sub("^ +|  +", lambda match: "\u00a0" * len(match.group()), text)


def row(number, line):
    """One line of text at its place; its length is fixed, so that any monospaced font fits."""
    text = CODE.sub("", line)
    if not text.strip():
        return ""
    runs = "".join('<tspan fill="%s"%s>%s</tspan>' % (COLORS[code], ' font-weight="bold"' if code in BOLD else "", kept(escape(part)))
                   for code, part in spans(line))
    return '<text x="%d" y="%d" textLength="%.1f">%s</text>' % (MARGIN, BAR + MARGIN + number * HEIGHT, len(text) * WIDTH, runs)


def fold(line):
    """A line that is too long goes on in the next."""
    while len(CODE.sub("", line)) > COLUMNS and not CODE.search(line):
        yield line[:COLUMNS]
        line = "    " + line[COLUMNS:]
    yield line


def main():
    lines = [part for line in sys.stdin.read().strip("\n").split("\n") for part in fold(line.replace("\r", "").expandtabs())]
    if not any(map(str.strip, lines)):
        print("demo-picture.py: nothing came in", file=sys.stderr)
        return 1
    width, height = round(COLUMNS * WIDTH + 2 * MARGIN), BAR + 2 * MARGIN + len(lines) * HEIGHT
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
          'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="12">' % (
              width, height, width, height))
    print('<title>make demo: four ways out of a container are told, the container is frozen, its evidence kept</title>')
    print('<rect width="100%" height="100%" rx="8" fill="#0d1117"/>')
    print('<text x="%d" y="20" text-anchor="middle" fill="#8b949e">make demo</text>' % (width // 2))
    for place, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        print('<circle cx="%d" cy="16" r="5" fill="%s"/>' % (MARGIN + 4 + place * 18, color))
    for number, line in enumerate(lines, 1):
        text = row(number, line)
        if text:
            print(text)
    print("</svg>")
    return 0


if __name__ == "__main__":
    sys.exit(main())
