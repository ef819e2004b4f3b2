"""Newer unsupervised hashing, trained on the same frozen features, to compare the method with.

Each module holds one objective as a function, and a function that fits a network by it. They are
listed as `uhscm_core.baselines.BASELINES`, next to those that train nothing. All of them were
published for images and their augmentations; `uhscm_core.peers.fitting` says what takes their place
on features, and each module what else differs.
"""
