# SPDX-License-Identifier: Apache-2.0
"""Reads what nvcc embedded in a library: every kernel of every architecture with its resources and instructions.

    archive (.a) -> ELF objects -> section .nv_fatbin -> containers of entries: PTX text, or a cubin, again ELF

Needs neither a GPU nor a disassembler. The formats, as the headers of the toolkit (fatbinary_section.h) and cubins show
them: a container is {u32 magic, u16 version, u16 header bytes, u64 size}, an entry {u16 kind, u16, u32 header bytes, u64
size, ..., u32 architecture at 28}. A cubin keeps resources as attributes in .nv.info: {u8 format, u8 attribute, u16
size or value}, followed by `size` bytes if the format is 4. Machine code of sm_70 and later is 16 bytes an instruction,
of which the lowest 12 bits are the opcode.
"""
import collections
import dataclasses
import re
import struct
import subprocess

CONTAINER_MAGIC = 0xBA55ED50
PTX, CUBIN = 1, 2
NOBITS = 8  # type of an ELF section without content
FRAME_SIZE, REGISTERS, MAX_THREADS = 0x11, 0x2F, 0x05  # attributes in .nv.info
SIZED = 4  # the attribute format with a payload

OPCODES = {0x23D: "BMMA", 0x237: "IMMA", 0x23C: "HMMA", 0x309: "POPC", 0x212: "LOP3", 0x812: "LOP3", 0x983: "LDL",
           0x387: "STL", 0x944: "CALL", 0x943: "CALL", 0x344: "CALL", 0x343: "CALL"}


@dataclasses.dataclass
class Kernel:
    """One kernel on one architecture."""
    symbol: str
    name: str                     # demangled, without return type and parameters
    architecture: int             # 80 for sm_80
    registers: int                # per thread
    shared: int                   # static bytes per block, without what the driver reserves
    frame: int                    # bytes of local memory per thread
    max_threads: int | None       # of a block, by __launch_bounds__
    opcodes: collections.Counter  # instructions by name, or number in hex
    subroutines: list[str]        # helpers that the compiler appended

    @property
    def family(self):
        """The name without template arguments and namespaces."""
        return self.name.split("<")[0].split("::")[-1]


def sections(elf):
    """Yields (name, header fields, content) of an ELF64 file."""
    offset, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, offset + i * size) for i in range(count)]
    for header in headers:
        at = headers[names][4] + header[0]
        content = b"" if header[1] == NOBITS else elf[header[4]:header[4] + header[5]]
        yield elf[at:elf.index(b"\0", at)].decode(), header, content


def objects(path):
    """Yields the ELF files in an archive, or the one that the file is."""
    data = path.read_bytes()
    if data.startswith(b"\x7fELF"):
        yield data
        return
    if not data.startswith(b"!<arch>\n"):
        raise ValueError(f"{path}: neither an archive nor an object file")
    at = 8
    while at < len(data):
        size = int(data[at + 48:at + 58])
        member = data[at + 60:at + 60 + size]
        if member.startswith(b"\x7fELF"):
            yield member
        at += 60 + size + size % 2  # members start on even bytes


def entries(elf):
    """Yields (kind, architecture, content) of every entry of every container in an object."""
    for name, _, data in sections(elf):
        if name != ".nv_fatbin":
            continue
        at = 0
        while at < len(data):
            magic, _, header, size = struct.unpack_from("<IHHQ", data, at)
            if magic != CONTAINER_MAGIC:
                raise ValueError(f".nv_fatbin: no container at byte {at}, but 0x{magic:08x}")
            entry, end = at + header, at + header + size
            while entry < end:
                kind, _, header, size = struct.unpack_from("<HHIQ", data, entry)
                architecture, = struct.unpack_from("<I", data, entry + 28)
                yield kind, architecture, data[entry + header:entry + header + size]
                entry += header + size
            at = (end + 7) // 8 * 8


