"""A kernel as Python runs it: in a short test that takes less time than compiling does."""

from types import ModuleType, SimpleNamespace

import numpy as np


def uncompiled(text, _compile_now):
    """The module of a text as Python runs it, where what overflows is infinite, as when it is compiled."""
    module = ModuleType("uncompiled")
    module.numba = SimpleNamespace(njit=lambda **_: lambda function: function)
    exec(compile(text.replace("import numba\n", ""), "uncompiled", "exec"), vars(module))
    module.log, module.exp = np.log, np.exp
    module.integrate = np.errstate(all="ignore")(module.integrate)
    return module
