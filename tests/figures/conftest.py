"""The outcome of a study of patients, of small tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from harness.studies.outcome import Outcome
from harness.studies.progression import RULES, medians, predicted, repeated, survival


@pytest.fixture(scope="session")
def fits():
    groups = {"1.5e+08 PD": "PD", "1.5e+08 CR": "CR"}
    months = np.array([1.0, 8.0, 9.0, np.inf])
    patients = pd.DataFrame(
        {
            "patient": range(1, 5), "dose": 150e6, "arm": "high",
            "group": ["1.5e+08 PD", *["1.5e+08 CR"] * 3],
            "reported": ["PD", "sCR", "CR", "CR"], "category": ["PD", "CR", "CR", "CR"], "responder": True,
            "gamma_m_sd": [9.5, 0.3, 0.3, 0.3], "largest_sd": [9.5, 0.3, 0.3, 0.3],
            "distance_sd": [12.0, 0.5, 0.5, 0.5], "rule": "nadir_25_and_5",
            **{f"pfs_{rule}": months for rule in RULES},
        }
    )  # fmt: skip
    draws = pd.DataFrame({"group": list(groups) * 2, "weight": 1.0, **{f"pfs_{r}": months for r in RULES}})
    time = np.array([0.0, 100, 700])
    profiles = pd.concat(
        pd.DataFrame(
            {"group": g, "time": time, "M_protein_change": [0, -96, 9], "sBCMA_change": 0, "transgene": 9.0}
        )
        for g in groups
    )
    bands = profiles.assign(lower=-99.0, middle=0.0, upper=9.0)
    chosen = repeated(patients, draws, 1)
    of_pfs = (patients, draws, chosen, 24.0)
    tables = {
        "patients": patients, "added": patients[:1].assign(K_21_sd=3.0), "profiles": profiles, "bands": bands,
        "medians": medians(*of_pfs, {"high": 11.8}), "survival": survival(*of_pfs),
        "predicted": predicted(*of_pfs),
    }  # fmt: skip
    return Outcome({}, tables)
