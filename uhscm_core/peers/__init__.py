"""Newer unsupervised hashing, trained on the same frozen features, to compare the method with.

Each module holds one objective as a function, and a function that fits a network by it. They are
listed as `uhscm_core.baselines.BASELINES`, next to those that train nothing. All of them were
published for images that are augmented in every epoch. Here the encoder is frozen: views are its
features with noise (`uhscm_core.peers.fitting`), or its features of augmented copies of the images
(`uhscm_core.peers.augmenting`, which also says whether an encoder bears them). Each module says
what else differs.
"""
