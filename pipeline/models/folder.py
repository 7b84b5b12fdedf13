"""Where the SQL models lie, and in which order they build.

What enters: a folder of ``.sql`` files. What leaves: ``Model`` objects, every input before its reader. This module
must never run a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Location, ModelError
from pipeline.models.header import Header, parse_header
from pipeline.models.references import READERS, parse_references

FOLDERS = ("staging", "intermediate", "marts", "detections")
PREFIXES = ("stg_", "int_", "fct_", "dim_")
LAKE_RELATIONS = ("lake_events", "lake_archives", "lake_quarantine")


@dataclass(frozen=True, slots=True)
class Model:
    """One SQL model: its header, its query, and the file both come from."""

    header: Header
    sql: str
    path: Path

    @property
    def name(self) -> str:
        """Name of the model and of its relation."""
        return self.header.name

    @property
    def sorting(self) -> str:
        """Columns by which its rows are stored, for ``order by``: the grain settles what the header's order leaves."""
        first = ["event_date"] if self.header.stored == "by event_date" else []
        return ", ".join(dict.fromkeys((*first, *self.header.order, *self.header.grain)))

    def error(self, message: str) -> ModelError:
        """What to raise where something is wrong with it, or with what it made."""
        return ModelError(f"{self.name}: {message}", location=Location(self.path.absolute().as_uri()))


