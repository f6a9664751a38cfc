"""What goes wrong in the studio alone; status is what the editor's server answers."""

from __future__ import annotations

from rimlight.errors import FrameError, RimlightError


class TrimapError(FrameError):
    """A trimap of another size or with other grey levels, or of a frame that the video does not have."""

    status = 422


class ProjectError(RimlightError):
    """A project that cannot be read, or whose video is not what it was."""

    status = 409
