from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from types import SimpleNamespace
from typing import Any, cast

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.realtime.serve import measures
from rimlight.realtime.serve.app import make_app
from rimlight.realtime.serve.description import description
from rimlight.realtime.serve.gallery import PAINTED, Gallery
from rimlight.realtime.serve.guard import Access, needed
from rimlight.realtime.serve.measures import Look, changed
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.service import Service
from rimlight.realtime.serve.throttle import OFFERS

FILE = json.loads((resources.files("rimlight.realtime.serve") / "openapi.json").read_text("utf-8"))
SCHEMAS = FILE["components"]["schemas"]
METHODS = ("get", "put", "post", "patch", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of all that can be asked."""
    for path, item in FILE["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the file that can be used alone."""
    return {**schema, "components": FILE["components"]}


def holds(schema: str, value: object) -> bool:
    return jsonschema_rs.Draft202012Validator(resolved(SCHEMAS[schema])).is_valid(value)


def test_the_file_is_openapi_3_1() -> None:
    schema = schemathesis.openapi.from_dict(FILE)
    schema.validate()
    results = list(schema.get_all_operations())
    assert [type(result).__name__ for result in results] == ["Ok"] * len(list(operations()))


def test_what_the_file_describes_is_what_the_server_answers() -> None:
    service = cast(Service, SimpleNamespace(options=ServeOptions(), gallery=Gallery(None), events=Counter()))
    answered = set()
    for route in make_app(service, Access()).router.routes():
        assert route.resource is not None
        path = re.sub(r"^/static/.*", "/static/{file}", route.resource.canonical)
        answered |= {(route.method, path)} if route.method != "HEAD" else set()
    assert {(method, path) for method, path, _ in operations()} == answered


def test_every_lock_of_the_file_is_one_of_the_server() -> None:
    locks: dict[str, object] = {"nothing": [], "full": [{"token": []}], "view": [{"token": []}, {"viewToken": []}],
                                "metrics": [{"token": []}, {"metricsToken": []}]}  # fmt: skip
    for method, path, operation in operations():
        route = path.replace("{file}", "app.js")
        assert operation.get("security", FILE["security"]) == locks[needed(method, route)], path


def test_every_error_is_one_sentence() -> None:
    for name, response in FILE["components"]["responses"].items():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}, name
    for _, path, operation in operations():
        statuses = operation["responses"]
        assert "403" in statuses, path
        assert ("401" in statuses) == (operation.get("security") != []), path
        assert ("429" in statuses) == (path in OFFERS), path
        assert ("413" in statuses and "408" in statuses and "415" in statuses) == ("requestBody" in operation), path


def test_operations_are_told_apart() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert {tag for _, _, operation in operations() for tag in operation["tags"]} == {
        tag["name"] for tag in FILE["tags"]
    }


@pytest.mark.parametrize("name", ["Settings", "Change"])
def test_settings_are_those_that_there_are(name: str) -> None:
    properties = SCHEMAS[name]["properties"]
    assert list(properties) == list(measures.READERS)
    assert properties["quality"]["enum"] == list(measures.LONG_SIDES)
    for setting, bounds in (("feather", measures.FEATHER_PX), ("shift", measures.SHIFT)):
        assert (properties[setting]["minimum"], properties[setting]["maximum"]) == bounds
    assert holds(name, Look().as_json())
    query = FILE["paths"]["/whip/{name}"]["post"]["parameters"]
    assert [one["name"] for one in query] == list(measures.READERS)


@given(st.data())
@settings(max_examples=60)
def test_the_file_allows_what_the_server_takes(data: st.DataObject) -> None:
    backdrop = data.draw(st.from_regex(SCHEMAS["Backdrop"]["pattern"][:-1] + r"\Z"))
    values = data.draw(
        st.fixed_dictionaries(
            {"backdrop": st.just(backdrop)},
            optional={
                "quality": st.sampled_from(list(measures.LONG_SIDES)), "feather": st.floats(0, 20),
                "shift": st.floats(-1, 1), "decontaminate": st.booleans(), "paused": st.booleans(),
            },
        )
    )  # fmt: skip
    assert holds("Change", values)
    look = changed(Look(), values, gallery=PAINTED, has_upload=True)
    assert holds("Settings", look.as_json())


WRONG: list[dict[str, object]] = [
    {"backdrop": "../x.png"}, {"backdrop": "gallery:nothing"}, {"backdrop": "blur:1.5"}, {"backdrop": None},
    {"feather": -1}, {"feather": 21}, {"shift": 1.1}, {"quality": "ultra"}, {"paused": 1}, {"x": 1},
]  # fmt: skip


@pytest.mark.parametrize("values", WRONG)
def test_the_file_forbids_what_the_server_refuses(values: dict[str, object]) -> None:
    assert not holds("Change", values)


def test_a_servers_own_description_has_its_gallery() -> None:
    mine = description([*PAINTED, "our-office"], locked=True)
    schemathesis.openapi.from_dict(mine).validate()
    pattern = mine["components"]["schemas"]["Backdrop"]["pattern"]
    assert re.search(pattern, "gallery:our-office")
    assert not re.search(pattern, "gallery:their-office")
    assert description(PAINTED, locked=True) == FILE


def test_a_server_without_a_token_describes_no_locks() -> None:
    mine = description(PAINTED, locked=False)
    schemathesis.openapi.from_dict(mine).validate()
    assert "security" not in json.dumps(mine)
