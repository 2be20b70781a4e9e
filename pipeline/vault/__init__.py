"""The patient's own vault: what is known of people, sealed, and given out only as each person allows.

What it protects from, and what not:

- *Somebody gets a copy of the folder* (a lost disk, a backup, a synchronised folder) but not the key: no value, name,
  identifier, date, variable, consent or log entry can be read, and guesses at an identifier cannot be tried. What the
  copy tells: how many people, readings, rules, runs and log entries there are, how many readings one and the same
  pseudonym has and how many of them are of one kind, in what order rows came, and when the file was written.
- *Somebody changes the files without the key*: rows that are changed, exchanged, taken out, put in or brought back from
  an older copy are found, at the latest before anything is given out; `check` says where. The head of the access
  log lies outside the folder, so a whole folder put back from yesterday is found too. The data themselves can be
  destroyed: keep copies.
- *A careless administrator*: nothing plain is ever written to the folder, nor to a journal or a temporary file; the
  key never lies in the folder; a key or file that others may read is told; a delivery for research calls people by
  codes; a withdrawal cannot be undone by delivering an old consent again, nor evaded by asking about an earlier day.
- *Somebody holds the key*: that person can read everything, whatever the consent says. Consent is kept by
  this program, not by cryptography, and so is the log: against a holder of the key who writes another log helps only a
  head that was noted elsewhere (`check --noted`).
- *After erasure*: values, identifier and key are in no file of the folder. Not reached are copies made before (give the
  vault a new key with `rekey`, and destroy the copies of the old one), what was given out or exported, blocks
  that a disk keeps of deleted journals, and memory that the system swapped out. Nobody's name stays to say who was
  erased: a source that delivers the person again brings the person back, without any consent.
- *Loss of the key*: nothing can be read again. Keep a copy of it, apart from copies of the folder.

Keys live in the memory of the program while the vault is open; Python cannot wipe them.
"""

from pipeline.vault.commands import COMMANDS
from pipeline.vault.consent import ALL, Rule, groups, purposes
from pipeline.vault.erasure import Erased
from pipeline.vault.ledger import Affected, Run, Use
from pipeline.vault.log import Entry
from pipeline.vault.readings import Loaded
from pipeline.vault.vault import Vault, make_vault, open_vault

__all__ = [
    "ALL",
    "COMMANDS",
    "Affected",
    "Entry",
    "Erased",
    "Loaded",
    "Rule",
    "Run",
    "Use",
    "Vault",
    "groups",
    "make_vault",
    "open_vault",
    "purposes",
]
