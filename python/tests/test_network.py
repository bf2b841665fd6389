"""Networks from Python: what the core finds arrives, and what it refuses is told."""

from typing import Any

import pytest

import memcore as mc
from memcore import network

RING: dict[str, Any] = {
    "base_va": 100_000,
    "buses": [{"name": "1", "nominal_v": 400, "reference": True}, *({"name": n, "nominal_v": 400} for n in "23")],
    "branches": [
        {"name": "1-2", "from": "1", "to": "2", "r_pu": 0, "x_pu": 0.1},
        {"name": "1-3", "from": "1", "to": "3", "r_pu": 0, "x_pu": 0.1, "rating_va": 50_000},
        {"name": "2-3", "from": "2", "to": "3", "r_pu": 0, "x_pu": 0.1},
    ],
    "loads": [{"name": "town", "bus": "3", "power_w": 90_000}],
    "generators": [
        {"name": "cheap", "bus": "1", "max_w": 200_000, "cost": {"polynomial": {"per_kwh": 0.1}}},
        {"name": "dear", "bus": "2", "max_w": 200_000, "cost": {"polynomial": {"per_kwh": 0.2}}},
    ],
}


def test_a_line_at_its_rating_parts_the_prices() -> None:
    dispatch = network.Network(RING).dc_opf()
    assert dispatch["status"] == "optimal"
    assert dispatch["cost_per_h"] == pytest.approx(12)
    assert [bus["price_per_kwh"] for bus in dispatch["buses"]] == pytest.approx([0.1, 0.2, 0.3])
    assert dispatch["binding"][0]["part"] == "1-3"


def test_what_cannot_be_supplied_is_an_answer() -> None:
    loaded = {**RING, "loads": [{"name": "town", "bus": "3", "power_w": 900_000}]}
    assert network.Network(loaded).dc_opf()["status"] == "infeasible"


def test_a_radial_network_has_voltages() -> None:
    lines = [{**line, "r_pu": 0.05} for line in RING["branches"][:2]]
    radial = network.Network({**RING, "branches": lines})
    assert radial.lindistflow()["lowest"]["bus"] == "3"
    assert radial.power_flow()["status"] == "solved"
    assert network.Network.parse(radial.to_json()).to_dict() == radial.to_dict()
    assert "3 buses" in repr(radial)


def test_what_is_wrong_is_refused_by_name() -> None:
    with pytest.raises(mc.InvalidError, match="branch 2-3 closes a loop"):
        network.Network(RING).lindistflow()
    with pytest.raises(mc.InvalidError, match="r_ohm"):
        network.Network({**RING, "branches": [{**RING["branches"][0], "r_ohm": 1}]})
    with pytest.raises(mc.InvalidError, match="sideways"):
        network.Network(RING).dc_opf(susceptance="sideways")  # type: ignore[arg-type]
