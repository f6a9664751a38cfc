"""The last layers of the network in float32: projection, box statistics and the guided filter's three 1x1 convolutions.

Runtimes in bfloat16 lose the alpha's last digits in the projection and all of the variance's in the box filter, and
spend a quarter of their time turning layouts for it. So the network may end at `hidden`, and this computes the rest,
row by row. The formulas are those of rimlight.model.guided; the parity tests compare the two.

Letters: h, w internal size; channels of target and guide are red, green, blue and alpha (whose guide is the mean of
RGB).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rimlight.kernels.parallel import compiled
from rimlight.types import FloatArray

RUN = 256  # columns that are worked on at once: their rows of features stay in cache, and a loop is entered less often
HIDDEN = 16
FEATURES = 8 + HIDDEN
SUMS = 16  # guide, target, guide*target, guide*guide: four channels each


class TailWeights(NamedTuple):
    """Weights of the last layers, normalisation folded in; (outputs, inputs) and (outputs,) float32."""

    project: FloatArray
    project_bias: FloatArray
    first: FloatArray
    first_bias: FloatArray
    second: FloatArray
    second_bias: FloatArray
    third: FloatArray
    third_bias: FloatArray


def scratch_for(strips: int, width: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Working memory: three rows of SUMS, hidden rows, and features of one run, for every strip."""
    rings = np.zeros((strips, 4, SUMS, width + 2), np.float32)
    hidden = np.zeros((strips, 3, HIDDEN, width), np.float32)
    runs = np.zeros((strips, FEATURES + 2 * HIDDEN + 4 + 8, RUN), np.float32)
    return rings, hidden, runs


@compiled
def unpack(bits, out):  # type: ignore[no-untyped-def]
    """bfloat16 bits (w, 16) to the bits of float32 rows (16, w)."""
    for x in range(bits.shape[0]):
        for c in range(HIDDEN):
            out[c, x] = np.uint32(bits[x, c]) << np.uint32(16)


@compiled
def dense(inputs, weight, bias, out, o0, first, last, rectify):  # type: ignore[no-untyped-def]
    """Rows out[o0...] = weight @ rows inputs[0...] + bias, eight inputs at a time; their number divides by eight.

    Columns first to last of out and the first ones of inputs.
    """
    columns = last - first
    for o in range(weight.shape[0]):
        target, w = out[o0 + o, first:last], weight[o]
        target[:] = bias[o]
        for i in range(0, weight.shape[1], 8):
            in0, in1, in2, in3 = inputs[i], inputs[i + 1], inputs[i + 2], inputs[i + 3]
            in4, in5, in6, in7 = inputs[i + 4], inputs[i + 5], inputs[i + 6], inputs[i + 7]
            w0, w1, w2, w3, w4, w5, w6, w7 = w[i], w[i + 1], w[i + 2], w[i + 3], w[i + 4], w[i + 5], w[i + 6], w[i + 7]
            for x in range(columns):
                near = w0 * in0[x] + w1 * in1[x] + w2 * in2[x] + w3 * in3[x]
                target[x] += near + (w4 * in4[x] + w5 * in5[x] + w6 * in6[x] + w7 * in7[x])
        if rectify:
            for x in range(columns):
                target[x] = max(target[x], np.float32(0))


@compiled
def statistics(image, y, hidden, weights, sums):  # type: ignore[no-untyped-def]
    """Guide, target and their products of row y into sums (SUMS, w+2), with replicated ends."""
    width = image.shape[2]
    dense(hidden, weights.project, weights.project_bias, sums, 4, 1, width + 1, False)
    third, zero, one = np.float32(1 / 3), np.float32(0), np.float32(1)
    red, green, blue = image[0, y], image[1, y], image[2, y]
    mean = sums[3, 1 : width + 1]
    for x in range(width):
        mean[x] = (red[x] + green[x] + blue[x]) * third
    for c in range(4):
        guide, target = sums[c, 1 : width + 1], sums[4 + c, 1 : width + 1]
        product, square = sums[8 + c, 1 : width + 1], sums[12 + c, 1 : width + 1]
        if c < 3:
            guide[:] = image[c, y]
            for x in range(width):
                target[x] += guide[x]
        for x in range(width):
            target[x] = min(max(target[x], zero), one)
            product[x] = guide[x] * target[x]
            square[x] = guide[x] * guide[x]
    for c in range(SUMS):
        sums[c, 0], sums[c, width + 1] = sums[c, 1], sums[c, width]


