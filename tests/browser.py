"""What a person would see: a page opened in headless Chromium, which a script at its end has looked over."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium is installed (Debian: apt-get install chromium)"
)
# Windows are never narrower than some 500 px, so a narrow page is a frame in one.
FRAME = """<!doctype html><meta charset="utf-8"><body style="margin: 0">
<iframe style="border: 0; width: {width}px; height: 1150px" srcdoc="{page}"></iframe></body>"""
TELL = """<script>
const tell = (seen) => {
  const told = top.document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(seen);
  top.document.body.append(told);
};
</script>"""


def visit(page: str, script: str, folder: Path, width: int = 0) -> dict[str, Any]:
    """What `script`, put at the body's end, gave to `tell`. Whatever the page says on the console fails.

    width: of the page, px; 0 for that of a desktop.
    """
    visited = folder / "visited.html"
    whole = page.replace("</body>", f"{TELL}<script>{script}</script></body>")
    visited.write_text(FRAME.format(width=width, page=html.escape(whole)) if width else whole, encoding="utf-8")
    switches = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    switches += ["--disable-background-networking", "--enable-logging=stderr", "--window-size=1500,1200"]
    command = [str(BROWSER), *switches, "--virtual-time-budget=20000", "--dump-dom", visited.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout)
    assert told is not None, "the page's script did not come to its end"
    seen: dict[str, Any] = json.loads(html.unescape(told[1]))
    return seen
