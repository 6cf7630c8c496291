# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of training, models and answers: ``pip install pynn[plot]``.

Every function returns a `matplotlib.figure.Figure` made through pyplot and shows
nothing: ``plt.show()`` does that, and ``figure.savefig(path)`` writes it. The colours
are those of M. Okabe and K. Ito, "Color Universal Design" (2008), which colour-blind
people tell apart; lines differ in their dashes as well.
"""

from pynn.plotting._answers import confusion_matrix, decision_boundary
from pynn.plotting._model import model
from pynn.plotting._training import activations, compare, gradients, history, weights

__all__ = [
    "activations",
    "compare",
    "confusion_matrix",
    "decision_boundary",
    "gradients",
    "history",
    "model",
    "weights",
]
