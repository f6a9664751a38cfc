"""The true networks, untrained, by whatever runs them: files of seeded weights go the way that trained ones go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import BackendError, WeightsError
from rimlight.studio.matte import Mattes, Output, matte_film
from rimlight.studio.trimaps import one_hot
from rimlight.studio.window import Marked, Window
from rimlight.types import Size

from .films import film_of, picture, read_film, true_trimap, write_film
from .runs import marks_of

torch = pytest.importorskip("torch")
from rimlight.model.studio.matting import window_of  # noqa: E402
from rimlight.model.studio.weights import load_matting  # noqa: E402
from rimlight.studio.networks import Networks  # noqa: E402
from rimlight.studio.opening import open_networks  # noqa: E402
from rimlight.studio.tiles import tiling_of  # noqa: E402

from .weights import untrained  # noqa: E402


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return untrained(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def networks(files: tuple[Path, Path]) -> Networks:
    return open_networks(*files)


def sample(height: int = 64, width: int = 96) -> tuple[np.ndarray, np.ndarray]:
    image = picture(0, height, width).transpose(2, 0, 1).astype(np.float32) / 255
    return image, one_hot(true_trimap(0, height, width))


def test_classes_are_probabilities(networks: Networks) -> None:
    image, trimap = sample()
    classes = networks.propagator.classes(image, networks.propagator.remember(image, trimap))
    assert classes.shape == (3, 64, 96)
    np.testing.assert_allclose(classes.sum(0), 1, atol=1e-5)


def test_alpha_is_that_of_the_network_but_for_the_rounding_of_kept_features(
    networks: Networks, files: tuple[Path, Path]
) -> None:
    image, trimap = sample()
    seen = [networks.matter.look(np.roll(image, step, 2), trimap) for step in range(networks.matter.radius * 2 + 1)]
    alpha = networks.matter.alpha(seen)
    network = load_matting(files[1])
    with torch.inference_mode():
        whole = [
            network.look(torch.from_numpy(np.roll(image, step, 2).copy())[None], torch.from_numpy(trimap)[None])
            for step in range(network.config.frames)
        ]
        wanted = network(whole)[0, 0].numpy()
    assert alpha.shape == (64, 96)
    assert np.abs(alpha - wanted).max() < 0.004


def test_ends_of_a_clip_are_folded_as_the_network_was_trained(networks: Networks) -> None:
    assert networks.matter.window(0, 9) == window_of(0, 9, networks.matter.radius)


def test_tiles_of_the_true_network_are_near_the_whole(networks: Networks) -> None:
    image, trimap = picture(0, 192, 320), true_trimap(0, 192, 320, band=20)

    def alpha(whole: int) -> np.ndarray:
        window = Window(networks.matter, tiling_of(Size(192, 320), whole=whole, side=160, overlap=64))
        numbers = networks.matter.window(0, 1)
        return window.alpha(0, numbers, lambda _: Marked(image, trimap))

    tiled, whole = alpha(1), alpha(10**9)
    assert np.abs(np.diff(tiled - whole, axis=1)).max() < 0.1


def test_a_film_goes_all_the_way(networks: Networks, tmp_path: Path) -> None:
    film = film_of(write_film(tmp_path / "in.mp4", 6, height=64, width=96))
    done = list(matte_film(film, networks, marks_of(film, 2), Output(str(tmp_path / "out.mkv"))))
    assert done == list(range(7))
    assert len(read_film(tmp_path / "out.mkv")) == 6


def test_the_mark_tells_weights_from_others(networks: Networks, tmp_path: Path, files: tuple[Path, Path]) -> None:
    assert open_networks(*files).mark == networks.mark
    assert open_networks(*untrained(tmp_path, seed=1)).mark != networks.mark


def test_weights_of_the_other_network_are_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(WeightsError):
        open_networks(files[1], files[0])


def test_a_device_that_is_not_there_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(BackendError, match="no device 'cuda:99'"):
        open_networks(*files, device="cuda:99")


def test_mattes_of_the_true_network_keep_what_is_known(networks: Networks, tmp_path: Path) -> None:
    film = film_of(write_film(tmp_path / "in.mp4", 3, height=64, width=96))
    mattes = Mattes(film, networks, marks_of(film, 1))
    _, alpha = mattes.matte(1)
    trimap = true_trimap(1, 64, 96)
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == 255] == 1).all()
    mattes.close()
