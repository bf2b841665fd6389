"""The planners of the comparison: each builds and solves the same problems in its own words."""

NAMES = ("memcore", "cvxpy", "EMHASS", "oemof.solph", "PyPSA")
MODULES = {
    "memcore": "with_memcore",
    "cvxpy": "with_cvxpy",
    "EMHASS": "with_emhass",
    "oemof.solph": "with_oemof",
    "PyPSA": "with_pypsa",
}
PACKAGES = {"memcore": "memcore", "cvxpy": "cvxpy", "EMHASS": "emhass", "oemof.solph": "oemof.solph", "PyPSA": "pypsa"}
