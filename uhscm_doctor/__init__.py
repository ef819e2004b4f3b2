"""Checks this installation and says how to fix what is wrong.

    make doctor                                       # or: python -m uhscm_doctor
    from uhscm_doctor import doctor; doctor()         # in a notebook

The doctor is a package of its own and needs only Python to start, because the usual fault of an
installation is that the other packages cannot be imported. It changes nothing (only ``--clean``
removes the leftovers of killed writes) and contacts only a JupyterLab that runs on this machine.
"""

from uhscm_doctor.finding import Finding, Report
from uhscm_doctor.report import doctor

__all__ = ["Finding", "Report", "doctor"]
