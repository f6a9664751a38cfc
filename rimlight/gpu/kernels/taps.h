// One direction of a Gaussian, with the weights and borders of OpenCV's.
#pragma once
#include "picture.h"

// The line of a (h, w) map that a blur runs along: its elements are base + position * step.
struct Axis {
    int base, position, count, step;
};

__device__ __forceinline__ Axis axis_of(int y, int x, int h, int w, int down) {
    return down ? Axis{x, y, h, w} : Axis{y * w, x, w, 1};
}

// A position outside of 0..count-1 mirrored into it, as often as needed; skip 1 does not repeat the border, 0 does.
__device__ __forceinline__ int mirrored(int position, int count, int skip) {
    while (position < 0 || position >= count)
        position = position < 0 ? -position - 1 + skip : 2 * count - 1 - position - skip;
    return position;
}

__device__ __forceinline__ float gaussian(int distance, float sigma) {
    float x = static_cast<float>(distance) / sigma;
    return expf(-0.5f * x * x);
}
