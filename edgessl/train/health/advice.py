"""What to change when outputs collapse, by the recipe's keys and values."""

from __future__ import annotations

from edgessl.recipe.method_tables import Byol, Dino, MethodTable, Moco, SimClr, Swav
from edgessl.recipe.optim_tables import Optim

MEANINGS = {
    "uniform": "every output gives all prototypes equal weight",
    "collapsed": "the outputs are the same for all images",
    "starved": "a few prototypes win for all images",
    "narrow": "the outputs vary in one or two dimensions only",
    "scattered": "two views of an image are no more alike than views of different images",
}
_HEAVY_DECAY = 0.02  # weight decay from which on it is a suspect
_FAST = 1.0  # peak learning rate from which on it is one


def advice(method: MethodTable, optim: Optim, word: str, optim_key: str = "optim") -> str:
    """Say in words what to change, the likeliest first.

    Args:
        method: The method's settings.
        optim: Optimiser and schedule.
        word: The health: a key of ``MEANINGS``.
        optim_key: Where the recipe gives ``optim``.
    """
    wanted = [*_suspects(optim, optim_key), *_of_method(method, word)]
    if not any("optim.lr" in one for one in wanted):
        wanted.append(f"a lower {optim_key}.lr (now {optim.lr:g})")
    return f"{MEANINGS[word]}. Try {', or '.join(wanted[:3])}"


def _of_method(method: MethodTable, word: str) -> list[str]:
    match method:
        case Dino():
            return _dino_uniform(method) if word == "uniform" else _dino_same(method)
        case Swav():
            return _swav_uniform(method) if word == "uniform" else _swav_same(method)
        case Moco():
            found = [*_temperature(method.temperature, 0.2), *_momentum(method.teacher_momentum)]
            return found if method.spread_weight else [*found, "method.spread_weight = 0.5"]
        case SimClr():
            return [*_temperature(method.temperature, 0.1), "a larger pretrain.batch_size"]
        case Byol():
            return _byol(method)


def _dino_uniform(table: Dino) -> list[str]:
    found = []
    if max(table.teacher_temp) > 0.04:
        found.append(f"a lower method.teacher_temp (now {list(table.teacher_temp)}; 0.04)")
    found += _momentum(table.teacher_momentum)
    if table.spread_weight == 0:
        found.append("method.spread_weight = 0.5")
    if table.freeze_last_layer_percent != 100:
        found.append("method.freeze_last_layer_percent = 100")
    return [*found, f"fewer method.prototypes (now {table.prototypes})"]


def _dino_same(table: Dino) -> list[str]:
    found = []
    if table.centering == "mean":
        if table.center_momentum > 0.9:
            found.append(f"method.center_momentum = 0.9 (now {table.center_momentum:g})")
        found.append('method.centering = "sinkhorn"')
    if min(table.teacher_temp) < 0.04:
        found.append(f"a higher method.teacher_temp (now {list(table.teacher_temp)}; 0.04)")
    if table.spread_weight == 0:
        found.append("method.spread_weight = 0.5")
    return [*found, *_momentum(table.teacher_momentum)]


def _swav_uniform(table: Swav) -> list[str]:
    found = []
    if table.epsilon > 0.05:
        found.append(f"a lower method.epsilon (now {table.epsilon:g}; 0.05 or 0.03)")
    found += _temperature(table.temperature, 0.1)
    if table.spread_weight == 0:
        found.append("method.spread_weight = 0.5")
    return [*found, f"fewer method.prototypes (now {table.prototypes})", *_swav_freeze(table)]


def _swav_same(table: Swav) -> list[str]:
    found = []
    if table.sinkhorn_iterations < 3:
        found.append(f"method.sinkhorn_iterations = 3 (now {table.sinkhorn_iterations})")
    return [*found, *_swav_freeze(table), f"fewer method.prototypes (now {table.prototypes})"]


def _swav_freeze(table: Swav) -> list[str]:
    given = (table.freeze_prototypes_epochs, table.freeze_prototypes_steps,
             table.freeze_prototypes_percent)  # fmt: skip
    return [] if any(given) else ["method.freeze_prototypes_percent = 5"]


def _byol(table: Byol) -> list[str]:
    found = []
    if not table.projector.batch_norm:
        found.append("method.projector.batch_norm = true")
    if not table.predictor.batch_norm:
        found.append("method.predictor.batch_norm = true")
    if table.teacher_momentum[0] < 0.9:
        found.append(f"method.teacher_momentum = [0.99, 1.0] (now {list(table.teacher_momentum)})")
    return [*found, *_momentum(table.teacher_momentum)]


def _temperature(now: float, usual: float) -> list[str]:
    """Suggest the usual temperature, if it is far from it."""
    if usual / 2 <= now <= 2 * usual:
        return []
    return [f"method.temperature = {usual:g} (now {now:g})"]


def _momentum(now: tuple[float, float]) -> list[str]:
    """Suggest a teacher that moves."""
    if now[0] < 1.0:
        return []
    return [f"a lower method.teacher_momentum (now {list(now)}; the teacher never moves)"]


def _suspects(optim: Optim, key: str) -> list[str]:
    """Name values of the optimiser that are out of the ordinary."""
    found = []
    decay = max(optim.weight_decay)
    if optim.name == "sgd" and decay >= _HEAVY_DECAY:
        found.append(f"a lower {key}.weight_decay (now {decay:g}; usual is 1e-4)")
    if optim.name == "sgd" and optim.lr > _FAST:
        found.append(f"a lower {key}.lr (now {optim.lr:g}; usual is 0.03 to 0.5)")
    return found
