# SPDX-License-Identifier: BSD-3-Clause
"""A small network twice: as records for the core and as layers of the oracle.

A network is described by a list of ``("dense", kernel, bias)`` (a third argument:
whether it is frozen),
``("activation", name, *parameters)``, ``("softmax",)``, ``("dropout", rate, seed)`` and
``("noise", times, stddev, seed)``.
"""

import numpy as np
from oneop import ACTIVATIONS, BIAS, FROZEN, LOSSES, OPS, padded
from oracle import layers, philox
from runs import run_table

import pynn
from pynn import _core


class CoreNet:
    """Records, parameter vector and optimizer state, trained by ``Plan.train``.

    Parameters
    ----------
    description : list of tuple
    width : int
        Of the input.
    loss, target_width : str, int
    real : oneop.Real
    batch : int
        Most rows of one step.
    scores : tuple of str
        Metrics of the output.
    max_rows : int, optional
        Rows that the plan holds at a time, if fewer than a batch.
    """

    def __init__(
        self,
        description,
        width,
        loss,
        target_width,
        real,
        batch,
        scores=(),
        max_rows=None,
    ):
        self.real, self.batch = real, batch
        self.slots, self.ops, self.runs, values = [(1, width)], [], [], []
        for kind, *arguments in description:
            if kind == "dense":
                self._dense(values, *arguments)
            elif kind == "activation":
                name, *parameters = arguments
                self._op("activation", ACTIVATIONS.index(name), parameters)
            elif kind == "dropout":
                self._op("dropout", 0, arguments[:1], seed=arguments[1])
            elif kind == "noise":
                self._op("noise", arguments[0], arguments[1:2], seed=arguments[2])
            else:
                self._op(kind)
        self.output = len(self.slots) - 1
        self.target = self.output + 1
        self.slots.append((1, target_width))
        head = self._objective(loss, scores)
        self.params = np.concatenate(values).astype(real.type)
        self.start = self.params.copy()
        self.runs = run_table(self.runs)
        self.plan, self.judge = self._plan(head, max_rows or batch), self._plan(head, 0)
        self.infer = self._plan(self.ops, 0)

    def _op(self, kind, select=0, attr=(), width=None, flags=0, params=-1, seed=0):
        source, width = len(self.slots) - 1, width or self.slots[-1][1]
        self.slots.append((1, width))
        attr = (*attr, *(0.0,) * (4 - len(attr)))
        self.ops.append(
            (OPS[kind], select, source, source + 1, -1, flags, params, -1, seed, attr)
        )

    def _objective(self, loss, scores):
        """All ops with the loss and metrics; a softmax before logits is the loss's."""
        ops, source, out = list(self.ops), self.output, -1
        if ops[-1][0] == OPS["softmax"] and loss.endswith("logits"):
            source, out = ops.pop()[2], self.output
        ends = [("loss", loss, source, out)]
        ends += [("score", name, self.output, -1) for name in scores]
        for kind, name, at, to in ends:
            select = LOSSES.index(name)
            ops.append((OPS[kind], select, at, to, self.target, 0, -1, -1, 0, ()))
        return ops

    def _dense(self, values, kernel, bias, frozen=False):
        n = kernel.shape[1]
        pad = ((0, 0), (0, padded(n) - n))
        offset = sum(v.size for v in values)
        parts = [kernel] if bias is None else [kernel, bias[None]]
        flags = (0 if bias is None else BIAS) | (FROZEN if frozen else 0)
        self._op("dense", width=n, flags=flags, params=offset)
        for part in parts:
            flat = np.pad(part, pad).ravel()
            self.runs.extend([] if frozen else [(offset, flat.size)])
            values.append(flat)
            offset += flat.size

    def _plan(self, ops, max_rows):
        return _core.Plan(
            ops,
            self.slots,
            dtype=self.real.number,
            output=self.output,
            target=-1 if ops is self.ops else self.target,
            n_params=self.params.size,
            max_rows=max_rows,
            input_gradient=False,
        )

    def restart(self, optimizer, options):
        """Back to the first parameters, with a fresh optimizer."""
        self.optimizer = getattr(pynn.optimizers, optimizer)(**options)
        self.spec = self.optimizer.spec()
        self.params = self.start.copy()
        self.state = [
            np.full_like(self.params, v) for v in _core.optimizer_state(self.spec)
        ]
        self.scalar = np.ones(2)
        self.iteration = self.epoch = self.position = 0
        self.order = np.zeros(0, np.int64)
        self.sums = np.zeros((1, self.plan.n_sums))

    def train(self, x, y, *, epochs=1, steps=0, weight=None, rates=None, **shuffling):
        """Go on training; return (epochs done, steps done, first bad step)."""
        if len(self.order) != len(x):
            self.order = np.zeros(len(x), np.int64)
        if len(self.sums) < epochs:
            self.sums = np.zeros((epochs, self.plan.n_sums))
        done = self.plan.train(
            x,
            y,
            weight,
            rows=len(x),
            batch=self.batch,
            epochs=epochs,
            max_steps=steps,
            max_seconds=0.0,
            reduction=0,
            optimizer=self.spec,
            runs=self.runs,
            rates=self.optimizer.rates(0, 1) if rates is None else rates,
            params=self.params,
            stats=None,
            grads=np.zeros_like(self.params),
            slots=self.state,
            scalar=self.scalar,
            iteration=self.iteration,
            order=self.order,
            epoch=self.epoch,
            position=self.position,
            sums=self.sums,
            **{"shuffle": False, "seed": 0, **shuffling},
        )
        *counts, self.iteration, self.epoch, self.position = done
        return tuple(counts)

    def predict(self, x, first=0, rows=None):
        """Outputs of the given rows."""
        rows = len(x) - first if rows is None else rows
        out = np.full((rows, self.slots[self.output][1]), np.nan, self.real.type)
        self.infer.predict(self.params, None, x, first, rows, out)
        return out

    def weights(self):
        """The variables without their padding, in the order of the oracle's."""
        found = []
        for kind, _, _, out, _, flags, params, *_ in self.ops:
            if kind == OPS["dense"]:
                rows, n = self.slots[out - 1][1], self.slots[out][1]
                size = (rows + (flags & BIAS)) * padded(n)
                block = self.params[params : params + size].reshape(-1, padded(n))
                found.append(block[:rows, :n])
                found.extend([block[rows, :n]] if flags & BIAS else [])
        return found


def oracle_layers(description, batch, steps):
    """The same network for the oracle, with the dropout masks of the first steps."""
    made, width = [], None
    for kind, *arguments in description:
        if kind == "dense":
            made.append(layers.Dense(*arguments[:2]))
            width = arguments[0].shape[1]
        elif kind == "activation":
            made.append(layers.Activation(*arguments))
        elif kind == "dropout":
            rate, seed = arguments
            shape = batch, padded(width)
            masks = [
                np.reshape(
                    philox.keep_mask(rate, seed, step, batch * padded(width)), shape
                )[:, :width]
                for step in range(steps)
            ]
            made.append(layers.Dropout(rate, masks))
        else:
            made.append(layers.Softmax())
    return made
