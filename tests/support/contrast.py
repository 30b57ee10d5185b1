"""Whether text on a screen can be read: the contrast of WCAG 2, computed for what is really drawn."""

from __future__ import annotations

from collections.abc import Iterable

from rich.color import Color as TerminalColor
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.screen import ModalScreen, Screen
from textual.strip import Strip

from smol_chat.ui.themes import LEAST_CONTRAST, contrast

CONSOLE = TerminalTheme(
    (0, 0, 0),
    (170, 170, 170),
    [(0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170)],
    [
        *[(85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85)],
        *[(85, 85, 255), (255, 85, 255), (85, 255, 255), (255, 255, 255)],
    ],
)
"""The sixteen colours of a bare console (VGA), which themes made of the terminal's own colours are for."""


def unreadable(strips: Iterable[Strip]) -> list[str]:
    """Return the texts that stand out too little from what is behind them."""
    bad: dict[str, None] = {}
    for strip in strips:
        for segment in strip:
            style = segment.style
            if style is None or not any(character.isalnum() for character in segment.text):
                continue
            text = style.color or TerminalColor.default()
            ground = style.bgcolor or TerminalColor.default()
            front = text.get_truecolor(CONSOLE, foreground=True)
            back = ground.get_truecolor(CONSOLE, foreground=False)
            if style.reverse:
                front, back = back, front
            ratio = contrast(Color(*front), Color(*back))
            if ratio < LEAST_CONTRAST or style.dim:
                bad[f"{segment.text.strip()[:40]!r} {text.name} on {ground.name}: {ratio:.1f}"] = None
    return list(bad)


def looked_at(screen: Screen[object], strips: list[Strip]) -> list[Strip]:
    """Return what of the screen is in use: of a box over the chat the box, not what shows through behind it."""
    if not isinstance(screen, ModalScreen):
        return strips
    x, y, width, height = screen.children[0].region
    return [strip.crop(x, x + width) for strip in strips[y : y + height]]
