"""to_onnx where onnx is not installed; tests/test_peers_onnx.py has the rest."""

import os
import sys

import pytest

import tinygrad_xent as tx


def test_without_onnx_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ImportError, match=r'to_onnx needs onnx: pip install "tinygrad-xent\[onnx\]"'
    ):
        tx.to_onnx(tx.nn.MLP([4, 3]), tmp_path / "model.onnx")
    assert os.listdir(tmp_path) == []
