"""astfront beside Chainer, PyTorch and onnxruntime: ``python -m benchmarks``, ``make bench``."""
