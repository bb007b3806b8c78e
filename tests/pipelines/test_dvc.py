"""dvc.yaml against the code: every file that a stage imports is in its deps, every parameter exists."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from features.families import FAMILIES

ROOT = Path(__file__).parents[2]
ROOMS = ("pipelines", "models", "features", "inference")
# A change in how files are written or parameters parsed, or arrays called, does not change what a stage computes.
MEANS = {"pipelines/__init__.py", "pipelines/arrays.py", "pipelines/params.py", "pipelines/atomic.py"}


def stages() -> dict[str, dict[str, object]]:
    listed = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())["evaluate"]["entries"]["file"]
    text = (ROOT / "dvc.yaml").read_text().replace("${evaluate.entries.file}", listed)
    data = YAML(typ="safe", pure=True).load(text)["stages"]
    out: dict[str, dict[str, object]] = {}
    for name, stage in data.items():
        if "matrix" not in stage:
            out[name] = stage
            continue
        ((key, values),) = stage["matrix"].items()
        for value in values:
            out[f"{name}@{value}"] = _filled(stage, f"${{item.{key}}}", value)
    return out


def _filled(node: object, key: str, value: str) -> object:  # type: ignore[misc]
    if isinstance(node, str):
        return node.replace(key, value)
    if isinstance(node, list):
        return [_filled(each, key, value) for each in node]
    if isinstance(node, dict):
        return {_filled(k, key, value): _filled(v, key, value) for k, v in node.items()}
    return node


def imports(path: Path) -> set[Path]:
    """Files whose code a file uses when it is loaded; what a package re-exports counts where it is defined."""
    found: set[Path] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            for alias in node.names:
                found |= source_of(node.module, alias.name)
    return found


def source_of(module: str, name: str) -> set[Path]:
    base = ROOT / module.replace(".", "/")
    if base.with_suffix(".py").exists():
        return {base.with_suffix(".py")}
    if (base / f"{name}.py").exists():
        return {base / f"{name}.py"}
    if not (base / "__init__.py").exists():  # compiled: its sources are checked below
        return set()
    for node in ast.parse((base / "__init__.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return source_of(node.module, name)
    return {base / "__init__.py"}


def closure(path: Path) -> set[str]:
    todo, seen = [path], set()
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += imports(each)
    return {str(p.relative_to(ROOT)) for p in seen}


STAGES = stages()


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stage_imports_of_pipelines_and_models_is_in_its_deps(name: str) -> None:
    module = str(STAGES[name]["cmd"]).split()[2]
    used = closure(ROOT / f"{module.replace('.', '/')}.py") - MEANS
    deps = _paths(STAGES[name], "deps")
    missing = {file for file in used if not any(file == dep or file.startswith(f"{dep}/") for dep in deps)}
    # Of the lower rooms a stage names what makes its results; the rest comes in through re-exports and registries.
    assert {file for file in missing if file.startswith(("pipelines/", "models/"))} == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_stage_and_reaches_training_and_evaluation(family: str) -> None:
    assert {"features", "inference/native"} <= set(_paths(STAGES[f"features@{family}"], "deps"))
    for net in ("stop", "exit"):
        deps = set(_paths(STAGES[f"train@{net}"], "deps"))
        assert f"data/features/{family}" in deps
    assert f"data/features/{family}" in _paths(STAGES["evaluate"], "deps")


@pytest.mark.parametrize("name", STAGES)
def test_files_and_parameters_named_in_a_stage_exist(name: str) -> None:
    params = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
    made = {out for stage in STAGES.values() for kind in ("outs", "metrics", "plots") for out in _paths(stage, kind)}
    for dep in _paths(STAGES[name], "deps"):
        assert dep in made or (ROOT / dep).exists(), dep
    for key in STAGES[name].get("params", []):  # type: ignore[attr-defined]
        node = params
        for part in str(key).split("."):
            assert part in node, key
            node = node[part]
    assert STAGES[name]["desc"]


def _paths(stage: dict[str, object], kind: str) -> list[str]:
    return [str(next(iter(each)) if isinstance(each, dict) else each) for each in stage.get(kind, [])]  # type: ignore[attr-defined]


def test_outputs_stay_in_data_and_artifacts() -> None:
    for stage in STAGES.values():
        for kind in ("outs", "metrics", "plots"):
            assert all(path.startswith(("data/", "artifacts/")) for path in _paths(stage, kind))
