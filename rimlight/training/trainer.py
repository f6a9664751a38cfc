"""The lifetime of a network in training: one step after the other, and its state between two of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rimlight.errors import ConfigError, DataError, TrainingError
from rimlight.training import averaging, optimiser, schedule, systems
from rimlight.training.checkpoint import State
from rimlight.training.config import Config, Rates, Stage
from rimlight.training.devices import Worker, computes_in_bfloat16
from rimlight.training.schedule import Position
from rimlight.training.sources import Batches
from rimlight.training.task import total

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Made:
    """What a step came to, the same in all processes.

    row: for the log. seconds: since the step before. stop: whether any process wants to stop.
    """

    row: dict[str, float | str]
    seconds: float
    stop: bool


class Trainer:
    """A network, its optimiser and its average, at a position of the config.

    state: where to go on; without one the run begins by config.init, in words `begun`. Steps are pure in the config,
    the source of batches and the state: a run that goes on from its state makes the very steps it would have made.
    """

    def __init__(
        self, config: Config, worker: Worker, state: State | None = None, clock: Clock = time.monotonic
    ) -> None:
        check_shares(config, worker.world)
        self.config, self._worker, self._clock = config, worker, clock
        self.position = state.position if state else Position()
        network, self.begun = _begun(config, state)
        self._network = worker.prepare(network)
        if config.channels_last:
            self._network = self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = optimiser.build(self._network, config)
        self._average = averaging.started(self._network)
        if state:
            optimiser.remember(self._optimiser, self._network, state.optimiser)
            for name, tensor in self._average.items():
                tensor.copy_(state.average[name])
        if config.compile:
            systems.compile_parts(self._network)
        self._task = systems.task_of(self._network, computes_in_bfloat16(config.precision, worker.device))
        self._call: nn.Module = self._task
        self._entered: int | None = None
        self._marked_s = 0.0

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses in the rows of steps."""
        return systems.losses_of(self.config)

    @property
    def done(self) -> bool:
        """Whether all stages are through."""
        return schedule.is_done(self.config, self.position)

    def state(self, log_bytes: int = 0) -> State:
        """All that is needed to go on from here; its tensors change with the next step."""
        memory = optimiser.memory_of(self._optimiser, self._network)
        network = averaging.floating(self._network)
        return State(self.config, self.position, network, self._average, memory, log_bytes)

    def step(self, batches: Batches, stop: bool = False) -> Made:
        """Make a step and move on by one position.

        stop: whether this process wants to stop, which all learn from the step. Raises TrainingError if a loss or the
        gradient is not finite, before the weights are touched.
        """
        stage = self._enter(batches)
        found: dict[str, Tensor] = self._call(*self._inputs(batches, stage))
        loss = total(found, stage.losses)
        self._optimiser.zero_grad(set_to_none=True)
        self._worker.backward(loss)
        learning = [parameter for parameter in self._network.parameters() if parameter.grad is not None]
        norm = nn.utils.clip_grad_norm_(learning, self.config.clip_norm)
        values, seconds, stop = self._agree({"total": loss, **found, "grad_norm": norm}, stop)
        self._check(values, stage)
        share = schedule.rate(self.config, self.position)
        optimiser.set_rates(self._optimiser, stage.rates, share)
        self._optimiser.step()
        kept = averaging.decay_at(self.position.total, self.config.averaging)
        averaging.update(self._average, self._network, kept)
        self.position = schedule.advanced(self.config, self.position, seconds)
        return Made(self._row(values, stage, share, seconds), seconds, stop)

    def _enter(self, batches: Batches) -> Stage:
        """The stage of the position; at its first step here data is read, and what learns in it is set."""
        index = self.position.stage
        stage = self.config.stages[index]
        if self._entered != index:
            optimiser.enter(self._network, stage)
            self._call = self._worker.wrap(self._task)
            batches.prepare(index)
            self._entered, self._marked_s = index, self._clock()  # reading is no training
        return stage

    def _inputs(self, batches: Batches, stage: Stage) -> tuple[object, ...]:
        index, step = self.position.stage, self.position.total
        if self.config.studio:
            return (batches.clip(index, step),)
        factor = stage.factors[self.position.step % len(stage.factors)] if stage.factors else 0
        photos = batches.photos(index, step)
        if (photos is None) != (stage.plan.photos == 0):
            raise DataError(
                f"stage {stage.name!r}: expected {stage.plan.photos} photos with person masks a step, got "
                f"{'none' if photos is None else len(photos[0])}; add data that has them, or set plan.photos"
            )
        return batches.clip(index, step), photos, factor

    def _agree(self, scalars: dict[str, Tensor], stop: bool) -> tuple[dict[str, float], float, bool]:
        """Means over all processes, the first one's seconds since the step before, and whether any wants to stop."""
        now_s = self._clock()
        seconds, self._marked_s = now_s - self._marked_s, now_s
        own = [seconds if self._worker.rank == 0 else 0.0, float(stop)]
        values = torch.stack([value.detach().float() for value in scalars.values()])
        told = self._worker.mean(torch.cat([values, values.new_tensor(own)])).tolist()
        *means, seconds, stopping = told
        return dict(zip(scalars, means, strict=True)), seconds * self._worker.world, stopping > 0

    def _check(self, values: dict[str, float], stage: Stage) -> None:
        bad = {name: value for name, value in values.items() if not math.isfinite(value)}
        if bad:
            said = ", ".join(f"{name} is {value}" for name, value in bad.items())
            raise TrainingError(
                f"training diverged at step {self.position.total} (stage {stage.name!r}): {said}; the last checkpoint "
                "is as it was. Start again from it or anew with smaller learning rates, such as "
                f"--set {stage.name}.rates.rest={stage.rates.rest / 2:g}, or with --set precision=float32"
            )

    def _row(self, values: dict[str, float], stage: Stage, share: float, seconds: float) -> dict[str, float | str]:
        rates: Rates = stage.rates
        pictures = stage.plan.batch * stage.plan.frames + stage.plan.photos
        return {
            "step": float(self.position.total), "stage": stage.name, **values,
            "lr_encoder": rates.encoder * share, "lr_rest": rates.rest * share, "lr_refiner": rates.refiner * share,
            "seconds": self.position.trained_s, "images_per_s": pictures / max(seconds, 1e-9),
        }  # fmt: skip


def check_shares(config: Config, world: int) -> None:
    """Raise ConfigError unless clips and photos divide among the processes, so that each of them counts the same."""
    for stage in config.stages:
        if stage.plan.batch % world or stage.plan.photos % world:
            raise ConfigError(
                f"stage {stage.name!r}: expected clips and photos in multiples of {world} processes, got "
                f"{stage.plan.batch} and {stage.plan.photos}; change plan.batch and plan.photos by --set"
            )


def _begun(config: Config, state: State | None) -> tuple[nn.Module, str]:
    network = systems.network_of(config)
    network.train()
    if state is None:
        return network, systems.begin(network, config)
    wanted = averaging.floating(network)
    for tensors in (state.network, state.average):
        if {name: t.shape for name, t in tensors.items()} != {name: t.shape for name, t in wanted.items()}:
            raise TrainingError("the checkpoint's weights are of another network than its config says; start again")
    network.load_state_dict(state.network, strict=False)
    return network, f"step {state.position.total}"
