"""The one process that leads a batch: hands steps to workers, hears how they ended, and keeps it in the manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rimlight.batch.board import Board
from rimlight.batch.items import Failed, Item, Outcome, scratch_folder
from rimlight.batch.manifest import Manifest
from rimlight.batch.pool import News, Pool, Wrote, on_processors
from rimlight.batch.storage import below, is_url, names_in, parts_of, remove
from rimlight.batch.tables import JOIN, TASKS, Step
from rimlight.errors import BackendError
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.options import Alpha
from rimlight.realtime.sinks.undisturbed import undisturbed

log = logging.getLogger(__name__)
WAIT_S = 0.5  # how often waiting for news looks up
SAMPLES = 48  # inputs, evenly spread, whose outputs the report shows a frame of
PROBE = -1  # ticket


@dataclass(frozen=True, slots=True)
class Recipe:
    """What holds for all inputs. item: all but what a step says. out, parts: folders or URLs. tries: of every step.

    alphas: how transparency is written, for every backdrop that is asked for. The folder of parts is this batch's own.
    """

    item: Item
    out: str
    parts: str
    alphas: Mapping[str, Alpha]
    tries: int = 3

    @property
    def scratch(self) -> str:
        """Folder for what is not finished, as items name it; never a machine's own for all such."""
        return self.item.scratch or f"rimlight-{parts_of(self.parts)[-2]}"

    @property
    def drafts(self) -> str:
        """Folder for what a store does not have whole yet."""
        return below(self.parts, "drafts")

    def remove_rests(self) -> None:
        """Remove what workers that were killed left unfinished, here and in the store."""
        remove(str(scratch_folder(self.scratch)))
        if is_url(self.drafts):
            remove(self.drafts)


@dataclass(slots=True)
class _Running:
    step: Step
    told: int = 0  # frames


class Driver:
    """Leads until every input is done or given up, or KeyboardInterrupt comes. tick: called twice a second."""

    def __init__(
        self, manifest: Manifest, pool: Pool, recipe: Recipe, board: Board, tick: Callable[[], None] = lambda: None
    ) -> None:
        self._manifest, self._pool, self._recipe, self._board, self._tick = manifest, pool, recipe, board, tick
        self._running: dict[int, _Running] = {}
        self._ticket = 0
        self._batches: dict[str, int] = {}
        self._every = 1

    def run(self) -> None:
        """Go on with what the manifest holds; raises BackendError where the network does not run on a device."""
        how: Literal["done", "interrupted"] = "interrupted"
        self._tidy()
        lines = self._manifest.lines()
        self._every = -(-len(lines) // SAMPLES)
        self._board.begin(lines, dict(self._pool.workers))
        try:
            self._batches = self._probed()
            while self._fill():
                for ticket, said in self._pool.news(WAIT_S):
                    with undisturbed():
                        self._hear(ticket, said)
                self._tick()
            how = "done"
            self._recipe.remove_rests()
            if self._manifest.has_pending():
                log.warning("inputs that another kind of worker began wait for it; add it to --workers, or --restart")
        finally:
            self._manifest.recover()
            self._board.end(how)

    def _fill(self) -> bool:
        """Give work to who can take some; returns whether anyone is at work."""
        for worker in self._pool.workers:
            while self._pool.takes(worker):
                with undisturbed():
                    step = self._manifest.next(worker)
                    if step is None:
                        break
                    self._give(step, worker)
        return bool(self._running)

    def _give(self, step: Step, worker: str) -> None:
        self._ticket += 1
        self._running[self._ticket] = _Running(step)
        self._board.taken(step, TASKS[step.rank], worker)
        self._pool.give(worker, self._ticket, self._item(step, worker))

    def _hear(self, ticket: int, said: News) -> None:
        running = self._running[ticket]
        step = running.step
        if isinstance(said, Wrote):
            running.told += said.frames
            self._board.wrote(step, said.frames, said.whole)
            return
        del self._running[ticket]
        if isinstance(said, Failed):
            state = self._manifest.failed(step, said.reason, self._recipe.tries, final=said.final)
            self._board.failed(step, TASKS[step.rank], said.reason, state, running.told)
            return
        state = self._manifest.done(step, said)
        self._board.ended(step, TASKS[step.rank], said, state, running.told)
        if state == "done" and step.rank == JOIN:
            remove(self._parts(step.input))

    def _item(self, step: Step, worker: str) -> Item:
        common, settings = self._recipe.item, self._settings(step, worker)
        options = replace(common.options, alpha=self._recipe.alphas[settings.backdrop])
        return replace(
            common, task=TASKS[step.rank], settings=settings, options=options, input=step.input, number=step.number,
            source=step.source, stamp=step.stamp, out=below(self._recipe.out, step.out), parts=self._parts(step.input),
            scratch=self._recipe.scratch, drafts=self._recipe.drafts, film=step.film, share=step.share,
            wants_sample=step.input % self._every == 0,
            begins_s=self._manifest.begins_s(step.input) if step.rank == JOIN else (),
        )  # fmt: skip

    def _settings(self, step: Step, worker: str) -> Settings:
        settings = self._recipe.item.settings
        look = step.look
        edges = replace(
            settings.edges, feather_px=float(look.get("feather", settings.edges.feather_px)),
            shift=float(look.get("shift", settings.edges.shift)),
        )  # fmt: skip
        backdrop = look.get("backdrop", settings.backdrop)
        return replace(settings, device=worker, batch=self._batches[worker], backdrop=backdrop, edges=edges)

    def _parts(self, input_: int) -> str:
        return below(self._recipe.parts, str(input_))

    def _probed(self) -> dict[str, int]:
        """The batch for every kind of worker: as asked for, as it was found out before, or tried out now."""
        asked = self._recipe.item.settings.batch
        known = self._manifest.settings().get("batches", {})
        found = {worker: asked or known.get(worker) or self._probe(worker) for worker in self._pool.workers}
        if not asked:
            self._manifest.keep("batches", known | found)
        return found

    def _probe(self, worker: str) -> int:
        settings = replace(self._recipe.item.settings, device=worker, batch=1)
        if on_processors(worker):
            return 1
        self._pool.give(worker, PROBE, Item("probe", settings))
        while True:
            for _, said in self._pool.news(WAIT_S):
                if isinstance(said, Outcome):
                    return said.batch
                if isinstance(said, Failed):
                    raise BackendError(f"no worker can be had on {worker}: {said.reason}")

    def _tidy(self) -> None:
        """Take up after a driver that was killed: no step runs, nothing is kept of inputs that are done."""
        self._manifest.recover()
        self._recipe.remove_rests()
        done = {str(line.id) for line in self._manifest.lines() if line.state == "done"}
        for name in names_in(self._recipe.parts):
            if name in done:
                remove(below(self._recipe.parts, name))
