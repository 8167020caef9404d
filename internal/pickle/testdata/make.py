"""Makes the pickles in this folder with CPython: the same values in each protocol, and an OrderedDict with attributes."""

import collections
import pickle
import pickletools

shared = ["one", ("two", 2)]
values = [
    None, True, False,
    0, 1, 255, 256, 65535, 65536, -1, -2**31, 2**31, 2**63 - 1, -2**63, 2**63, -2**63 - 1, 2**2040, -2**2040,
    0.0, -1.5, 1e300, float("inf"),
    "", "text", "一二三", "\U0001f600 back\\slash \\u0041\n", "x" * 300,
    (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4),
    [], [1], [1, 2], list(range(1001)),
    {}, {"key": [1]}, {1: (), "b": 2.5},
    shared, shared, (shared[1], shared),
]
for protocol in range(6):
    with open(f"values{protocol}.pickle", "wb") as file:
        pickle.dump(values, file, protocol=protocol)
        file.write(pickletools.optimize(pickle.dumps(values, protocol=protocol)))

for protocol in range(3, 6):
    with open(f"bytes{protocol}.pickle", "wb") as file:
        pickle.dump((b"", b"\x00\xff", b"y" * 300), file, protocol=protocol)

ordered = collections.OrderedDict([("weight", 1), ("bias", 2)])
ordered._metadata = collections.OrderedDict([("", {"version": 1})])
for protocol in (2, 4):
    with open(f"ordered{protocol}.pickle", "wb") as file:
        pickle.dump(ordered, file, protocol=protocol)
