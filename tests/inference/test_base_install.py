"""The wheel as production installs it: NumPy and safetensors beside it, no torch, no sources of the engine."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import handmade_export as handmade

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
sys.path[:0] = [{site!r}]
from inference import Engine
engine = Engine.load({stop!r}, {exit!r})
for day in range(90):
    price = 100.0 + day % 7
    engine.on_bar("SPX", day * 86_400_000_000, price, price + 1.5, price - 1.5, price + 0.5, 1e6 + day % 5)
position = engine.open("SPX", side=+1, price=103.0, quantity=10, ts=90)
assert position.stop < 103.0 < position.target, (position.stop, position.target)
engine.on_tick("SPX", 91, 103.1)
foreign = {{"torch", "polars", "lightning", "mlflow", "arch", "pandas"}} & set(sys.modules)
assert not foreign, foreign
assert engine.__module__ == "inference.engine" and {site!r} in sys.modules["inference"].__file__
print(engine.status("SPX"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("ratchet-*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_what_it_should(wheel) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("inference/_native") and name.endswith(".so") for name in names)
    assert {"inference/_native.pyi", "inference/py.typed", "pipelines/pages/page.html"} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "pipelines",
        "features",
        "models",
        "inference",
    }
    assert not [name for name in names if name.endswith((".hpp", ".cpp", ".pyc"))]
    assert wheel.stat().st_size <= 3 * 2**20


@pytest.mark.slow
def test_the_engine_runs_without_torch(wheel, tmp_path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("numpy", "safetensors"):
        package = Path(importlib.util.find_spec(name).origin).parent
        for folder in (package, package.with_name(f"{name}.libs")):
            if folder.exists():
                (site / folder.name).symlink_to(folder)
    stop, exit_ = handmade.write_pair(tmp_path)
    program = PROGRAM.format(site=str(site), stop=str(stop), exit=str(exit_))
    # -S: without any site-packages; -I: without the environment's paths
    done = subprocess.run([sys._base_executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "model"
