"""Makes the PyTorch files in this folder; the number in a name is PyTorch's major version.

python3 make.py, once with PyTorch 1 and once with PyTorch 2.
"""

import collections

import torch

major = torch.__version__.split(".")[0]
base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
tensors = collections.OrderedDict()
tensors["plain"] = base
tensors["tied"] = base
tensors["transposed"] = base.t()
tensors["transposed_tied"] = base.t()
tensors["columns"] = base[:, 1:5:2]
tensors["rows"] = base[1:3]
tensors["scalar"] = torch.tensor(-2.5)
tensors["empty"] = torch.zeros(0, 3)
tensors["unit_axis"] = torch.arange(6.0).reshape(1, 6, 1).transpose(0, 2)
tensors["cube"] = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
tensors["repeated"] = torch.tensor([1.0, 2.0, 3.0, 4.0])[:2].unsqueeze(0).expand(2, 2)
special = torch.tensor([0.0, -0.0, 1.0, -1.5, 65504.0, 2.0**-14, 2.0**-24, 3 * 2.0**-24, float("inf"), float("-inf")])
tensors["half"] = special.half()
tensors["bfloat16"] = special.bfloat16()
tensors["double"] = special.double()
tensors["long"] = torch.tensor([[-1, 2**24, -(2**40)]])
tensors["int"] = torch.tensor([-(2**31), 7], dtype=torch.int32)
tensors["parameter"] = torch.nn.Parameter(torch.ones(2))
tensors._metadata = collections.OrderedDict([("", {"version": 1})])
torch.save(tensors, f"values{major}.bin")
torch.save(tensors, f"values{major}_legacy.bin", _use_new_zipfile_serialization=False)

if major == "2":
    state = torch.nn.Linear(2, 2).state_dict()
    torch.save({"epoch": 3, "model": state}, "checkpoint.bin")
    torch.save({"model": state, "epoch": 3}, "nested.bin")
    torch.save([base], "list.bin")
    torch.save(base, "tensor.bin")
    torch.save(torch.nn.Linear(2, 2), "module.bin")
    torch.save({"weight": torch.ones(2, dtype=torch.complex64)}, "complex.bin")
    torch.save({"weight": torch.eye(2).to_sparse()}, "sparse.bin")
    torch.save({}, "empty.bin")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), "script.bin")
    # A training's file as other programs write it: the weights of a model wrapped for several GPUs, and an optimizer.
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2)).sum().backward()
    optimizer.step()
    weights = {"module." + name: value for name, value in model.state_dict().items()}
    weights["module.mask"] = torch.tensor([[True, False], [True, True]])
    weights["module.bytes"] = torch.tensor([0, 255], dtype=torch.uint8)
    training = {"optimizer": optimizer.state_dict(), "epoch": 3, "model": {"module": weights}}
    torch.save(training, "wrapped.bin")
    torch.save(training, "wrapped_legacy.bin", _use_new_zipfile_serialization=False)
