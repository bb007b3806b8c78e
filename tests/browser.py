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


def visit(page: str, script: str, folder: Path) -> dict[str, Any]:
    """What `script`, put in place of the body's end, wrote as JSON into <pre id="told">; it says FAILED on an error."""
    visited = folder / "visited.html"
    visited.write_text(page.replace("</body>", script), encoding="utf-8")
    switches = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [str(BROWSER), *switches, "--window-size=1500,1200", "--virtual-time-budget=10000", "--dump-dom"]
    done = subprocess.run([*command, visited.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "FAILED" not in re.sub(r"<script.*?</script>", "", done.stdout, flags=re.S)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout)
    assert told is not None
    seen: dict[str, Any] = json.loads(html.unescape(told[1]))
    return seen
