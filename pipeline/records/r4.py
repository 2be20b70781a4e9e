"""Whether a resource is FHIR R4, told by the R4B models of `fhir.resources` at a tenth of their time.

A model checks an element in two ways: which keys stand in it together (known, required, one of several), and whether
each value is of the type that the key has. The first depends on the keys alone. So an element whose keys were not met
before is validated by its model in full, and one whose keys were met has each of its values checked by the validator of
its type, all the way down. Beyond the models a value has to be the JSON type of the specification (a number is no
text), and a code with a closed list has to be on it.

R4B and R4 do not differ in the resources that are read here.
"""

from __future__ import annotations

import datetime
import decimal
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from pipeline.runs import RunError

# What is read; any resource can be checked.
MODELS = ("Patient", "Observation", "Condition", "MedicationStatement", "MedicationRequest", "Medication", "Bundle")
# Lists that the models cut off or do not carry; from the value sets of the specification.
CLOSED = {
    ("Observation", "status"): (
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
    ),
    ("Quantity", "comparator"): ("<", "<=", ">=", ">"),
}  # fmt: skip
KEPT = 5_000        # values of an element, and sets of keys, known to be right; beyond these each is checked again
LARGEST = 1e300
LONG = 200          # characters beyond which a text is not kept
TEXT, NUMBER = (str,), (int, float)
JSON_TYPES: dict[Any, tuple[type, ...]] = {
    bool: (bool,), int: (int,), decimal.Decimal: NUMBER, float: NUMBER, str: TEXT,
    datetime.date: TEXT, datetime.datetime: TEXT, datetime.time: TEXT,
}  # fmt: skip
EMPTY, MISSING = "is empty text, which R4 has nowhere", "is missing"
SKIP, VALUE, VALUES, ELEMENT, ELEMENTS = range(5)


class Invalid(Exception):  # noqa: N818
    """A resource breaks R4 at an element; `path` leads to it, innermost first."""

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(what)
        self.what = what
        self.path = list(path)

    def place(self, kind: str) -> str:
        """The element's full name."""
        return ".".join([kind, *reversed(self.path)])


class _Step(NamedTuple):
    key: str
    how: int
    by: Any      # a _Leaf, or the model of the elements below


class _Plan(NamedTuple):
    always: bool                # also validated by its model each time
    steps: tuple[_Step, ...]


def check(resource: dict[str, Any]) -> None:
    """Raises `Invalid` if the resource is not R4."""
    _check(resource, model(resource["resourceType"]))


@cache
def model(kind: str, version: str = "R4B") -> Any:
    """The model of a resource or data type in a version of FHIR."""
    from importlib import import_module

    try:
        package = import_module("fhir.resources")
    except ImportError:
        raise RunError('health records need fhir.resources: pip install "tvilling[clinical]"') from None
    name = f"{package.__name__}.{version}" if version else package.__name__
    return import_module(name).get_fhir_model_class(kind)


def other_version(resource: dict[str, Any]) -> str:
    """The version of FHIR under which a resource would be right that the models of R4 refuse; "" if none."""
    for version, name in (("R4B", ""), ("", "R5"), ("STU3", "STU3")):
        try:
            model(resource["resourceType"], version).model_validate(resource)
        except (ValueError, LookupError, AttributeError, ImportError, TypeError):    # ValueError: pydantic's among them
            continue
        return name
    return ""


_PLANS: dict[tuple[Any, ...], _Plan] = {}


def _check(node: Any, cls: Any) -> None:
    if node.__class__ is not dict:
        raise Invalid(f"is {_json(node)} where R4 has an element")
    plan = _PLANS.get((cls, *node))
    always, steps = plan or _plan(node, cls)
    key = ""
    try:
        for (key, how, by), value in zip(steps, node.values(), strict=True):  # noqa: B007  (told when it fails)
            if how == VALUE:
                if value.__class__ is not str or value not in by.right:
                    by.check(value)
            elif how == ELEMENT:
                _check(value, by)
            elif how != SKIP:
                if value.__class__ is not list:
                    raise Invalid(f"is {_json(value)} where R4 has a list")
                for item in value:
                    if how == ELEMENTS:
                        _check(item, by)
                    elif item is not None or not always:     # a null may stand beside the extension of a primitive
                        by.check(item)
    except Invalid as fault:
        fault.path.append(key)
        raise
    if plan is None or always:
        _validate(node, cls)
        if len(_PLANS) < KEPT:
            _PLANS[(cls, *node)] = _Plan(always, steps)


