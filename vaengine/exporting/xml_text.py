"""Text in XML 1.0, which cannot hold every character."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_IMPOSSIBLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """A text as the content of an element; characters that XML cannot hold become U+FFFD."""
    return escape(_IMPOSSIBLE.sub("\ufffd", text))


def xml_tag(name: str, attributes: Mapping[str, object], *, is_empty: bool = True) -> str:
    """A start tag, or an empty element, with attributes in their order."""
    own = "".join(
        f" {key}={quoteattr(_IMPOSSIBLE.sub(chr(0xFFFD), str(value)))}" for key, value in attributes.items()
    )
    return f"<{name}{own}{'/' if is_empty else ''}>"
