"""The exceptions of rimlight: one small tree, every message says what came, what was wanted and what to do."""


class RimlightError(Exception):
    """Base of every error that a user can cause or mend; the CLI prints it as one line and exits with 2."""


class FrameError(RimlightError):
    """A picture, matte or size does not have the shape, type or range that was asked for."""


class SourceError(RimlightError):
    """A source of frames cannot be opened or read."""


class SinkError(RimlightError):
    """A sink cannot be opened, written or finished."""


class JobError(RimlightError):
    """One of several processes that share a file failed or died."""


class BackdropError(RimlightError):
    """A backdrop cannot be read or understood."""


class BackendError(RimlightError):
    """A backend cannot be opened, or a step of it failed."""


class ConfigError(RimlightError):
    """A configuration file cannot be read, or says what there is not."""


class ControlError(RimlightError):
    """A running stream cannot be reached, or does not understand what it is asked."""


class MissingExtraError(RimlightError):
    """A feature needs a package that the base install leaves out."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(f"{feature} needs {package}, which is not installed; run: pip install 'rimlight[{extra}]'")
        self.package = package
        self.extra = extra


class WeightsError(RimlightError):
    """A weights or model file is missing, damaged or made for another network."""


class DataError(RimlightError):
    """A data set is missing, incomplete or damaged, or not what it was when it was split."""


class TrainingError(RimlightError):
    """Training diverged, or a checkpoint is missing, damaged or of another run."""
