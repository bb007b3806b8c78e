"""What makes an evaluation another trial."""

from dataclasses import asdict, replace
from pathlib import Path

import handmade_export as handmade
from handmade_examination import COSTS, MARKETS
from inference import Engine
from inference.policy import RiskPolicy
from pipelines.evaluate import configuration


def test_weights_policy_entries_and_costs_make_a_configuration(tmp_path: Path) -> None:
    def engine(**changes) -> Engine:
        return Engine.load(*handmade.write_pair(tmp_path, graph, **changes))

    graph, (test,) = handmade.small_graph(), MARKETS[1]
    own = configuration(engine(), [test], COSTS)
    assert own == configuration(engine(), [test], COSTS)
    assert own == configuration(engine(git_commit="1" * 40), [test], COSTS)
    policy = {"stop": asdict(handmade.STOP_POLICY), "risk": asdict(RiskPolicy(max_trade_loss=0.01))}
    stop_only = handmade.contents("stop", graph)
    manifest = stop_only[0] | {"policy": policy}
    changed = handmade.write(tmp_path / "changed.pt", manifest, stop_only[1])
    others = [
        configuration(engine(seed=1), [test], COSTS),
        configuration(Engine.load(changed, tmp_path / "exit0.pt"), [test], COSTS),
        configuration(engine(), MARKETS[0], COSTS),
        configuration(engine(), [replace(test, entries=replace(test.entries, side=-test.entries.side))], COSTS),
        configuration(engine(), [test], replace(COSTS, taker_fee=0.001)),
    ]
    assert len({own, *others}) == 6
