r"""Which images look similar: small gray sketches, compared by dot product.

An image's sketch :math:`a_i` is a vector of unit length, and the likeness of two images is

.. math:: \max(a_i \cdot a_j,\; a_i \cdot \bar a_j),

where :math:`\bar a_j` is the mirrored one. All pairs of at least some likeness s are found without
a look at most pairs. Two sketches of dot product s are :math:`\sqrt{2 - 2s}` apart. A cosine
transform keeps distances, and a mirrored image differs from the image in the sign of the
coefficients of odd horizontal frequency alone. So with the absolute values of those coefficients
an image and its mirror image are the same point, and no two points are farther apart than before;
nor are they with a few coefficients in place of all. Pairs that are as near as that among these
points, which a k-d tree finds, are compared whole.

On 60,000 photos there are 1,244 such pairs among 1.8 billion; the tree names 400,000 candidates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from uhscm_core.support.checks import instance

__all__ = ["EDGE", "ROUNDING", "LookAlikes", "likenesses", "look_alike", "sketch"]

EDGE = 8
"""Of a sketch, in its own pixels."""
ROUNDING = 1e-6
"""Of the dot product of two equal vectors of unit length."""
_FAINT = 2.0  # gray levels
_COEFFICIENTS = 12  # fewer have more candidates, and more of them take the tree longer
_SLACK = 1e-4  # of distances, which are rounded
_MOST = 5_000_000  # candidates of a block, and pairs in all, that are held: 100 MB
_SAMPLED = 64  # images of a block whose candidates are counted first

Ids = npt.NDArray[np.int64]


def sketch(image: Image.Image) -> npt.NDArray[np.float32]:
    """Reduce an image to the gray values of a small square, to compare by dot product.

    The mean is subtracted, so brightness does not count. One more number, the size of a faint
    pattern, is added, so that plain images are similar to each other and not to noise.

    Returns:
        (G + 1,) of unit length.
    """
    instance("image", image, Image.Image, "of PIL")
    small = image.convert("L").resize((EDGE, EDGE), Image.Resampling.BOX, reducing_gap=3.0)
    gray = np.asarray(small, dtype=np.float32).ravel()
    values = np.append(gray - gray.mean(), np.float32(_FAINT * EDGE))
    unit: npt.NDArray[np.float32] = (values / np.linalg.norm(values)).astype(np.float32)
    return unit


def likenesses(a: Float[Tensor, "p g"], b: Float[Tensor, "q g"]) -> npt.NDArray[np.float32]:
    """Compute (p, q) dot products of sketches, `b` as it is or mirrored, whichever is larger."""
    rows = a.numpy()
    best: npt.NDArray[np.float32] = np.maximum(rows @ b.numpy().T, rows @ _mirrored(b).numpy().T)
    return best


def look_alike(
    sketches: Float[Tensor, "n g"], pairs: Ids, likeness: float
) -> npt.NDArray[np.bool_]:
    """Return (p,) which of (p, 2) pairs of images have sketches of at least this likeness."""
    passed = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), 1 << 17):
        part = slice(start, start + (1 << 17))
        a, b = sketches[pairs[part, 0]], sketches[pairs[part, 1]]
        best = torch.maximum((a * b).sum(1), (a * _mirrored(b)).sum(1))
        passed[part] = (best >= likeness).numpy()
    return passed


class LookAlikes:
    """All pairs that look similar among images whose sketches come block by block.

    Args:
        likeness: s, the smallest likeness of a pair.

    Attributes:
        pairs: (p, 2) the pairs so far, by the order in which the images came.
        crowded: whether there are too many to hold, because very many images look the same; then
            `pairs` is empty and nothing more is looked for.
    """

    def __init__(self, likeness: float) -> None:
        self.pairs: Ids = np.zeros((0, 2), np.int64)
        self.crowded = False
        self._likeness = likeness - ROUNDING
        self._distance = float(np.sqrt(max(0.0, 2 - 2 * self._likeness))) + _SLACK
        self._sketches = torch.zeros(0, EDGE * EDGE + 1)
        self._points = np.zeros((0, _COEFFICIENTS + 1))

    def __len__(self) -> int:
        return len(self._sketches)

    def add(self, sketches: Float[Tensor, "n g"]) -> None:
        """Take in more images, and find their pairs with each other and with the earlier ones.

        Args:
            sketches: (n, G + 1) of `sketch`, some thousand at a time.
        """
        if self.crowded or not len(sketches):
            return
        from scipy.spatial import KDTree

        first, points = len(self), _points(sketches)
        self._sketches = torch.cat([self._sketches, sketches])
        self._points = np.concatenate([self._points, points])
        every, sample = KDTree(self._points), points[:: max(1, len(points) // _SAMPLED)]
        about = KDTree(sample).count_neighbors(every, self._distance)
        if about * len(points) / len(sample) > _MOST:
            self._give_up()
            return
        block, earlier = KDTree(points), KDTree(self._points[:first])
        within = first + block.query_pairs(self._distance, output_type="ndarray")
        across = block.sparse_distance_matrix(earlier, self._distance, output_type="ndarray")
        across = np.stack([across["j"], first + across["i"]], axis=1)
        candidates = np.concatenate([within, across]).astype(np.int64)
        passed = look_alike(self._sketches, candidates, self._likeness)
        self.pairs = np.concatenate([self.pairs, candidates[passed]])
        if len(self.pairs) > _MOST:
            self._give_up()

    def _give_up(self) -> None:
        self.crowded, self.pairs = True, self.pairs[:0]


def _mirrored(sketches: Tensor) -> Tensor:
    gray = sketches[:, :-1].reshape(-1, EDGE, EDGE).flip(2).reshape(len(sketches), EDGE * EDGE)
    return torch.cat([gray, sketches[:, -1:]], dim=1)


def _points(sketches: Tensor) -> npt.NDArray[np.float64]:
    """Return (n, coefficients + 1): as near as the sketches, mirrored or not, or nearer."""
    from scipy.fft import dctn

    gray = sketches[:, :-1].reshape(-1, EDGE, EDGE).double().numpy()
    transformed = dctn(gray, axes=(1, 2), norm="ortho")  # rows are the vertical frequency
    low = sorted((v + h, v, h) for v in range(EDGE) for h in range(EDGE))[1 : _COEFFICIENTS + 1]
    columns = [np.abs(transformed[:, v, h]) if h % 2 else transformed[:, v, h] for _, v, h in low]
    return np.stack([*columns, sketches[:, -1].double().numpy()], axis=1)
