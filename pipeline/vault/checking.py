"""Whether a vault is as this program left it: log, counts, every seal, and the files of its folder."""

from __future__ import annotations

from pipeline.runs import RunError
from pipeline.vault.consent import read_rules
from pipeline.vault.ledger import read_runs, uses_of
from pipeline.vault.people import everybody
from pipeline.vault.readings import check_readings
from pipeline.vault.session import Session
from pipeline.vault.store import FILE


def check(session: Session, noted: str | None) -> list[str]:
    """What is wrong, in sentences that say where; nothing personal is in them."""
    with session.alone():
        faults = session.log.check(noted)
        if not faults:
            try:
                session.tip()      # counts too
                _open_everything(session)
            except RunError as fault:
                faults.append(str(fault))
    folder = session.store.path.parent
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in (FILE, f"{FILE}-journal"))
    if strangers:
        faults.append(f"{folder}: {', '.join(strangers)} is no file of the vault; look what it holds, and delete it")
    for path in (session.store.path, session.key_path):
        if path.stat().st_mode & 0o077:
            faults.append(f"{path}: others than its owner may read it; chmod 600 it")
    return faults


def _open_everything(session: Session) -> None:
    if (said := session.store.one("PRAGMA integrity_check")[0]) != "ok":
        raise RunError(f"{session.store.path}: {said}")
    runs, uses = read_runs(session), 0
    for person in everybody(session):
        read_rules(session, person)
        check_readings(session, person)
        uses += len(uses_of(session, person, runs))
    held = session.store.counts()["uses"]
    if uses != held:
        raise RunError(f"ledger: {held - uses} use(s) are of nobody in the vault: they were changed by another hand")
