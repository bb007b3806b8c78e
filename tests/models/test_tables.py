import numpy as np

from models.nets import KINDS
from models.tables import policy_tables


def loop_mean(values):
    return sum(values) / len(values) if values else 0.0


def test_tables_are_conditional_means_over_fresh_rows(dataset, grid):
    train = dataset.rows.of("train")
    stop, target = (policy_tables(KINDS[k], train, grid) for k in ("stop", "exit"))
    rows = [i for i in range(len(train)) if train.age[i] == 0]
    for k, d in enumerate(grid):
        hit = [i for i in rows if train.outcomes[i, 0, k]]
        np.testing.assert_allclose(
            stop["avoided"][k], loop_mean([-train.final[i] - d for i in hit if not train.outcomes[i, 1, k]])
        )
        np.testing.assert_allclose(
            stop["forgone"][k], loop_mean([train.final[i] + d for i in hit if train.outcomes[i, 1, k]])
        )
        np.testing.assert_allclose(
            target["unreached"][k], loop_mean([train.final[i] for i in rows if not train.outcomes[i, 0, k]])
        )


def test_a_distance_that_nothing_reached_has_zero(dataset, grid):
    train = dataset.rows.of("train").take(dataset.rows.of("train").excursion < grid[2])
    tables = policy_tables(KINDS["stop"], train, grid)
    assert tables["avoided"][2:] == [0.0] * (len(grid) - 2)
    assert tables["avoided"][0] != 0
