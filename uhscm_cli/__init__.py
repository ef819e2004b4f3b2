"""The command line `uhscm`: the library's functions, for those who have no notebook open.

It is a package next to the core, not in it: importing the core imports torch, which takes seconds,
and ``uhscm --help`` must not.
"""
