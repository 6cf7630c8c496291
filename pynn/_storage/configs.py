# SPDX-License-Identifier: BSD-3-Clause
"""Configurations as Keras writes them, for classes that know less of types."""

from __future__ import annotations

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
    if "class_name" in config and isinstance(config.get("config"), dict):
        inner = {k: translated(v) for k, v in config["config"].items()}
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
)


def _is_unused(key: str, value: Any) -> bool:
    return key == "build_input_shape" or (key in _UNUSED and not value)