def attributes(info):
    """Yields (attribute, payload as 32-bit integers) of a .nv.info section, those with a payload."""
    at = 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form == SIZED:
            yield attribute, struct.unpack_from(f"<{size // 4}I", info, at)
            at += size


def kernels_of_cubin(cubin, architecture):
    if not cubin.startswith(b"\x7fELF"):
        raise ValueError(f"a cubin of sm_{architecture} is compressed: compile with --no-compress")
    table = {name: (header, content) for name, header, content in sections(cubin)}
    headers = list(table.values())
    strings, symbols, functions = table[".strtab"][1], [], collections.defaultdict(list)
    names = list(table)
    for name, _, _, section, _, _ in struct.iter_unpack("<IBBHQQ", table[".symtab"][1]):
        symbols.append(strings[name:strings.index(b"\0", name)].decode())
        if section < len(headers):
            functions[names[section]].append(symbols[-1])
    registers, frames = {}, {}
    for attribute, values in attributes(table.get(".nv.info", (None, b""))[1]):
        if attribute in (REGISTERS, FRAME_SIZE):
            (registers if attribute == REGISTERS else frames)[symbols[values[0]]] = values[1]
    for name, (_, code) in table.items():
        symbol = name.removeprefix(".text.")
        if symbol == name or f".nv.info.{symbol}" not in table:
            continue
        threads = [v[0] * v[1] * v[2] for a, v in attributes(table[f".nv.info.{symbol}"][1]) if a == MAX_THREADS]
        shared = table[f".nv.shared.{symbol}"][0][5] if f".nv.shared.{symbol}" in table else 0
        if shared and architecture >= 90:
            shared -= 1024  # from sm_90 on the section starts with what the driver reserves
        counts = collections.Counter(struct.unpack_from("<Q", code, i)[0] & 0xFFF for i in range(0, len(code), 16))
        opcodes = collections.Counter()
        for opcode, count in counts.items():
            opcodes[OPCODES.get(opcode, hex(opcode))] += count
        helpers = [f.split("$")[-1] for f in functions[name] if f.startswith("$")]
        yield Kernel(symbol, symbol, architecture, registers[symbol], shared, frames.get(symbol, 0),
                     threads[0] if threads else None, opcodes, helpers)


def demangle(kernels):
    """Replaces names: bnas::cuda::(anonymous namespace)::op_kernel<3>(float*) becomes bnas::cuda::op_kernel<3>."""
    text = "".join(k.symbol + "\n" for k in kernels)
    lines = subprocess.run(["c++filt"], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    for kernel, line in zip(kernels, lines, strict=True):
        line = re.sub(r"\(anonymous namespace\)::|\b_GLOBAL__N_\w*::", "", line)
        line = re.sub(r"\((?:bnas::)?[\w:]*\)(?=-?\d)", "", line)  # (bool)1 and (bnas::Kind)2 are 1 and 2
        line = line[:line.rindex("(")] if "(" in line else line
        kernel.name = re.sub(r"^void ", "", line)


def read(path):
    """Returns (kernels, {"sm": architectures with machine code, "ptx": those with PTX}) of an archive or object."""
    found, seen = {}, {"sm": [], "ptx": []}
    for elf in objects(path):
        object_entries = list(entries(elf))
        if object_entries:
            seen["sm"].append({a for kind, a, _ in object_entries if kind == CUBIN})
            seen["ptx"].append({a for kind, a, _ in object_entries if kind == PTX})
        for kind, architecture, content in object_entries:
            if kind == CUBIN:
                for kernel in kernels_of_cubin(content, architecture):
                    found[kernel.symbol, architecture] = kernel
    kernels = list(found.values())
    demangle(kernels)
    in_all = {kind: set.intersection(*sets) if sets else set() for kind, sets in seen.items()}
    return sorted(kernels, key=lambda k: (k.name, k.architecture)), in_all
