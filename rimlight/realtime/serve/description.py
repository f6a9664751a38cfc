"""The description of the HTTP API as one server has it: the shipped file, with its own gallery and its own locks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from rimlight.realtime.serve.measures import PLAIN


def description(gallery: Iterable[str], *, locked: bool) -> dict[str, Any]:
    """OpenAPI 3.1. gallery: names that a backdrop may have; locked: whether the server asks for a token."""
    file = resources.files("rimlight.realtime.serve") / "openapi.json"
    values: dict[str, Any] = json.loads(file.read_text("utf-8"))
    schemas, pictures = values["components"]["schemas"], f"gallery:({'|'.join(gallery)})"
    schemas["NewBackdrop"]["pattern"] = f"^({PLAIN}|{pictures})$"
    schemas["Backdrop"]["pattern"] = f"^({PLAIN}|{pictures}|upload)$"
    if not locked:
        del values["security"], values["components"]["securitySchemes"]
        for path in values["paths"].values():
            for operation in path.values():
                if isinstance(operation, dict):
                    operation.pop("security", None)
    return values
