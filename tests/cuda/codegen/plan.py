# SPDX-License-Identifier: Apache-2.0
"""What the machine code of each kernel must look like. New kernels of the families below are held to it by name."""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Rule:
    """Holds for kernels whose family starts with `prefix`. Hot kernels use no local memory and call no subroutine of the
    compiler. Excepted are shuffles and votes, where only a diverged warp leaves the inlined instruction for the call,
    and, where `divides`, 64-bit divisions and double arithmetic, which stand outside the inner loops."""
    prefix: str
    tensor: dict[int, str] = dataclasses.field(default_factory=dict)  # architecture: instruction that must be there
    divides: bool = False


ARITHMETIC = "__cuda_sm20_"  # begins the names of divisions, reciprocals and roots
DIVERGED = re.compile("__cuda_sm70_(shfl|vote|warp)sync")

# In order; the first whose prefix fits decides. 1-bit products are native up to sm_90 (as XOR on sm_75 only), later
# architectures take 8-bit ones.
HOT = [
    Rule("binary_conv2d_tensor_b1_", {75: "BMMA", 80: "BMMA", 90: "BMMA"}),
    Rule("binary_conv2d_tensor_s8_", {80: "IMMA", 90: "IMMA", 100: "IMMA", 120: "IMMA"}),
    Rule("binary_conv2d_popcount_", {a: "POPC" for a in (75, 80, 90, 100, 120)}),
    Rule("binary_conv2d_"),
    Rule("binary_depthwise_conv2d_"),
    Rule("conv2d_backward_input_tensor_", {80: "HMMA", 90: "HMMA", 100: "HMMA", 120: "HMMA"}),
    Rule("conv2d_backward_weight_tensor_", {80: "HMMA", 90: "HMMA", 100: "HMMA", 120: "HMMA"}),
    Rule("conv2d_", divides=True),
    Rule("depthwise_conv2d_", divides=True),
    Rule("batch_norm_", divides=True),
]


def rule_for(kernel):
    """The rule of a hot kernel; None for the others."""
    return next((rule for rule in HOT if kernel.family.startswith(rule.prefix)), None)


def violations(kernel):
    """What is wrong with a kernel, in words; hot kernels only."""
    rule = rule_for(kernel)
    if rule is None:
        return []
    where = f"{kernel.name} on sm_{kernel.architecture}"
    wrong = []
    if kernel.frame or kernel.opcodes["LDL"] or kernel.opcodes["STL"]:
        wrong.append(f"{where}: {kernel.frame} bytes of local memory (spilled registers, or an array with run-time "
                     "indices); lower the tile or unroll the loop")
    # Not CALL alone: ptxas also joins diverged warps by calling the next instruction.
    calls = [s for s in kernel.subroutines
             if not DIVERGED.match(s) and not (rule.divides and s.startswith(ARITHMETIC))]
    if calls:
        wrong.append(f"{where}: calls {', '.join(calls)}; use an instruction that this architecture has")
    wanted = rule.tensor.get(kernel.architecture)
    if wanted and not kernel.opcodes[wanted]:
        wrong.append(f"{where}: no {wanted}, which the plan wants there")
    return wrong