def _plan(node: dict[str, Any], cls: Any) -> _Plan:
    """How an element with these keys is checked, beside its model.

    One with an extension of a primitive, or with contained resources, is validated by its model each time; of others
    the model need see one only.
    """
    known = _steps(cls)
    always = any(key[:1] == "_" or key == "contained" for key in node)
    return _Plan(always, tuple(known.get(key) or _Step(key, SKIP, None) for key in node))


def _validate(node: dict[str, Any], cls: Any) -> None:
    from pydantic import ValidationError

    try:
        cls.model_validate(node)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        where = [str(part) for part in first["loc"] if part != "root" and not isinstance(part, int)]
        what = {"extra_forbidden": "is not known to R4", "missing": MISSING}.get(first["type"].split(".")[-1])
        raise Invalid(what or f"is not as R4 has it ({_plain(first['msg'])})", *reversed(where)) from None
    except (KeyError, ImportError, AttributeError, TypeError):     # of a contained resource that is none
        raise Invalid("holds what no model of R4 knows") from None


def _plain(message: str) -> str:
    """The model's words without what may be a value."""
    text = message.removeprefix("Value error, ").split("\n")[0].split(", got")[0].split("'")[0].strip()
    return text[:1].lower() + text[1:]


@cache
def _steps(cls: Any) -> dict[str, _Step]:
    from fhir_core.utils import is_primitive_type

    steps = {"resourceType": _Step("resourceType", SKIP, None)}
    for name, field in cls.model_fields.items():
        key = field.alias or name
        if name.endswith("__ext") or key in {"contained", "fhir_comments"}:
            continue
        kind, many = _kind(field.annotation)
        if is_primitive_type(field):
            closed = (field.json_schema_extra or {}).get("enum_values", ())
            closed = CLOSED.get((cls.__resource_type__, key), () if "+" in closed else tuple(closed))
            steps[key] = _Step(key, VALUES if many else VALUE, _Leaf(kind, closed))
        else:
            steps[key] = _Step(key, ELEMENTS if many else ELEMENT, kind.get_model_klass())
    return steps


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type within `Optional[List[...]]`, and whether it is a list."""
    many = False
    while True:
        options = [option for option in get_args(annotation) if option is not type(None)]
        if get_origin(annotation) is list:
            many, annotation = True, options[0]
        elif type(None) in get_args(annotation):
            annotation = options[0]
        else:
            return annotation, many


class _Leaf:
    """One primitive type, with the values that are known to be right."""

    def __init__(self, kind: Any, closed: tuple[str, ...]) -> None:
        from pydantic import TypeAdapter

        base = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
        self.types = JSON_TYPES.get(base, TEXT)
        self.closed = frozenset(closed)
        self.validate = TypeAdapter(kind).validate_python
        self.right: set[str] = set()

    def check(self, value: Any) -> None:
        """Raises `Invalid` if the value is not of the type."""
        kind = value.__class__
        if kind not in self.types:
            raise Invalid(f"is {_json(value)} where R4 has {_words(self.types)}")
        if value == "":
            raise Invalid(EMPTY)
        if self.closed and value not in self.closed:
            raise Invalid(f"is none of {', '.join(sorted(self.closed))}")
        if self.types is NUMBER:         # every finite number of JSON is a decimal of R4
            if not abs(value) <= LARGEST:     # infinities and what is no number among them
                raise Invalid("is larger than any number that can be kept")
            return
        try:
            self.validate(value)
        except ValueError as fault:      # of which pydantic's is one
            errors = getattr(fault, "errors", None)
            message = errors(include_input=False, include_url=False)[0]["msg"] if errors else str(fault)
            raise Invalid(f"is not as R4 has it ({_plain(message)})") from None
        if kind is str and len(value) < LONG and len(self.right) < KEPT:
            self.right.add(value)


def _json(value: Any) -> str:
    names = {dict: "an element", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _words(types: tuple[type, ...]) -> str:
    return {bool: "true or false", int: "a whole number" if types == (int,) else "a number", str: "text"}[types[0]]
