"""Plain files outside the vault: deliveries that come in, and what was given out."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.runs import RunError, hash_file
from pipeline.schema import TableError
from pipeline.vault.keys import write_private

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.delivery import Delivery


def read_delivery(people: Path, readings: Path) -> Delivery:
    """The two tables of a delivery, from Parquet files; the vault checks them."""
    import pandas as pd

    from pipeline.delivery import Delivery

    identity = {"file": f"{people.name}, {readings.name}", "sha256": hash_file(_there(readings))}
    unmapped = pd.DataFrame({"system": [], "code": [], "display": [], "count": []})
    return Delivery(_table(_there(people)), _table(readings), unmapped, (), identity)


def write_delivery(folder: Path, delivery: Delivery) -> None:
    """A new folder with the tables and the consent snapshot, which its owner alone can enter; whole or not at all."""
    refuse_existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))      # mode 0700
    try:
        delivery.people.to_parquet(draft / "people.parquet", index=False)
        delivery.readings.to_parquet(draft / "readings.parquet", index=False)
        write_json(draft / "consent.json", delivery.identity["consent"])
        for path in draft.iterdir():
            path.chmod(0o600)
        os.rename(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def refuse_existing(folder: Path) -> None:
    """Raises `RunError` where something stands already."""
    if folder.exists():
        raise RunError(f"{folder} is there already; give the name of a new folder")


def write_json(path: Path, facts: Any) -> None:
    """A JSON file that its owner alone can read, whole or not at all."""
    write_private(path, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _there(path: Path) -> Path:
    if not path.is_file():
        raise RunError(f"{path}: no such file")
    return path


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as fault:
        raise TableError(f"{path} is no Parquet file: {fault}") from None
