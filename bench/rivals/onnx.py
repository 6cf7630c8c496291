# SPDX-License-Identifier: BSD-3-Clause
"""ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rivals.base import Rival

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Onnxruntime(Rival):
    """ONNX Runtime, which only runs networks."""

    needs = ("onnxruntime", "onnx")
    trains = False

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            self._model(), options, providers=["CPUExecutionProvider"]
        )

    def _model(self) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        nodes, tensors = [], []
        for i, (kernel, bias) in enumerate(self.net.weights()):
            tensors.append(numpy_helper.from_array(kernel, f"w{i}"))
            tensors.append(numpy_helper.from_array(bias, f"b{i}"))
            nodes.append(
                helper.make_node("Gemm", [f"x{i}", f"w{i}", f"b{i}"], [f"z{i}"])
            )
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"x{i + 1}"]))
        last = {"sigmoid": "Sigmoid", "softmax": "Softmax", "linear": "Identity"}
        nodes[-1] = helper.make_node(last[self.net.output], [f"z{i}"], ["out"])

        def value(name: str, width: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])

        ends = value("x0", self.net.widths[0]), value("out", self.net.widths[-1])
        graph = helper.make_graph(nodes, "net", [ends[0]], [ends[1]], tensors)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=8
        ).SerializeToString()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"x0": x})[0]
