"""Simulate from a script: three doses of the clinical model, and a second infusion on day 100."""

from harness import simulate

for dose in ("50e6", "150e6", "450e6"):
    result = simulate("clinical", doses=[dose, "150e6@100"], times="0:360:0.5")
    expansion = result.sel(time=slice(1, 99)).transgene
    print(f"{dose} cells: highest {float(expansion.max()):.0f} copies/ug", end=", ")
    print(f"M-protein {float(result.M_protein_change.sel(time=360)):.1f} % on day 360")
