"""Writes the small files of this folder: the same numbers as NumPy, IDX, CIFAR-10 and CSV files hold them, and files that are damaged.

    pip install numpy==2.3.5
    python3 tests/arrays/make_fixtures.py
"""

import gzip
import json
import struct
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def write(name, content):
    (FOLDER / name).write_bytes(content)


def idx(kind, array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


# Whole numbers that every type can hold, negative where it can: row r, column c is 10 r + c − 7.
numbers = np.arange(4)[:, None] * 10 + np.arange(3) - 7.0
for name in ["float64", "float32", "int64", "int32", "int16", "int8", ">f8", ">i4"]:
    np.save(FOLDER / f"{name.replace('>', 'big_')}.npy", numbers.astype(name))
for name in ["uint64", "uint32", "uint16", "uint8"]:
    np.save(FOLDER / f"{name}.npy", (numbers + 7).astype(name))
np.save(FOLDER / "bool.npy", numbers > 0)
np.save(FOLDER / "fortran.npy", np.asfortranarray(np.stack([numbers, 2 * numbers, numbers - 1, -numbers, numbers])))
np.save(FOLDER / "scalar.npy", np.float64(2.5))
np.save(FOLDER / "complex.npy", numbers + 1j)
np.save(FOLDER / "nan.npy", np.where(numbers == 4, np.nan, numbers))
np.savez_compressed(FOLDER / "two.npz", x=numbers, labels=np.array([2, 0, 1, 2]))
np.savez(FOLDER / "one.npz", x=numbers)


def safetensors(arrays):
    header, data = {}, b""
    for name, (kind, shape, entries) in arrays.items():
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [len(data), len(data) + len(entries)]}
        data += entries
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


# The upper half of a single is bfloat16, exact for these numbers.
brain = (numbers.astype("<f4").view("<u4") >> 16).astype("<u2")
kinds = {"F64": numbers, "F32": numbers.astype("<f4"), "F16": numbers.astype("<f2"), "BF16": brain, "I64": numbers.astype("<i8"), "I8": numbers.astype("i1")}
write("kinds.safetensors", safetensors({f"of.{kind}": (kind, numbers.shape, array.tobytes()) for kind, array in kinds.items()}))
write("one.safetensors", safetensors({"x": ("F64", numbers.shape, numbers.astype("<f8").tobytes())}))
write("short.safetensors", safetensors({"x": ("F64", numbers.shape, numbers.tobytes())})[:-8])
write("type.safetensors", safetensors({"x": ("F8_E4M3", (4,), b"1234")}))
whole = (FOLDER / "float64.npy").read_bytes()
write("short.npy", whole[:-5])
write("longer.npy", whole.replace(b"(4, 3)", b"(5, 3)"))
write("text.npy", b"no array at all")
write("empty.npy", b"")
write("short.npz", (FOLDER / "two.npz").read_bytes()[:200])
write("float64.npy.gz", gzip.compress(whole, mtime=0))

write("i2.idx", idx(0x0B, numbers.astype(">i2")))
write("f8.idx", idx(0x0E, numbers.astype(">f8")))
write("labels-idx1-ubyte.gz", gzip.compress(idx(0x08, np.array([2, 0, 1, 2], "u1")), mtime=0))
write("short.idx", idx(0x0E, numbers.astype(">f8"))[:-1])
write("kind.idx", idx(0x0A, numbers.astype(">f8")))

# Two rows of CIFAR-10: in channel k, row y and column x of image i stands (i + 3 k + 5 y + 7 x) mod 256.
i, k, y, x = np.meshgrid(np.arange(2), np.arange(3), np.arange(32), np.arange(32), indexing="ij")
pixels = ((i + 3 * k + 5 * y + 7 * x) % 256).astype("u1")
batch = b"".join(bytes([label]) + image.tobytes() for label, image in zip([9, 4], pixels))
write("batch.bin.gz", gzip.compress(batch, mtime=0))
write("short.bin", batch[:3000])

rows = "\n".join(",".join(str(number) for number in row) for row in numbers)
write("plain.csv", rows.encode())
write("names.csv", f"a,b,c\r\n{rows}".replace("\n", "\r\n").encode())
write("nan.csv", f"a,b,c\n{rows}".replace("14.0", "nan").encode())
write("ragged.csv", f"{rows},1".encode())
write("names_only.csv", b"a,b,c\n")
