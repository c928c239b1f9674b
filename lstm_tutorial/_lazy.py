"""Names that a package offers and imports only on first use (PEP 562)."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__all__``, ``__getattr__`` and ``__dir__``.

    Args:
        package: its ``__name__``.
        homes: for each module, relative to the package, the names that it provides; a module
            without names is itself offered, under its last name.
    """
    modules = {module.rpartition(".")[2]: module for module, names in homes.items() if not names}
    home = {name: module for module, names in homes.items() for name in names}
    offered = sorted({*modules, *home})

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{modules[name]}")
        if name in home:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return offered, get, lambda: offered
