"""Looks at this installation and says how to mend what it finds.

    make doctor                                       # or: python -m uhscm_doctor
    from uhscm_doctor import doctor; doctor()         # in a notebook

A package of its own that needs nothing but Python to start, because what ails an installation is
often that the others can't be imported. It changes nothing (``--clean`` removes the leftovers of
killed writes) and asks nobody but a JupyterLab that runs on this machine.
"""

from uhscm_doctor.finding import Finding, Report
from uhscm_doctor.report import doctor

__all__ = ["Finding", "Report", "doctor"]
