import json

import pytest
from ruamel.yaml import YAML

from inference import Engine, read_export
from models.nets import KINDS
from models.registry import champion
from pipelines import export, register, train
from small_pipeline import inside, prepare


@pytest.fixture
def folder(tmp_path):
    prepare(tmp_path)
    with inside(tmp_path):
        for net in KINDS:
            train.main(net)
            export.main(net)
        yield tmp_path


def change(folder, section, **values):
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((folder / "params.yaml").read_text())
    at = params
    for key in section.split("."):
        at = at[key]
    at.update(values)
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)


def params_of(folder):
    return YAML(typ="safe", pure=True).load((folder / "params.yaml").read_text())


def log(folder):
    return [json.loads(line) for line in (folder / "promotions.jsonl").read_text().splitlines()]


def test_from_the_first_champion_to_a_refused_and_an_accepted_challenger(folder, capsys):
    register.main()
    result = json.loads((folder / "artifacts/registry.json").read_text())
    assert {net: (r["version"], r["champion"], r["promoted"]) for net, r in result.items()} == dict.fromkeys(
        KINDS, ("1", "1", True)
    )
    assert any("none yet" in reason for reason in result["stop"]["reasons"])
    assert "promoted to champion" in capsys.readouterr().out
    engine = Engine.from_registry("stop-predictor@champion", "exit-predictor@champion")
    assert engine.stop_manifest == read_export(folder / "artifacts/exports/stop.pt").manifest

    register.main()  # nothing new: nothing happens
    assert len(log(folder)) == 2

    change(folder, "policy.stop", risk_price=0.02)
    export.main("stop")
    change(folder, "register", max_calibration_error=1e-9)
    register.main()
    result = json.loads((folder / "artifacts/registry.json").read_text())
    assert (result["stop"]["version"], result["stop"]["champion"], result["stop"]["promoted"]) == ("2", "1", False)
    assert any(reason.startswith("failed: calibration") for reason in result["stop"]["reasons"])
    assert any("skill over the champion on" in reason for reason in result["stop"]["reasons"])
    assert result["exit"]["promoted"] is False

    change(folder, "register", max_calibration_error=0.2)
    register.main()
    assert champion(KINDS["stop"]).number == "2"
    assert champion(KINDS["exit"]).number == "1"
    assert [(e["model"], e["version"], e["promoted"]) for e in log(folder)] == [
        ("stop-predictor", "1", True),
        ("exit-predictor", "1", True),
        ("stop-predictor", "2", False),
        ("stop-predictor", "2", True),
    ]


def test_a_champion_that_this_engine_cannot_run_gives_way(folder, monkeypatch):
    register.main()
    change(folder, "policy", stop={**params_of(folder)["policy"]["stop"], "risk_price": 0.02})
    for net in KINDS:
        export.main(net)

    def dropped(graph):
        raise ValueError("node.op: must name a kernel of this engine, was 'dropped'")

    monkeypatch.setattr(register, "build_spec", dropped)
    register.main()
    result = json.loads((folder / "artifacts/registry.json").read_text())
    assert (result["stop"]["champion"], result["stop"]["promoted"]) == ("2", True)
    assert any("this engine cannot run it (node.op: must name a kernel" in r for r in result["stop"]["reasons"])
