#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An independent training step of a flat binarized child, in NumPy and float64 arithmetic on +-1 values.

Reads the dump of tests/reference/step_dump.cpp (a safetensors file) and recomputes, from the same initial weights and
batch: every convolution output, the loss, all gradients and the updated weights (AMSGrad, latent clip). Shares no
code and no trick with the library: convolutions are float sums over taps, there are no bits.

    numpy_child.py DUMP KERNEL KERNEL ...      one kernel size per operation of each cell, as 3 3 for '3x3 bconv' twice
"""
import json
import struct
import sys

import numpy as np

BN_EPS = 1e-6
LR, BETA1, BETA2, ADAM_EPS = 1e-3, 0.9, 0.999, 1e-7
TYPES = {"F32": np.float32, "I32": np.int32}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(body[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def sign(x):
    return np.where(x >= 0, 1.0, -1.0)


def ste(x):
    return (np.abs(x) <= 1).astype(np.float64)


def same_pad(length, kernel, stride):
    out = -(-length // stride)
    total = max((out - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2, out


class Conv:
    """Stride-2 SAME convolution with binary weights w (O,K,K,C)."""

    def forward(self, x, latent):
        k, s = latent.shape[1], 2
        top, bottom, self.oh = same_pad(x.shape[1], k, s)
        left, right, self.ow = same_pad(x.shape[2], k, s)
        self.pad, self.k, self.s, self.latent, self.shape = (top, left), k, s, latent, x.shape
        padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        columns = np.stack([padded[:, i:i + s * self.oh:s, j:j + s * self.ow:s] for i in range(k) for j in range(k)], 3)
        self.columns = columns.reshape(len(x) * self.oh * self.ow, -1)
        self.padded_shape = padded.shape
        return (self.columns @ sign(latent).reshape(len(latent), -1).T).reshape(len(x), self.oh, self.ow, -1)

    def backward(self, dy):
        n_out, k, s = len(self.latent), self.k, self.s
        rows = dy.reshape(-1, n_out)
        dw = (rows.T @ self.columns).reshape(self.latent.shape) * ste(self.latent)
        dcolumns = (rows @ sign(self.latent).reshape(n_out, -1)).reshape(*dy.shape[:3], k * k, -1)
        dx = np.zeros(self.padded_shape)
        for i in range(k):
            for j in range(k):
                dx[:, i:i + s * self.oh:s, j:j + s * self.ow:s] += dcolumns[:, :, :, i * k + j]
        top, left = self.pad
        return dx[:, top:top + self.shape[1], left:left + self.shape[2]], dw


class BatchNorm:
    """Training mode, over all axes but the last."""

    def forward(self, x, gamma, beta):
        self.axes = tuple(range(x.ndim - 1))
        self.rstd = 1 / np.sqrt(x.var(self.axes) + BN_EPS)
        self.xhat, self.gamma = (x - x.mean(self.axes)) * self.rstd, gamma
        return gamma * self.xhat + beta

    def backward(self, dy):
        dgamma, dbeta = (dy * self.xhat).sum(self.axes), dy.sum(self.axes)
        count = dy.size / dy.shape[-1]
        dx = self.gamma * self.rstd * (dy - dbeta / count - self.xhat * dgamma / count)
        return dx, dgamma, dbeta


def step(params, images, labels, kernels):
    """Outputs by node name, loss, gradients by parameter name."""
    outputs, grads, tape = {}, {}, []
    x = images
    for cell in range(3):
        parts, layers = [], []
        for i in range(len(kernels)):
            name = f"cell{cell}.block{i // 2}.{'ab'[i % 2]}"
            conv, norm = Conv(), BatchNorm()
            dot = conv.forward(x, params[f"{name}.0.conv.weight"])
            outputs[f"{name}.0.conv"] = dot
            y = norm.forward(dot, params[f"{name}.1.batch_norm.gamma"], params[f"{name}.1.batch_norm.beta"])
            parts.append(sign(y))
            layers.append((name, conv, norm, ste(y)))
        tape.append(layers)
        x = np.concatenate(parts, -1)
    flat_shape = x.shape
    h0 = x.reshape(len(x), -1)
    w0, w1 = params["dense0.weight"], params["dense1.weight"]
    outputs["dense0"] = h0 @ sign(w0).T
    norm0, norm1 = BatchNorm(), BatchNorm()
    y0 = norm0.forward(outputs["dense0"], params["dense0.batch_norm.gamma"], params["dense0.batch_norm.beta"])
    h1 = sign(y0)
    outputs["dense1"] = h1 @ sign(w1).T
    logits = norm1.forward(outputs["dense1"], params["dense1.batch_norm.gamma"], params["dense1.batch_norm.beta"])

    target = np.where(np.arange(10)[None] == labels[:, None], 1.0, -1.0)
    margin = np.maximum(0, 1 - target * logits)
    loss = np.mean(margin**2)
    dlogits = -2 * target * margin / margin.size

    d, grads["dense1.batch_norm.gamma"], grads["dense1.batch_norm.beta"] = norm1.backward(dlogits)
    grads["dense1.weight"] = d.T @ h1 * ste(w1)
    d = d @ sign(w1) * ste(y0)
    d, grads["dense0.batch_norm.gamma"], grads["dense0.batch_norm.beta"] = norm0.backward(d)
    grads["dense0.weight"] = d.T @ h0 * ste(w0)
    d = (d @ sign(w0)).reshape(flat_shape)
    for layers in reversed(tape):
        dx, begin = 0.0, 0
        for name, conv, norm, gate in layers:
            width = conv.latent.shape[0]
            dpart = d[..., begin:begin + width] * gate
            begin += width
            dpart, grads[f"{name}.1.batch_norm.gamma"], grads[f"{name}.1.batch_norm.beta"] = norm.backward(dpart)
            dinput, grads[f"{name}.0.conv.weight"] = conv.backward(dpart)
            dx = dx + dinput
        d = dx
    return outputs, loss, grads


def amsgrad(weight, grad, slots, t, latent):
    m, v, v_max = slots
    m[...] = BETA1 * m + (1 - BETA1) * grad
    v[...] = BETA2 * v + (1 - BETA2) * grad**2
    np.maximum(v_max, v, out=v_max)
    size = LR * np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    updated = weight - size * m / (np.sqrt(v_max) + ADAM_EPS)
    return np.clip(updated, -1, 1) if latent else updated


def compare(what, ours, theirs, tolerance, failures):
    """Largest difference relative to the largest magnitude."""
    worst = np.max(np.abs(ours - theirs)) / max(np.max(np.abs(theirs)), 1e-12)
    if not worst <= tolerance:
        failures.append(f"{what}: relative difference {worst:.3g} exceeds {tolerance:.0e}")
    return worst


def main():
    dump = {name: value.astype(np.float64) for name, value in read_safetensors(sys.argv[1]).items()}
    kernels = [int(k) for k in sys.argv[2:]]
    names = sorted(name[len("step0/before/"):] for name in dump if name.startswith("step0/before/"))
    slots = {name: [np.zeros(dump[f"step0/before/{name}"].shape) for _ in range(3)] for name in names}
    failures, steps = [], 0
    while f"step{steps}/loss" in dump:
        at = f"step{steps}/"
        params = {name: dump[f"{at}before/{name}"] for name in names}
        outputs, loss, grads = step(params, dump[at + "images"], dump[at + "labels"], kernels)
        compare(at + "loss", dump[at + "loss"], loss, 1e-5, failures)
        for name, value in outputs.items():
            ours = dump[f"{at}output/{name}"].reshape(value.shape)
            if name.startswith("cell0"):  # real pixels: float sums of at most 49 terms
                compare(at + name, ours, value, 1e-5, failures)
            elif not np.array_equal(ours, value):
                failures.append(f"{at}{name}: {np.count_nonzero(ours != value)} of {value.size} integers differ")
        for name in names:
            # float32 sums over up to 25,088 pixels against float64
            compare(f"{at}grad of {name}", dump[f"{at}grad/{name}"], grads[name], 2e-4, failures)
            # Adam divides by the gradient's own size: compare the update of the same gradient
            updated = amsgrad(params[name], dump[f"{at}grad/{name}"], slots[name], steps + 1, name.endswith("weight"))
            compare(f"{at}update of {name}", dump[f"{at}after/{name}"], updated, 1e-5, failures)
        steps += 1
    if steps < 2 or not names:
        failures.append("the dump holds fewer than two steps")
    for failure in failures:
        print("FAILED", failure)
    print(f"{steps} steps, {len(names)} parameters compared, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
