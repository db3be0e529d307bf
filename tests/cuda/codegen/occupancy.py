# SPDX-License-Identifier: Apache-2.0
"""How many blocks of a kernel an SM holds, by registers, static shared memory and threads.

Limits: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; allocation units as
cuda_occupancy.h of the toolkit has them. Dynamic shared memory is chosen at run time and not known here.
"""
import dataclasses

REGISTERS, REGISTER_UNIT = 65536, 256  # per SM; allocated per warp
PARTITIONS = 4                         # of an SM, each with its share of registers and warps


@dataclasses.dataclass(frozen=True)
class Limits:
    warps: int
    blocks: int
    shared: int         # bytes per SM
    reserved: int       # bytes of shared memory that the driver takes of each block
    shared_unit: int


LIMITS = {
    75: Limits(32, 16, 64 << 10, 0, 256),
    80: Limits(64, 32, 164 << 10, 1024, 128),
    86: Limits(48, 16, 100 << 10, 1024, 128),
    89: Limits(48, 24, 100 << 10, 1024, 128),
    90: Limits(64, 32, 228 << 10, 1024, 128),
    100: Limits(64, 32, 228 << 10, 1024, 128),
    103: Limits(64, 32, 228 << 10, 1024, 128),
    120: Limits(48, 24, 100 << 10, 1024, 128),
}


def round_up(value, unit):
    return (value + unit - 1) // unit * unit


def blocks_per_sm(architecture, threads, registers, shared):
    limits = LIMITS[architecture]
    warps = (threads + 31) // 32
    warps_by_registers = REGISTERS // PARTITIONS // round_up(registers * 32, REGISTER_UNIT) * PARTITIONS
    taken = round_up(shared + limits.reserved, limits.shared_unit)
    by_shared = limits.shared // taken if taken else limits.blocks
    return min(limits.blocks, limits.warps // warps, warps_by_registers // warps, by_shared)


def occupancy(architecture, threads, registers, shared):
    """Resident warps over the most that an SM holds, 0 to 1."""
    warps = (threads + 31) // 32
    return blocks_per_sm(architecture, threads, registers, shared) * warps / LIMITS[architecture].warps
