"""Loads a file with PyTorch in every way there is, and writes what it holds as lines of JSON."""

import inspect
import json
import sys

import torch

known = inspect.signature(torch.load).parameters
ways = [{}]
if "weights_only" in known:
    ways += [{"weights_only": True}, {"weights_only": False}]
if "mmap" in known:
    ways.append({"mmap": True})
for options in ways:
    tensors = torch.load(sys.argv[1], **options)
    assert type(tensors).__name__ == "OrderedDict", type(tensors)
    starts = {}
    for name, tensor in tensors.items():
        assert tensor.dtype == torch.float32 and tensor.is_contiguous(), name
        if tensor.numel():
            starts.setdefault(tensor.data_ptr(), name)
        line = {
            "name": name,
            "shape": list(tensor.shape),
            "sum": repr(float(tensor.double().sum())),
            "shares": starts.get(tensor.data_ptr(), name),
        }
        print(json.dumps(line))
