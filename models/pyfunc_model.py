"""The registered models' pyfunc flavour: MLflow runs this script to load one ("models from code"; nothing is pickled).

`mlflow.pyfunc.load_model("models:/stop-predictor@champion").predict(frame)`: a pandas or Polars frame of bars, or
{"bars": frame, "series": frame}; the answer is a frame of the same library (see models.predictor.Predictor.predict).
"""

from __future__ import annotations

from typing import Any

import polars as pl
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from models.predictor import Predictor


class CurvePredictor(PythonModel):
    """Loads the export that was logged with the model, in the compiled engine."""

    # MLflow would derive a schema from the type hints of `predict`, and none fits both frame libraries.
    _skip_type_hint_validation = True

    def load_context(self, context: PythonModelContext) -> None:
        """Check and load the export."""
        self.predictor = Predictor(context.artifacts["export"])

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Curves for bars, as the module says."""
        given: dict[str, Any] = model_input if isinstance(model_input, dict) else {"bars": model_input}
        frames = {name: frame if isinstance(frame, pl.DataFrame) else _polars(frame) for name, frame in given.items()}
        answer = self.predictor.predict(frames["bars"], frames.get("series"))
        return answer if isinstance(given["bars"], pl.DataFrame) else answer.to_pandas()


def _polars(frame: Any) -> pl.DataFrame:
    """A pandas frame as Polars; times without a zone are UTC. pandas 3.1 warns of how Polars reads zones."""
    zoned = frame["ts"].dt.tz is not None
    plain = frame.assign(ts=frame["ts"].dt.tz_convert(None) if zoned else frame["ts"])
    return pl.from_pandas(plain).with_columns(pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


set_model(CurvePredictor())
