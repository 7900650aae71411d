"""Every function of the C face, from its header: every.py LIBRARY

What is null is refused by name: each pointer of each function is null in turn, and each pointer of a structure it takes, while the
others point to zeros and all counts are 1. Then buffers have no length, and then all counts are as large as there are: both are
refused. Each function is called in a process of its own, so that one that crashes is named.
"""

import ctypes
import functools
import os
import pathlib
import re
import sys

HEADER = (pathlib.Path(__file__).resolve().parents[2] / "src" / "capi" / "subquad.h").read_text()
NUMBERS = {
    "size_t": ctypes.c_size_t, "uint8_t": ctypes.c_uint8, "uint16_t": ctypes.c_uint16, "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64, "int16_t": ctypes.c_int16, "int32_t": ctypes.c_int32, "int": ctypes.c_int, "bool": ctypes.c_bool,
    "float": ctypes.c_float, "double": ctypes.c_double, "char": ctypes.c_char,
}
OK, NULL, PANIC = 0, 1, 9
# What may be null, and where: results that nobody asked for, what a computation can do without, what only the caller's functions see.
MAY_BE_NULL = {
    "context": "cg|least_squares|fixed_step", "definite": "cholesky", "how": "transform", "needed": "label", "preconditioner": "cg",
    "rebuilt": "advance", "u_indices": "tensor_sketch", "v_indices": "tensor_sketch", "values": "scan|query", "watch": "cg_rows", "words": "forward",
}
PAGE = 1 << 16


def declared(text):
    """`const float *w` as its type and its name."""
    return re.fullmatch(r"(?:const )?(.*?)\s*(\w+)(?:\[\d+\])?", " ".join(text.split())).groups()


def is_pointer(kind):
    return kind.endswith("*") or kind not in NUMBERS and kind not in STRUCTURES


FUNCTIONS = {
    name: [declared(parameter) for parameter in parameters.split(",")]
    for name, parameters in re.findall(r"^int (subquad_\w+)\(([^)]*)\);", HEADER, flags=re.M)
}
# Those that can fail take an error, which here they always get.
FUNCTIONS = {name: parameters[:-1] for name, parameters in FUNCTIONS.items() if parameters[-1] == ("subquad_error *", "error")}
STRUCTURES = {}
for body, name in re.findall(r"^typedef struct \{(.*?)^\} (\w+);", HEADER, flags=re.M | re.S):
    STRUCTURES[name] = [declared(line) for line in re.sub(r"//.*", "", body).split(";") if line.strip()]


class Failure(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("expected", ctypes.c_size_t), ("found", ctypes.c_size_t), ("message", ctypes.c_char * 256)]


@functools.cache
def type_of(name):
    """A structure of the header for ctypes."""
    fields = [(field, ctypes.c_void_p if is_pointer(kind) else NUMBERS.get(kind) or type_of(kind)) for kind, field in STRUCTURES[name]]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


# Starts of one row, or one column, of one place; what else is pointed to is zeros, many more than a count of 1 asks for.
STARTS = (ctypes.c_size_t * 2)(0, 1)
ZEROS = (ctypes.c_uint64 * PAGE)()


def structure(name, null, count, path):
    """A structure whose counts are all the same, whose switches are off, with one pointer null."""
    made = type_of(name)()
    for kind, field in STRUCTURES[name]:
        if kind in STRUCTURES:
            value = structure(kind, null, count, f"{path}.{field}")
        elif is_pointer(kind):
            value = None if null == f"{path}.{field}" else ctypes.addressof(STARTS if field == "starts" else ZEROS)
        else:
            value = count if kind == "size_t" else 0
        setattr(made, field, value)
    return made


def pointers(parameters):
    """Paths of all pointers: parameters, and those in structures that are read."""

    def inside(kind, path):
        for kind, field in STRUCTURES.get(kind, []):
            if is_pointer(kind):
                yield f"{path}.{field}"
            yield from inside(kind, f"{path}.{field}")

    for kind, parameter in parameters:
        if is_pointer(kind):
            yield parameter
            if kind.removesuffix(" *") not in UNREAD:
                yield from inside(kind.removesuffix(" *"), parameter)


# Structures that are written, and those in which null is nothing.
UNREAD = {"subquad_candidates", "subquad_report", "subquad_watch", "subquad_transform", "subquad_tolerance"}


def call(library, name, parameters, null="", count=1, lens=None):
    """The code and the message of a call with this pointer null, and these counts."""
    room = (ctypes.c_uint8 * ((len(parameters) + 2) * PAGE))()
    page = (ctypes.addressof(room) + 63) & ~63
    arguments, kept = [], []
    for kind, parameter in parameters:
        page += PAGE
        if not is_pointer(kind):
            value = lens if lens is not None and parameter.endswith("_len") else count if kind == "size_t" else 1
            arguments.append(NUMBERS[kind](value))
        elif parameter == null:
            arguments.append(None)
        elif kind.removesuffix(" *") in STRUCTURES:
            kept.append(structure(kind.removesuffix(" *"), null, count, parameter))
            arguments.append(ctypes.byref(kept[-1]))
        else:
            arguments.append(ctypes.c_void_p(page))
    failure = Failure()
    code = getattr(library, name)(*arguments, ctypes.byref(failure))
    return code, failure.message.decode() if failure.code == code else f"the error has code {failure.code}"


def check(library, name, parameters):
    """What is wrong with one function."""
    # What is behind a handle cannot be zeros: only the handle itself is null.
    handle = [parameter for kind, parameter in parameters if kind == "subquad_model *"]
    for path in handle or pointers(parameters):
        code, message = call(library, name, parameters, path)
        if re.search(MAY_BE_NULL.get(path, "^$"), name):
            if code == NULL:
                yield f"{path} may be null, and is refused: {message}"
        elif code != NULL or not message.endswith(f"{path.split('.')[-1].rstrip('_')}: the pointer is null"):
            yield f"{path} is null: {code}, {message!r}"
    if handle:
        return
    if any(parameter.endswith("_len") for _, parameter in parameters) and (code := call(library, name, parameters, lens=0)[0]) in (OK, PANIC):
        yield f"buffers of no length: {code}"
    # A description of work may be of any size.
    if name != "subquad_auto" and any(is_pointer(kind) for kind, _ in parameters) and (code := call(library, name, parameters, count=(1 << 64) - 1)[0]) in (OK, PANIC):
        yield f"counts as large as there are: {code}"


library = ctypes.CDLL(os.path.abspath(sys.argv[1]))
if len(FUNCTIONS) < 200 or len(STRUCTURES) < 10:
    sys.exit(f"only {len(FUNCTIONS)} functions and {len(STRUCTURES)} structures in the header")
failed = False
for name, parameters in FUNCTIONS.items():
    child = os.fork()
    if child == 0:
        wrong = list(check(library, name, parameters))
        print("".join(f"{name}: {what}\n" for what in wrong), end="", flush=True)
        os._exit(1 if wrong else 0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        print(f"{name}: ended by signal {os.WTERMSIG(status)}")
    failed |= status != 0
print(f"{len(FUNCTIONS)} functions: {'not all refuse what they should' if failed else 'null, no room, and counts beyond all memory are refused'}")
sys.exit(failed)