@compiled
def column_sums(above, here, below, out):  # type: ignore[no-untyped-def]
    """Sum of three rows of every statistic."""
    for c in range(SUMS):
        a, b, d, target = above[c], here[c], below[c], out[c]
        for x in range(target.shape[0]):
            target[x] = a[x] + b[x] + d[x]


@compiled
def box_run(sums, x0, x1, features, means):  # type: ignore[no-untyped-def]
    """Covariance and variance of columns x0 to x1 into features 0..3 and 4..7, means of guide and target into means."""
    ninth = np.float32(1 / 9)
    for c in range(4):
        guide, target = sums[c, x0 : x1 + 2], sums[4 + c, x0 : x1 + 2]
        product, square = sums[8 + c, x0 : x1 + 2], sums[12 + c, x0 : x1 + 2]
        covariance, variance, of_guide, of_target = features[c], features[4 + c], means[c], means[4 + c]
        for x in range(x1 - x0):
            mean_x = (guide[x] + guide[x + 1] + guide[x + 2]) * ninth
            mean_y = (target[x] + target[x + 1] + target[x + 2]) * ninth
            of_guide[x], of_target[x] = mean_x, mean_y
            covariance[x] = (product[x] + product[x + 1] + product[x + 2]) * ninth - mean_x * mean_y
            variance[x] = (square[x] + square[x + 1] + square[x + 2]) * ninth - mean_x * mean_x


@compiled
def finish_run(means, x0, x1, y, found, scale, offset):  # type: ignore[no-untyped-def]
    """scale = found, offset = mean target - scale * mean guide, for columns x0 to x1 of row y."""
    for c in range(4):
        mean_x, mean_y = means[c], means[4 + c]
        source, a, b = found[c], scale[c, y, x0:x1], offset[c, y, x0:x1]
        for x in range(x1 - x0):
            a[x] = source[x]
            b[x] = mean_y[x] - source[x] * mean_x[x]


@compiled
def row_into(y, image, bits, floats, hidden_bits, hidden, weights, sums):  # type: ignore[no-untyped-def]
    """Hidden features and statistics of row y, from bfloat16 bits (h, w, 16) or floats (16, h, w), one of them empty.

    hidden_bits is the same memory as hidden (16, w), seen as uint32.
    """
    if bits.shape[0]:
        unpack(bits[y], hidden_bits)
    else:
        for c in range(HIDDEN):
            hidden[c, :] = floats[c, y]
    statistics(image, y, hidden, weights, sums)


@compiled
def filter_run(sums, hidden, x0, x1, y, weights, run, scale, offset):  # type: ignore[no-untyped-def]
    """The three 1x1 convolutions for columns x0 to x1 of row y."""
    columns = x1 - x0
    one, two, three = run[FEATURES:], run[FEATURES + HIDDEN :], run[FEATURES + 2 * HIDDEN :]
    means = run[FEATURES + 2 * HIDDEN + 4 :]
    box_run(sums, x0, x1, run, means)
    for c in range(HIDDEN):
        run[8 + c, :columns] = hidden[c, x0:x1]
    dense(run, weights.first, weights.first_bias, one, 0, 0, columns, True)
    dense(one, weights.second, weights.second_bias, two, 0, 0, columns, True)
    dense(two, weights.third, weights.third_bias, three, 0, 0, columns, False)
    finish_run(means, x0, x1, y, three, scale, offset)


@compiled
def coefficients(  # type: ignore[no-untyped-def]
    strip, first, last, rings, hiddens, hiddens_bits, runs, image, bits, floats, weights, scale, offset
):
    """Rows first to last of scale and offset (4, h, w) from image (3, h, w) and hidden; see row_into."""
    height, width = scale.shape[1], scale.shape[2]
    ring, hidden, hidden_bits, run = rings[strip], hiddens[strip], hiddens_bits[strip], runs[strip]
    done = max(first - 1, 0)
    for y in range(first, last):
        while done <= min(y + 1, height - 1):
            row_into(done, image, bits, floats, hidden_bits[done % 3], hidden[done % 3], weights, ring[done % 3])
            done += 1
        above, below = ring[max(y - 1, 0) % 3], ring[min(y + 1, height - 1) % 3]
        column_sums(above, ring[y % 3], below, ring[3])
        for x0 in range(0, width, RUN):
            filter_run(ring[3], hidden[y % 3], x0, min(x0 + RUN, width), y, weights, run, scale, offset)
