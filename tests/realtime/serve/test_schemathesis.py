"""The service does what its OpenAPI description says, for requests that fit it and for those that do not."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator

import pytest

from tests.realtime.serve.clients import Camera, people, until

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis (extra dev) is not installed")
pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402 - it comes with the above
from schemathesis import APIOperation, checks  # noqa: E402

from rimlight.benchmarks.serve_child import Child  # noqa: E402
from rimlight.realtime.serve.description import description  # noqa: E402
from rimlight.realtime.serve.gallery import Gallery  # noqa: E402

# schemathesis draws from the module `random` inside its strategies, which hypothesis calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

# Not among them: that what fits the schema is accepted. No schema says which text is an offer, or a picture.
CHECKS = (
    checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance, checks.allow_header_conformance,
)  # fmt: skip
DESCRIPTION = description(Gallery().names(), locked=False)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
FITS, DOES_NOT = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
TRIALS = [(one, FITS) for one in OPERATIONS]
TRIALS += [(one, DOES_NOT) for one in OPERATIONS if one.path_parameters or one.query or one.body]
LIVING = [trial for trial in TRIALS if "sessions/{key}" in trial[0].path and trial[0].method != "delete"]
EXAMPLES = 40
STAY_S = 120.0


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """A service as people run it."""
    with Child(["--backend", "fake", "--max-sessions", "50", "--idle", "300", "--drain", "0"]) as child:
        yield child


@pytest.fixture(scope="module")
def session(child: Child) -> Iterator[str]:
    """The id of a session that lives; its client runs in a thread of its own."""
    joined, done, keys = threading.Event(), threading.Event(), []

    async def stay() -> None:
        async with people(child.address) as client:
            one = await client().join(Camera(96, 160, fps=5))
            keys.append(one.values["id"])
            joined.set()
            await until(done.is_set, "the end of the tests", STAY_S)

    thread = threading.Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    assert joined.wait(30)
    yield keys[0]
    done.set()
    thread.join(30)
    assert not thread.is_alive()


@schemathesis.serializer("application/sdp")
def as_text(_: object, value: object) -> bytes:
    """An offer as it is, whatever it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def name_of(trial: tuple[APIOperation, schemathesis.GenerationMode]) -> str:
    """For pytest."""
    return f"{trial[0].label} {trial[1].value}"


def tried(operation: APIOperation, mode: schemathesis.GenerationMode, address: str, key: str | None = None) -> None:
    """Send examples of the operation and look at each answer; key: in place of any that is made up."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def examples(case: schemathesis.Case) -> None:
        if key is not None:
            case.path_parameters["key"] = key
        case.call_and_validate(base_url=address, checks=CHECKS)

    examples()


@pytest.mark.parametrize(("operation", "mode"), TRIALS, ids=map(name_of, TRIALS))
def test_answers_are_as_described(operation: APIOperation, mode: schemathesis.GenerationMode, child: Child) -> None:
    tried(operation, mode, child.address)


@pytest.mark.parametrize(("operation", "mode"), LIVING, ids=map(name_of, LIVING))
def test_answers_of_a_session_that_lives_are_as_described(
    operation: APIOperation, mode: schemathesis.GenerationMode, child: Child, session: str
) -> None:
    tried(operation, mode, child.address, session)


def test_the_description_that_is_served_is_the_one_that_was_tried(child: Child) -> None:
    with urllib.request.urlopen(f"{child.address}/openapi.json", timeout=10) as answer:
        assert json.load(answer) == DESCRIPTION
