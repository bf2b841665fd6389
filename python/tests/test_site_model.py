"""Site models from Python: written as a site reads, checked as a whole, and the same in every form."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import memcore as mc
from memcore._site_model import AssetFields, CircuitFields, Fuel, PlanningFields, Storage, TariffFields, Vehicle

EXAMPLES = Path(__file__).parents[2] / "examples"


def home() -> mc.SiteModel:
    return (
        mc.SiteModel("home1", zone="Europe/Berlin", lease=timedelta(seconds=30))
        .grid_meter("meter", currents=["l1", "l2", "l3"], period="1s")
        .pv("pv", range_w=(-8_000, 0))
        .battery("battery", capacity_wh=10_000, range_w=(-5_000, 5_000), soc="soc", setpoint="power")
        .charger(
            "box",
            circuit="garage",
            range_w=(0, 11_040),
            least_w=1_380,
            setpoint="limit",
            setpoint_unit="a",
            min_on=timedelta(minutes=5),
            vehicle={"capacity_wh": 58_000, "departure": "07:00"},
        )
        .circuit("main", limit_a=35, meter="meter")
        .circuit("garage", within="main", limit_a=16)
        .group("flexible", ["battery", "box"], share_by="order")
        .external("dso", "control_box:limit", failsafe_w=4_200, members=["box"])
        .tariff(buy_per_kwh=0.3, sell_per_kwh=0.08)
        .planning(every="15m")
        .strategy("self_consumption", asset="battery")
    )


def test_a_site_that_is_built_is_checked_and_shown_as_a_tree() -> None:
    model = home()
    assert model.check() == [
        "asset box: soc is not given: plans leave its vehicle out",
        "circuit garage: meter is not given: what flows is taken to be the sum of its assets",
    ]
    tree = str(model)
    assert tree.splitlines()[0] == "home1: Europe/Berlin, EUR, decided every 1s, commands hold for 30s"
    assert "   └─ [garage] 16 A, 5 % kept free" in tree
    assert repr(model) == tree


def test_it_is_the_same_in_every_form() -> None:
    model = home()
    for again in (
        mc.SiteModel.parse(model.to_toml()),
        mc.SiteModel.from_json(model.to_json()),
        mc.SiteModel.from_dict(model.to_dict()),
    ):
        assert again == model
    assert model.to_dict()["asset"][3]["min_on"] == "5m"


@pytest.mark.parametrize("name", ["home", "island"])
def test_the_examples_are_good(name: str) -> None:
    model = mc.SiteModel.read(EXAMPLES / f"{name}.control.toml")
    model.check()
    assert mc.SiteModel.parse(model.to_toml()) == model


def test_all_faults_are_told_at_once() -> None:
    model = home().circuit("attic", within="garage", limit_a=63).load("box", setpoint="on")
    with pytest.raises(mc.InvalidError) as refused:
        model.check()
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{len(lines) - 1} faults:"
    assert any("asset box: name is box, as another asset is called already" in line for line in lines)
    assert any("circuit attic: limit_a is 63, expected at most 16" in line for line in lines)


def test_what_cannot_be_read_is_told_with_its_place() -> None:
    with pytest.raises(mc.InvalidError, match=r"asset\[0\] \(b\).storage\.capacity_kwh: unknown field `capacity_kwh`"):
        mc.SiteModel.from_dict(
            {"site": "s", "asset": [{"name": "b", "role": "battery", "storage": {"capacity_kwh": 10}}]}
        )
    with pytest.raises(mc.InvalidError, match=r"asset b\.range_w\[0\] is nan, expected a finite number"):
        mc.SiteModel("s").battery("b", capacity_wh=10_000, range_w=(float("nan"), 1.0))
    with pytest.raises(mc.InvalidError, match='name is "my home", expected 1 to 64'):
        mc.SiteModel("my home").check()
    with pytest.raises(mc.IoError, match=r"none\.toml"):
        mc.SiteModel.read("none.toml")


def test_what_can_be_said_is_what_the_core_reads() -> None:
    whole: dict[str, Any] = {"site": "s", "asset": [{"name": "a", "role": "load"}]}
    inner: dict[str, Any] = {
        "storage": {"capacity_wh": 1},
        "vehicle": {"capacity_wh": 1},
        "fuel": {"marginal_per_kwh": 1},
    }
    for typed, fields in (
        (AssetFields, {"asset": [{"name": "a", "role": "load", "no_field": 1}]}),
        (Storage, {"asset": [{"name": "a", "role": "load", "storage": {**inner["storage"], "no_field": 1}}]}),
        (Vehicle, {"asset": [{"name": "a", "role": "load", "vehicle": {**inner["vehicle"], "no_field": 1}}]}),
        (Fuel, {"asset": [{"name": "a", "role": "load", "fuel": {**inner["fuel"], "no_field": 1}}]}),
        (CircuitFields, {"circuit": [{"name": "c", "no_field": 1}]}),
        (TariffFields, {"tariff": {"no_field": 1}}),
        (PlanningFields, {"planning": {"no_field": 1}}),
    ):
        with pytest.raises(mc.InvalidError) as refused:
            mc.SiteModel.from_dict({**whole, **fields})
        known = set(str(refused.value).split("expected one of ")[1].replace("`", "").split(", "))
        assert known - {"name", "role"} == set(typed.__annotations__), typed.__name__
