"""Each method, made to collapse by keys that anybody can set, is found out; as it is, it is not.

The demo images at 24 px, otherwise the factory recipes: 200 steps after the warm-up at most, ten
seconds to a minute each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from edgessl.backbones import Backbone
from edgessl.data.load import load_dataset
from edgessl.methods.build import build_method
from edgessl.optim import build_optimizer
from edgessl.recipe import load_recipe
from edgessl.reporter import Silent
from edgessl.schedules import Clock
from edgessl.train import Engine, TrainingData, fit, steps_per_epoch
from edgessl.train.health.doctor import Doctor
from edgessl.train.place.images import Images
from edgessl.views import ViewSampler

LIMIT = 200  # steps after the warm-up
METHODS = ("byol", "dino", "moco", "simclr", "swav")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingData]:
    """The demo images, packed at 64 px."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(tmp_path_factory.mktemp("cache")))
        dataset = load_dataset("demo", val_percent=10.0)
        recipe = load_recipe("mobilenetv2-dino", conditions={"data": "demo", "device": "cpu"})
        yield Images(dataset, recipe, 64, Silent()).pretraining()


def health(data: TrainingData, method: str, *overrides: str) -> tuple[str, int]:
    """Train until the doctor finds something, for 200 steps after the warm-up at most.

    Returns:
        The last word, and after how many steps from the end of the warm-up.
    """
    recipe = load_recipe(
        f"mobilenetv2-{method}", conditions={"data": "demo", "device": "cpu"}, overrides=overrides
    )
    groups = (recipe.views[0].model_copy(update={"size_px": 24}),)
    engine = Engine(torch.device("cpu"), torch.channels_last)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_method(Backbone("mobilenetv2", "remove", 24), recipe.method)
        engine.place(network)
        network.train()
        batch = recipe.pretrain.batch_size
        clock = Clock(0, steps_per_epoch(len(data), batch), recipe.pretrain.epochs)
        warmup = recipe.optim.warmup(clock)
        doctor = Doctor(recipe.method, recipe.optim)
        for record in fit(
            network, data, ViewSampler(groups, recipe.image.mean, recipe.image.std),
            build_optimizer(network, recipe.optim), recipe.optim,
            clock=clock, batch_size=batch, seed=0, engine=engine,
        ):  # fmt: skip
            doctor.look(record)
            if doctor.ill or record.clock.step == warmup + LIMIT:
                return doctor.word, record.clock.step - warmup
    raise AssertionError("the run is too short")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "words", "overrides"),
    [
        ("dino", {"uniform"}, ("method.teacher_temp=[1.0, 1.0]", "method.centering=mean",
                               "method.spread_weight=0")),
        ("dino", {"collapsed", "starved"}, (
            "method.teacher_temp=[0.01, 0.01]", "method.centering=mean",
            "method.center_momentum=1.0", "method.spread_weight=0")),
        ("swav", {"uniform"}, ("method.epsilon=10", "method.spread_weight=0")),
        ("moco", {"scattered"}, ("optim.lr=100", "method.spread_weight=0")),
        ("simclr", {"scattered"}, ("optim.lr=100",)),
        ("byol", {"scattered"}, ("optim.weight_decay=1.0",)),
    ],
    ids=["dino-hot", "dino-without-centre", "swav-soft", "moco-fast", "simclr-fast", "byol-decay"],
)  # fmt: skip
def test_a_collapse_is_found_within_200_steps_of_the_warm_up(
    data: TrainingData, method: str, words: set[str], overrides: tuple[str, ...]
) -> None:
    word, steps = health(data, method, *overrides)
    assert word in words
    assert steps <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_factory_recipe_is_healthy(data: TrainingData, method: str) -> None:
    assert health(data, method) == ("healthy", LIMIT)
