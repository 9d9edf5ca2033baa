"""A recipe is found by name, changed by variants and --set, and written back as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis.strategies import floats, text, tuples
from small_recipe import TEXT

from edgessl.errors import UserError
from edgessl.recipe import Recipe, load_recipe, to_toml

VARIANTS = """
[[variant]]
name = "quick"
[variant.pretrain]
epochs = 1

[[variant]]
name = "other"
[variant.optim]
name = "lars"
lr = 2.0

[[variant]]
name = "larger"
views.0.size_px = 48
views.0.jitter.hue = 0.1

[[variant]]
name = "cut"
finetune.view = { count = 1, size_px = 24, crop = "central", resize_px = 32 }

[[variant]]
when = { data = "demo", max_images = 100 }
[variant.image]
resize_px = 72
crop_px = 64

[[variant]]
when = { device = "cpu" }
[variant.pretrain]
batch_size = 4
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A recipe file with two named variants and two that choose themselves."""
    file = tmp_path / "small.toml"
    file.write_text(TEXT + VARIANTS, encoding="utf-8")
    return str(file)


def test_an_unknown_recipe_is_told_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^no file 'mobilnetv2-dino' in recipes/\. Did you mean: "):
        load_recipe("mobilnetv2-dino")


def test_an_unknown_variant_is_told_the_nearest(path: str) -> None:
    expected = r"^small\.toml: has no variant 'quik'; did you mean quick\?; variants: quick, "
    with pytest.raises(UserError, match=expected):
        load_recipe(f"{path}:quik")


def test_a_named_variant_changes_only_its_keys(path: str) -> None:
    plain, quick = load_recipe(path), load_recipe(f"{path}:quick")
    assert quick.name == "small:quick"
    assert (plain.pretrain.epochs, quick.pretrain.epochs) == (2, 1)
    assert quick.pretrain.batch_size == plain.pretrain.batch_size


def test_the_path_of_a_file_may_hold_colons(tmp_path: Path) -> None:
    folder = tmp_path / "set.toml:12:30"
    folder.mkdir()
    file = folder / "small.toml"
    file.write_text(TEXT + VARIANTS, encoding="utf-8")
    assert load_recipe(str(file)).name == "small"
    assert load_recipe(f"{file}:quick").name == "small:quick"


def test_a_variant_with_another_optimiser_inherits_none_of_the_old_keys(path: str) -> None:
    optim = load_recipe(f"{path}:other").optim
    assert (optim.name, optim.lr) == ("lars", 2.0)


def test_a_variant_changes_keys_of_an_entry_of_a_list_by_its_number(path: str) -> None:
    plain, larger = load_recipe(path).views[0], load_recipe(f"{path}:larger").views[0]
    assert (larger.size_px, larger.jitter.hue) == (48, 0.1)
    assert larger.scale == plain.scale


def test_a_variant_with_another_crop_inherits_none_of_the_old_keys(path: str) -> None:
    view = load_recipe(f"{path}:cut").finetune.view
    assert (view.crop, view.resize_px, view.scale) == ("central", 32, None)


def test_a_variant_that_names_the_crop_of_the_recipe_keeps_its_other_keys(tmp_path: Path) -> None:
    """The recipe leaves ``crop`` out, which means the same."""
    file = tmp_path / "small.toml"
    change = 'views.0 = { crop = "resized", scale = [0.5, 1.0] }'
    file.write_text(f'{TEXT}\n[[variant]]\nname = "less"\n{change}\n', encoding="utf-8")
    view = load_recipe(f"{file}:less").views[0]
    assert (view.count, view.size_px, view.scale) == (2, 32, (0.5, 1.0))


@pytest.mark.parametrize("change", ["views.1.size_px = 48", "views.0 = 48", "views.size_px = 48"])
def test_a_variant_that_names_no_entry_of_a_list_is_refused(tmp_path: Path, change: str) -> None:
    file = tmp_path / "small.toml"
    file.write_text(f'{TEXT}\n[[variant]]\nname = "bad"\n{change}\n', encoding="utf-8")
    message = r"^small\.toml:bad: views\.\w+: must be the number of an entry \(0\) with a table of"
    with pytest.raises(UserError, match=message):
        load_recipe(f"{file}:bad")


@pytest.mark.parametrize(
    ("data", "device", "images", "crop_px", "batch_size"),
    [
        ("demo", "cuda", 100, 64, 8),
        ("demo", "cuda", 101, 32, 8),
        ("pets", "cuda", 50, 32, 8),
        ("demo", "cpu", 100, 64, 4),
    ],
)
def test_variants_with_when_choose_themselves(
    path: str, data: str, device: str, images: int, crop_px: int, batch_size: int
) -> None:
    recipe = load_recipe(path, conditions={"data": data, "device": device, "images": images})
    assert recipe.image.crop_px == crop_px
    assert recipe.pretrain.batch_size == batch_size
    assert recipe.name == "small"


def test_without_conditions_no_variant_chooses_itself(path: str) -> None:
    assert load_recipe(path).image.crop_px == 32


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ('[variant]\nname = "one"', r"variant: must be a list of tables, got \{'name': 'one'\}; "),
        ("variant = [3]", r"variant\.0: must be a table, got 3; write \[\[variant\]\]$"),
        ("[[variant]]\nimage.crop_px = 16", r"variant\.0: must have a name or a when that "),
        ("[[variant]]\nname = 3", r"variant\.0\.name: must be a string without a colon, got 3; "),
        ("[[variant]]\nwhen = {}", r"variant\.0\.when: must be a table such as .*, got \{\}$"),
        ('[[variant]]\nwhen = { devise = "cpu" }',
         r"variant\.0\.when\.devise: unknown key; did you mean device\?$"),
        ('[[variant]]\nwhen = { max_images = "20000" }',
         r"variant\.0\.when\.max_images: must be a number, got '20000'; "),
        ('[[variant]]\nname = "a"\n[[variant]]\nname = "a"',
         r"variant\.1\.name: must be another than that of variant\.0, got 'a' again; "),
    ],
)  # fmt: skip
def test_a_variant_that_cannot_be_used_is_refused_before_it_is_chosen(
    tmp_path: Path, variants: str, message: str
) -> None:
    file = tmp_path / "small.toml"
    own = f"{variants}\n{TEXT}" if variants.startswith("variant") else f"{TEXT}\n{variants}\n"
    file.write_text(own, encoding="utf-8")
    with pytest.raises(UserError, match=rf"^small\.toml: (1 mistake\(s\)\n  )?{message}"):
        load_recipe(str(file))


def test_all_mistakes_of_variants_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(TEXT + '\n[[variant]]\n[[variant]]\nwhen = { device = 1 }\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"(?s)2 mistake\(s\)\n  variant\.0: .*variant\.1\.when\."):
        load_recipe(str(file))


@pytest.mark.parametrize(
    ("override", "key", "expected"),
    [
        ("pretrain.epochs=7", "pretrain.epochs", 7),
        ("optim.lr=1e-3", "optim.lr", 1e-3),
        ("views.0.size_px=48", "views.0.size_px", 48),
        ("views.0.scale=[0.2, 0.9]", "views.0.scale", (0.2, 0.9)),
        ("views.0.interpolation=bicubic", "views.0.interpolation", "bicubic"),
        ('views.0.interpolation="bicubic"', "views.0.interpolation", "bicubic"),
        ("method.head_batch_norm=false", "method.head_batch_norm", False),
        ("data.val_percent=20", "data.val_percent", 20.0),
        ("views.0.jitter={p = 0.5, hue = 0.1}", "views.0.jitter.hue", 0.1),
        ("optim={name = 'lars', lr = 3.0}", "optim.lr", 3.0),
    ],
)
def test_set_changes_one_key(path: str, override: str, key: str, expected: object) -> None:
    value: object = load_recipe(path, overrides=[override])
    for part in key.split("."):
        value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
    assert value == expected


def test_the_last_set_wins_and_beats_variants(path: str) -> None:
    overrides = ["pretrain.epochs=5", "pretrain.epochs=6"]
    assert load_recipe(f"{path}:quick", overrides=overrides).pretrain.epochs == 6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pretrain.epochs", r"^--set: must read KEY=VALUE, got 'pretrain\.epochs'"),
        ("=3", "^--set: must read KEY=VALUE, got '=3'"),
        ("pretrain.epoch=3", r"  pretrain\.epoch: unknown key; did you mean epochs\?"),
        ("pretrain.epochs=ten", r"  pretrain\.epochs: Input should be a valid integer, got 'ten'"),
        ("views.9.size_px=3",
         r"'9' must be the number of an entry, of which there are 1; the first is 0$"),
        ("views.size_px=3",
         r"'views' is a list of 1; pass a number first, such as views\.0\.size_px$"),
        ("name.x=3", r"^--set name\.x=3: 'name' must be a table to have keys, got the "
         r"value 'small'; pass --set name=VALUE$"),
    ],
)  # fmt: skip
def test_a_set_that_cannot_be_used_is_refused(path: str, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(path, overrides=[override])


def test_toml_keeps_quotes_and_unusual_characters(path: str) -> None:
    recipe = load_recipe(path, overrides=['name="a \\"b\\" \\\\ ü"'])
    text = to_toml(recipe)
    Path(path).write_text(text, encoding="utf-8")
    assert load_recipe(path) == recipe
    assert isinstance(recipe, Recipe)
    assert recipe.name == 'a "b" \\ ü'


EVIL = "\U0001f642 \"a\" 'b' \\ \0 \x7f \r\n \x85 \u2028 = [\n    1,\n]"


@given(name=text(), net=text(), std=tuples(*3 * [floats(1e-300, 1e300)]))
@example(name=EVIL, net="[", std=(1e-7, 1.0, 1e22))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_toml_keeps_every_text_and_number(
    path: str, name: str, net: str, std: tuple[float, float, float]
) -> None:
    recipe = load_recipe(path)
    changed = recipe.model_copy(update={
        "name": name,
        "backbone": recipe.backbone.model_copy(update={"name": f"timm:{net}"}),
        "image": recipe.image.model_copy(update={"std": std}),
    })  # fmt: skip
    written = Path(path).with_name("written.toml")
    written.write_text(to_toml(changed), encoding="utf-8")
    assert load_recipe(str(written)) == changed


def test_a_file_with_a_name_in_no_known_encoding_is_a_recipe(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "my") + b"\xff\xf0\x9f\x99\x82.toml"))
    odd.write_text(TEXT.replace('name = "small"', "", 1), encoding="utf-8")
    recipe = load_recipe(str(odd))
    assert recipe.name == "my?\U0001f642"
    assert 'name = "my?\U0001f642"' in to_toml(recipe)


def test_toml_writes_a_list_of_numbers_on_one_line(path: str) -> None:
    text = to_toml(load_recipe(path))
    assert "\nmean = [0.485, 0.456, 0.406]\n" in text
    assert not any(line.startswith((" ", "]")) for line in text.splitlines())


def test_toml_says_first_which_method_and_optimiser_a_table_is_of(path: str) -> None:
    text = to_toml(load_recipe(path))
    for table, name in (("method", "dino"), ("optim", "sgd"), ("finetune.optim", "sgd")):
        assert f'[{table}]\nname = "{name}"\n' in text