def sql_folder() -> Path:
    """Return the folder of models: the one inside the installed package, else the checkout's.

    Raises:
        ModelError: neither is there, so the installation is broken.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "staging").is_dir():
            return folder
    raise ModelError("the SQL models are not installed beside the package", location=Location(package.as_uri()))


def seed_files(folder: Path) -> dict[str, Path]:
    """Return seed relation names and their CSV files, sorted."""
    return {f"seed_{path.stem}": path for path in sorted((folder / "seeds").glob("*.csv"))}


def load_models(folder: Path, *, is_compared: bool = True) -> list[Model]:
    """Read, check and order every model of a folder.

    Args:
        folder: holds ``staging``, ``intermediate``, ``marts``, ``detections`` and ``seeds``.
        is_compared: parse each query and compare it with its header. The models that ship are compared by the tests;
            parsing them takes half a second.

    Returns:
        Models in build order: inputs first, by name among equals.

    Raises:
        ModelError: a header is malformed, disagrees with its query, reads what does not exist, or models form a cycle.
    """
    paths = sorted(path for part in FOLDERS for path in (folder / part).glob("*.sql"))
    models = [read_model_file(path, is_compared=is_compared) for path in paths]
    names = [model.name for model in models]
    for model in models:
        if names.count(model.name) > 1:
            raise ModelError(f"two files define {model.name}", location=Location(model.path.as_uri()))
    check_inputs(models, seeds=seed_files(folder))
    return order_models(models)


def read_model_file(path: Path, *, is_compared: bool = True) -> Model:
    """Read one file and, unless that is known to hold, compare its header with its query.

    Raises:
        ModelError: the name is not the file's or has no layer's prefix, or inputs or params differ from the query's.
    """
    text = path.read_text(encoding="utf-8")
    uri = path.absolute().as_uri()
    header = parse_header(text, uri=uri)
    if header.name != path.stem or not header.name.startswith(PREFIXES):
        raise ModelError(
            f"'-- model: {header.name}' must equal the file's name {path.stem} and start with {', '.join(PREFIXES)}",
            location=Location(uri),
        )
    if is_compared:
        _compare(text, header, path, uri)
    return Model(header, text.rstrip().rstrip(";"), path)


def _compare(text: str, header: Header, path: Path, uri: str) -> None:
    try:
        references = parse_references(text)
    except ModelError as error:
        raise ModelError(f"{path.name}: {error.message}", location=Location(uri)) from error
    _same(references.relations, header.inputs, "inputs", uri)
    _same(references.params, header.params, "params", uri)
    if references.functions - READERS:
        raise ModelError(
            f"{path.name} calls table functions {sorted(references.functions - READERS)}", location=Location(uri)
        )


def _same(used: frozenset[str], declared: Sequence[str], key: str, uri: str) -> None:
    missing, excess = sorted(used - set(declared)), sorted(set(declared) - used)
    if missing or excess:
        words = [f"'-- {key}:' lacks {', '.join(missing)}"] if missing else []
        words += [f"'-- {key}:' lists {', '.join(excess)}, which the query does not use"] if excess else []
        raise ModelError("; ".join(words), location=Location(uri))


def check_inputs(models: Iterable[Model], *, seeds: Mapping[str, Path]) -> None:
    """Refuse inputs that nothing provides, and lake or ``ext_`` relations outside staging."""
    known = {model.name for model in models}
    for model in models:
        for name in model.header.inputs:
            outside = name in LAKE_RELATIONS or name.startswith("ext_")
            if outside and not model.name.startswith("stg_"):
                raise ModelError(
                    f"{model.name} reads {name}: only stg_ models read the lake or an ext_ relation",
                    location=Location(model.path.absolute().as_uri()),
                )
            if not outside and name not in known and name not in seeds:
                raise ModelError(
                    f"{model.name} reads {name}, which is no model and no seed",
                    location=Location(model.path.absolute().as_uri()),
                )


def order_models(models: Iterable[Model]) -> list[Model]:
    """Order models so that inputs come first.

    Raises:
        ModelError: models depend on each other in a circle, which is named.
    """
    by_name = {model.name: model for model in models}
    inputs = {name: model.header.inputs for name, model in by_name.items()}
    return [by_name[name] for name in _order_names(by_name, inputs) if name in by_name]


def plan_steps(
    models: Iterable[Model], extensions: Mapping[str, Iterable[str]], seeds: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return what a build makes, each with those of them that it reads: what most work waits for comes first.

    Args:
        models: all of a folder.
        extensions: ``ext_`` relation -> what it is made from.
        seeds: relations that are loaded. Seeds and extensions that nothing reads are left out.

    Raises:
        ModelError: a circle, or an ``ext_`` relation that nothing makes.
    """
    by_name = {model.name: model for model in models}
    for model in by_name.values():
        for name in model.header.inputs:
            if name.startswith("ext_") and name not in extensions:
                raise ModelError(f"{model.name} reads {name}, which nothing makes")
    inputs = dict.fromkeys(seeds, ()) | {name: tuple(items) for name, items in extensions.items()}
    inputs |= {name: model.header.inputs for name, model in by_name.items()}
    steps = [name for name in _order_names(by_name, inputs) if name in inputs]
    needs = {name: tuple(item for item in inputs[name] if item in inputs) for name in steps}
    readers = event_readers(by_name.values())
    after = dict.fromkeys(steps, 0)
    for name in reversed(steps):
        after[name] += _weight(name, by_name.get(name), readers)
        for item in needs[name]:
            after[item] = max(after[item], after[name])
    return {name: needs[name] for name in sorted(steps, key=lambda name: -after[name])}


def _weight(name: str, model: Model | None, readers: Collection[str]) -> int:
    """Roughly how long a step takes, beside others: the events are long to read, a date's rows go to a file each, and
    Python is slow."""
    if name.startswith("ext_"):
        return 5
    if model is None or model.header.stored != "by event_date":
        return 1
    return 15 if model.name in readers else 3


def event_readers(models: Iterable[Model]) -> frozenset[str]:
    """Return the models that read the lake's events, by name or through views: what a build spends most on."""
    readers: set[str] = set()
    views = {"lake_events"}
    for model in order_models(models):
        if not views.isdisjoint(model.header.inputs):
            readers.add(model.name)
            if model.header.stored == "no":
                views.add(model.name)
    return frozenset(readers)


def _order_names(models: Mapping[str, Model], inputs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names of models and of all that they read by ``inputs``, inputs first, by name among equals."""
    done: dict[str, None] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            raise ModelError(f"models depend on each other in a circle: {circle}")
        if name in done:
            return
        for item in sorted(inputs.get(name, ())):
            visit(item, (*trail, name))
        done[name] = None

    for name in sorted(models):
        visit(name, ())
    return list(done)
