"""A packaged model as MLflow loads it: this file goes with the model and runs where it is served."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Served(PythonModel):
    """Rows of raw routine variables in; a person's risk, its 95 % interval, the parts of it and a status out."""

    def load_context(self, context: Any) -> None:
        """Read the model that MLflow has put beside this file."""
        from pipeline.served import load

        self.model = load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """The table of `ServedModel.predict`; a fault of the input is a sentence, and no fault of the server."""
        from pipeline.schema import TableError

        try:
            return self.model.predict(model_input.dropna(axis="columns", how="all"))
        except TableError as fault:
            raise MlflowException.invalid_parameter_value(str(fault)) from None


set_model(Served())
