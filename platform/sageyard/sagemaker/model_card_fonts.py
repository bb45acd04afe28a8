"""How a model card's text is set: fonts, sizes and colours.

The text font is DejaVu Sans where the machine has it, for Greek and Cyrillic, else Bitstream Vera, from which it
descends and which the layout library brings. Chinese, Japanese and Korean are set in fonts that PDF readers have.
"""

import re
from html import escape
from typing import Any

from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REGULAR, BOLD = "Card", "Card-Bold"
ACCENT, INK, FAINT = colors.HexColor("#1f3a5f"), colors.HexColor("#1b2733"), colors.HexColor("#5f6b77")
SOFT, RULE = colors.HexColor("#f3f6f9"), colors.HexColor("#d5dbe1")
EAST_ASIAN = (
    (re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]+"), "HYSMyeongJo-Medium"),
    (re.compile("[\u3041-\u30ff\uff66-\uff9f]+"), "HeiseiMin-W3"),
    (re.compile("[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff65]+"), "STSong-Light"),
)
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def _register() -> None:
    for files in (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"), ("Vera.ttf", "VeraBd.ttf")):
        try:
            regular, bold = TTFont(REGULAR, files[0]), TTFont(BOLD, files[1])
        except TTFError:
            continue
        pdfmetrics.registerFont(regular)
        pdfmetrics.registerFont(bold)
        pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
        break
    for _, name in EAST_ASIAN:
        pdfmetrics.registerFont(UnicodeCIDFont(name))


_register()


def markup(text: Any) -> str:
    """Text as the layout library's markup: escaped, with its line breaks, each script in a font that has it."""
    shown = escape(UNPRINTABLE.sub("", str(text)), quote=False)
    for pattern, font in EAST_ASIAN:
        shown = pattern.sub(rf'<font name="{font}">\g<0></font>', shown)
    return shown.replace("\n", "<br/>")


def _style(size: float, leading: float, color: Any = INK, font: str = REGULAR, **more: Any) -> ParagraphStyle:
    return ParagraphStyle("", fontName=font, fontSize=size, leading=leading, textColor=color, **more)


STYLES = {
    "kicker": _style(8.5, 12, FAINT, BOLD),
    "title": _style(21, 27, ACCENT, BOLD, spaceAfter=8),
    "section": _style(13.5, 17, ACCENT, BOLD, spaceBefore=16),
    "heading": _style(10.5, 14, INK, BOLD, spaceBefore=10, spaceAfter=3),
    "group": _style(9.5, 13, ACCENT, BOLD, spaceBefore=7, spaceAfter=3),
    "metric": _style(9, 12, INK, BOLD, spaceBefore=6, spaceAfter=3),
    "label": _style(8, 11.5, FAINT, BOLD),
    "value": _style(9, 12.5),
    "absent": _style(9, 12.5, FAINT),
    "head": _style(8, 11, colors.white, BOLD),
    "cell": _style(8.5, 11.5),
    "note": _style(8, 11, FAINT, spaceBefore=3),
}
