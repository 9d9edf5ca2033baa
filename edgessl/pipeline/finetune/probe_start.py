"""A classifier that starts as the linear probe of the backbone that is fine-tuned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.backbones import Classifier
from edgessl.backbones.readout import READOUTS
from edgessl.data.dataset import Split
from edgessl.data.tagged import tag_table
from edgessl.metrics.features import extract_features
from edgessl.metrics.linear_probe import fit_linear_probe
from edgessl.metrics.tags import fit_tag_probe
from edgessl.train.place.context import Context
from edgessl.train.place.images import labels_of

MOST_IMAGES = 20_000
"""Beyond so many labelled images there is nothing to lose in a random start of the classifier."""


def start_from_probe(context: Context, classifier: Classifier) -> None:
    """Give the classifier the weights of a logistic regression on what it reads.

    A classifier that starts at random pulls features apart that are right, most of all where labels
    are few; one that fits them already leaves them (LP-FT, Kumar et al., arXiv:2202.10054).

    Args:
        context: The run; labels of ``train`` are fitted, ``val`` chooses the penalty.
        classifier: Gets the weights; its other layers stay as they are.
    """
    dataset = context.dataset
    if len(dataset.train) > MOST_IMAGES:
        return
    train, val = (_inputs(context, classifier, split) for split in (dataset.train, dataset.val))
    if dataset.tags:
        _start_from_probes(context, classifier, train)
        return
    probe = fit_linear_probe(
        train, labels_of(dataset.train), val, labels_of(dataset.val), len(dataset.classes)
    )
    fc = classifier.fc
    with torch.no_grad():
        # A class without an image has a bias of minus infinity, which could not be trained.
        known = torch.isfinite(probe.bias)
        least = probe.bias[known].min()
        fc.weight.copy_(probe.weight)
        fc.bias.copy_(torch.where(known, probe.bias, least))


def _start_from_probes(context: Context, classifier: Classifier, inputs: Tensor) -> None:
    """Do the same where images may have several labels: one logistic regression a class."""
    dataset = context.dataset
    table = tag_table(dataset, dataset.train)
    probe = fit_tag_probe(inputs.double().numpy(), table.targets)
    with torch.no_grad():
        classifier.fc.weight.copy_(torch.from_numpy(probe.weight))
        classifier.fc.bias.copy_(torch.from_numpy(probe.bias))


class _Inputs(nn.Module):
    """What the classifier's last layer is given."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        whole = self.classifier
        found: Tensor = whole.hidden(READOUTS[whole.reads](whole.backbone, images))
        return found


def _inputs(context: Context, classifier: Classifier, split: Split) -> Tensor:
    if not len(split):
        return torch.empty(0, classifier.fc.in_features)
    image = context.recipe.image
    return extract_features(
        _Inputs(classifier), context.images.pixels(split), image.mean, image.std,
        device=context.device,
    )  # fmt: skip
