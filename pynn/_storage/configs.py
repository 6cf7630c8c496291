# SPDX-License-Identifier: BSD-3-Clause
"""Configurations as Keras writes them, for classes that know less of types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def translated(config: Any) -> Any:
    """Return a configuration of Keras's as one of ours.

    Types become names; what only TensorFlow knows (sparse, ragged and quantised
    tensors) goes if it is not used. The rest is left to the classes, which refuse what
    they do not know.
    """
    if isinstance(config, list):
        return [translated(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config.get("config", {}).get("name")
    if config.get("class_name") == "SeedGenerator":
        return config.get("config", {}).get("seed")
    if config.get("class_name") in ("Functional", "Model"):
        _check_chain(config.get("config"))
    if "class_name" in config and isinstance(config.get("config"), dict):
        inner = {k: translated(v) for k, v in config["config"].items()}
        if not inner.get("renorm"):
            inner = {k: v for k, v in inner.items() if not k.startswith("renorm")}
        kept = {k: v for k, v in inner.items() if not _is_unused(k, v)}
        outer = {k: translated(v) for k, v in config.items() if k in _KEPT}
        return outer | {"config": kept}
    return {k: translated(v) for k, v in config.items()}


_KEPT = ("module", "class_name", "registered_name", "compile_config")
_UNUSED = (
    "sparse",
    "ragged",
    "optional",
    "quantization_config",
    "input_axes",
    "output_axes",
    "lora_rank",
    "lora_alpha",
    "rms_scaling",
)


def _is_unused(key: str, value: Any) -> bool:
    return key == "build_input_shape" or (key in _UNUSED and not value)


def _check_chain(config: Any) -> None:
    """Raise ValueError unless each layer of a functional model follows the one before.

    Configurations of ours do not say what follows what, and are taken as chains.
    """
    previous: str | None = None
    for layer in config.get("layers", ()) if isinstance(config, dict) else ():
        nodes = layer.get("inbound_nodes") if isinstance(layer, dict) else None
        if nodes is None:
            return
        found = list(_histories(nodes))
        if found != ([] if previous is None else [previous]):
            raise ValueError(
                f"{layer.get('name')!r} follows {found}: only chains of layers can be"
                " read"
            )
        previous = layer.get("name")


def _histories(nodes: Any) -> Iterator[Any]:
    """Yield the names of the layers that a node's arguments come from."""
    if isinstance(nodes, list):
        for node in nodes:
            yield from _histories(node)
    elif isinstance(nodes, dict):
        if nodes.get("class_name") == "__keras_tensor__":
            yield nodes["config"]["keras_history"][0]
        else:
            yield from _histories(list(nodes.values()))
