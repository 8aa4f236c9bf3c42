# What `from harness import ...` offers to scripts, by topic: the one list of it. Type checkers and editors
# read it as it stands, the package when a name is first asked for; `cart docs` makes docs/scripts.md of it.

# One run
from harness.simulation.simulate import simulate as simulate

# Exposure without a model
from harness.analysis.nca import Exposure as Exposure
from harness.analysis.nca import exposure as exposure
from harness.analysis.nca import nca as nca

# Many runs
from harness.simulation.plan import Plan as Plan
from harness.simulation.plan import plan as plan
from harness.simulation.run import Summary as Summary
from harness.simulation.run import run as run
from harness.simulation.run import stream as stream

# Designs
from harness.simulation.design import Design as Design
from harness.simulation.made_designs import grid as grid
from harness.simulation.made_designs import latin_hypercube as latin_hypercube
from harness.simulation.made_designs import random_effects as random_effects
from harness.simulation.design import read_design as read_design
from harness.simulation.made_designs import single as single
from harness.simulation.made_designs import sobol as sobol

# Regimens
from harness.simulation.regimen import Dose as Dose
from harness.simulation.regimen import Redosing as Redosing
from harness.simulation.regimen import Regimen as Regimen
from harness.simulation.regimen import regimen as regimen

# Executors
from harness.simulation.execute import AllCores as AllCores
from harness.simulation.execute import Dask as Dask
from harness.simulation.execute import Executor as Executor
from harness.simulation.execute import Processes as Processes
from harness.simulation.execute import Serial as Serial
from harness.simulation.execute import choose_executor as choose_executor

# Studies
from harness.calibration.by_dose import ByDose as ByDose
from harness.calibration.cohort import PredictCohort as PredictCohort
from harness.calibration.physical import Physical as Physical
from harness.calibration.regimens import Regimens as Regimens
from harness.calibration.study import Calibrate as Calibrate
from harness.exchange.agreement import Agreement as Agreement
from harness.fitting.study import Fit as Fit
from harness.studies.arms import ComparedArm as ComparedArm
from harness.studies.clocks import Clocks as Clocks
from harness.studies.compare import Compare as Compare
from harness.studies.drivers import Drivers as Drivers
from harness.studies.escalation import Escalation as Escalation
from harness.studies.escalation import Toxicity as Toxicity
from harness.studies.exposure import ExposureResponse as ExposureResponse
from harness.studies.map import Burden as Burden
from harness.studies.map import Map as Map
from harness.studies.outcome import Outcome as Outcome
from harness.studies.patients import Patients as Patients
from harness.studies.population import Population as Population
from harness.studies.scan import Scan as Scan
from harness.studies.sensitivity import Sensitivity as Sensitivity
from harness.studies.sensitivity import Spread as Spread
from harness.studies.trial import Trial as Trial
from harness.studies.trial import TrialArm as TrialArm

# Fits
from harness.fitting.diagnostics import compare_fits as compare_fits
from harness.fitting.diagnostics import diagnose as diagnose
from harness.fitting.fit import fit as fit
from harness.fitting.prepare import prepare as prepare
from harness.fitting.resampled import bootstrap as bootstrap
from harness.fitting.resampled import with_errors as with_errors
from harness.fitting.problem import FitProblem as FitProblem
from harness.fitting.problem import read_problem as read_problem
from harness.fitting.result import FitResult as FitResult
from harness.fitting.result import read_result as read_result

# Estimates, carried on
from harness.simulation.estimates import Estimates as Estimates
from harness.simulation.estimate_sources import read_estimates as read_estimates
from harness.studies.uncertain import Uncertain as Uncertain

# Panels
from harness.validation.suite import PanelResult as PanelResult
from harness.validation.suite import run_panel as run_panel
from harness.validation.suite import run_panels as run_panels
from harness.validation.suite import score_table as score_table

# Errors
from harness.errors import InputError as InputError
from harness.errors import RunFailed as RunFailed

__all__: list[str]
__version__: str
