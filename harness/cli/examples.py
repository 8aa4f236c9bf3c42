"""An example for the help page of each command, as a user would type it.

Promise: every one of them is read by its command, and a test holds that.
"""

from __future__ import annotations

__all__ = ["EXAMPLES"]

EXAMPLES: dict[str, tuple[str, ...]] = {
    "models": ("cart models", "cart models clinical"),
    "build": ("cart build --check",),
    "check": ("cart check clinical",),
    "simulate": (
        "cart simulate clinical --dose 150e6 --dose 150e6@28 --set 'K_12=0.07 1/h'",
        "cart simulate in_vitro --condition JeKo --out wells.csv --plot wells.png",
    ),
    "nca": ("cart nca clinical --dose 450e6 --times 0,1,3,7,11,14,21,28,60,90,180 --out nca.csv",),
    "scan": ("cart scan clinical --grid dose=50e6:800e6:log:5 --endpoint Cmax --workers 1",),
    "run": ("cart run clinical --design patients.csv --at 1,28,180 --out results.csv",),
    "map": ("cart map --points 20 --out map.csv --plot map.png",),
    "sensitivity": (
        "cart sensitivity clinical --parameters K_12,K_el_e --observable transgene --at 10,180 --n 256",
    ),
    "population": ("cart population --patients 200 --dose 150e6 --dose 450e6 --out patients.csv",),
    "trial": ("cart trial examples/trial.yaml --replicates 20 --plot trial.png",),
    "compare": ("cart compare examples/parts.yaml --plot parts.png",),
    "drivers": ("cart drivers examples/drivers.yaml --plot drivers.png",),
    "exposure": ("cart exposure --omega Tumor_0=0.8 --patients 300 --plot exposure.png",),
    "escalate": ("cart escalate examples/escalation.yaml --trials 500 --plot escalation.png",),
    "patients": ("cart patients --out fits --plot patients.png",),
    "data": ("cart data examples/tables/patients.csv examples/tables/patients.yaml",),
    "digitized": (
        "cart digitized figure3a.json --panel fig3 --observable transgene --map '450 million=450e6'",
    ),
    "fit": ("cart fit fig2b/moving_volume --starts 4 --out fitted",),
    "translate": ("cart translate examples/tables/patients.yaml --to nlmixr2 --out for_nlmixr2",),
    "calibrate": ("cart calibrate --candidate waning --size small --out waning",),
    "predict": ("cart predict examples/cohort.yaml --model waning --out predicted",),
    "validate": ("cart validate fig2b", "cart validate fig3 --reading as_run --out scores.csv"),
    "status": ("cart status", "cart status fits"),
    "report": ("cart report fig2b --out fig2b.html",),
    "docs": ("cart docs --check",),
    "export": ("cart export clinical --format antimony --dose 450e6 --out clinical_450.ant",),
    "explore": ("cart explore clinical --dose 450e6 --out clinical.html",),
    "agree": ("cart agree clinical --tool scipy",),
}
