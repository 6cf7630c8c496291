# SPDX-License-Identifier: BSD-3-Clause
"""What every layer answers: its weights, its output shape, its records, its config.

A new layer subclasses `Layer` and overrides `build` (make the weights),
`compute_output_shape`, `get_config`, and either `lower` (emit records for the core) or
`call` and `backward` (compute in NumPy).
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pynn import config
from pynn._lowering import Lowering
from pynn._names import snake_case, unique_name
from pynn._network import Memory, Network
from pynn._variables import Array
from pynn.data import as_input, as_rows, check_shape
from pynn.layers._holder import Holder
from pynn.layers._penalized import Penalized
from pynn.layers._python import LayerPart
from pynn.layers.symbolic import Placed
from pynn.layers.symbolic import Shape as Shape


class Layer(Placed, Holder, Penalized):
    """Base of all layers.

    Parameters
    ----------
    name : str, optional
        Unique within a model; made from the class name when not given.
    trainable : bool
        Whether training changes the weights.
    dtype : str, optional
        "float32" or "float64"; `pynn.config.floatx` when not given.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a model.
    input_dim : int, optional
        The same for samples that are vectors.
    activity_regularizer : str, Regularizer or callable, optional
        Penalty on the output, summed over the batch and divided by its rows.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.
    """

    expected_ndim: ClassVar[int] = 2  # fewest axes of an input, batch included

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: object = None,
        input_shape: Sequence[int] | None = None,
        input_dim: int | None = None,
        activity_regularizer: Any = None,
        **unknown: Any,
    ) -> None:
        kind = type(self).__name__
        for key in unknown:
            raise ValueError(f"{kind}: unknown argument {key!r}")
        if name is not None and (not isinstance(name, str) or "/" in name or not name):
            raise ValueError(f"{kind}: expected a name without '/', got {name!r}")
        if input_dim is not None:
            input_shape = (input_dim,)
        self._asked_shape = (
            None if input_shape is None else check_shape(kind, input_shape)
        )
        self.dtype = config.standardize_dtype(dtype)
        self.dtype_given = dtype is not None
        self._penalize(activity_regularizer)
        self.name = name or unique_name(snake_case(kind))
        self._hold(trainable)
        self._input_shape: Shape | None = None
        self._network: Network | None = None
        self._memory: Memory | None = None  # of the network that a copy continues
        self._source = None

    # ---- what subclasses override

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of `input_shape` (batch axis included)."""
        self.compute_output_shape(input_shape)
        self._input_shape = tuple(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape, or raise ValueError if the input cannot be."""
        return tuple(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        """Emit the records that turn slot `x` into the returned slot."""
        return lowering.python(x, LayerPart(self))

    def call(self, inputs: Array, training: bool = False) -> Any:
        """Return the outputs for an array of samples, ``(rows, ...)``.

        For layers that compute in NumPy; those of this package leave it to the core.
        `training` may be left out of the arguments.
        """
        raise NotImplementedError(f"{self}: define call(inputs, training=False)")

    def backward(self, inputs: Array, outputs: Array, gradients: Array) -> Any:
        """Return the gradient of the loss by `inputs`, given that by `outputs`.

        The first two are what `call` took and gave. `add_gradient` takes those of the
        weights.
        """
        raise NotImplementedError(
            f"{self}: training needs backward(inputs, outputs, gradients)"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as plain data."""
        own = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        return own | self._activity_config()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a layer from what `get_config` returned; the weights are new."""
        return cls(**config)

    # ---- shapes

    def build_once(self, input_shape: Shape) -> None:
        """Build, unless that was done, whatever an overridden `build` leaves out."""
        if not self.built:
            self.build(input_shape)
            self._input_shape = self._input_shape or tuple(input_shape)

    @property
    def built(self) -> bool:
        """Whether the input shape is known and the weights exist."""
        return self._input_shape is not None

    @built.setter
    def built(self, value: bool) -> None:
        """Known from Keras, where layers say so themselves at the end of `build`."""

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, with None for the batch axis."""
        if self._input_shape is None:
            raise AttributeError(f"{self.name!r} has no input shape: it is not built")
        return self._input_shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, with None for the batch axis."""
        return self.compute_output_shape(self.input_shape)

    def sample_shape(self, input_shape: Shape) -> tuple[int, ...]:
        """Return the shape of one sample, or raise if the input cannot be ours."""
        shape = tuple(input_shape)[1:]
        if len(shape) + 1 < self.expected_ndim:
            raise ValueError(
                f"{self}: expected an input of at least {self.expected_ndim} axes,"
                f" got shape {tuple(input_shape)}"
            )
        return check_shape(str(self), shape)

    # ---- use on its own

    def compute(self, x: Any, training: bool) -> Array:
        """Return the output for an array whose first axis is the batch."""
        network = self.network_for(x)
        array = as_input(x, network.input_shape, self._entry)
        return network.forward(array, training)

    def network_for(self, x: Any) -> Network:
        """Return the layer compiled on its own, building it for `x` if need be."""
        if self._input_shape is None:
            self.build_once((None, *as_rows(x, self._entry()).shape[1:]))
        shape = self.sample_shape(self.input_shape)
        if self._network is None or self._network.input_shape != shape:
            out = self.sample_shape(self.compute_output_shape(self.input_shape))
            self._network = Network(self, shape, out, self.dtype, self._memory)
        return self._network

    def __getstate__(self) -> dict[str, Any]:
        network = self._network
        memory = self._memory if network is None else network.memory
        return self.__dict__ | {"_network": None, "_memory": memory, "_source": None}

    def _entry(self) -> str:
        """Return what messages call the place that the input goes into."""
        return str(self)

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
