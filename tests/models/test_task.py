import pytest

from models.task import TrainParams


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", ()),
        ("hidden", (513,)),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("weight_decay", -0.1),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("patience", 0),
        ("seeds", ()),
        ("seeds", (-1,)),
        ("seeds", (3, 3)),
        ("valid_days", -1),
    ],
)
def test_impossible_parameters_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"^train\.{name}: .*, was .*; typical"):
        TrainParams(**{name: value})
