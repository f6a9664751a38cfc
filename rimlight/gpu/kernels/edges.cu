// The network's coefficients made ready for the full-resolution pass: feathered and shifted as compose.adjust_edges
// does, counted where they are no numbers, and laid out so that a pixel's eight are neighbours.
#include "taps.h"

// The matte at internal size, 0..1, before edges are adjusted: alpha (h, w) from images (3, h, w).
extern "C" __global__ void low_alpha(
    const float* images, const float* scale, const float* offset, float* alpha, int h, int w) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    int at = y * w + x, plane = h * w;
    float grey = (images[at] + images[plane + at] + images[2 * plane + at]) / 3.0f;
    alpha[at] = unit(scale[3 * plane + at] * grey + offset[3 * plane + at]);
}

// One direction of a Gaussian over (h, w), mirrored at the border without repeating it.
extern "C" __global__ void feather(
    const float* from, float* to, int h, int w, int down, float sigma, int radius) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    Axis axis = axis_of(y, x, h, w, down);
    float sum = 0.0f, total = 0.0f;
    for (int k = -radius; k <= radius; ++k) {
        float weight = gaussian(k, sigma);
        sum += weight * from[axis.base + mirrored(axis.position + k, axis.count, 1) * axis.step];
        total += weight;
    }
    to[y * w + x] = sum / total;
}

__device__ __forceinline__ Word not_finite(float4 v) {
    const float most = 3.402823466e38f;
    return !(fabsf(v.x) <= most) + !(fabsf(v.y) <= most) + !(fabsf(v.z) <= most) + !(fabsf(v.w) <= most);
}

// scale, offset (4, h, w) to model (h, w, 2) of four; alpha (h, w) replaces alpha's linear model unless it is null;
// mark[1] counts what is no number.
extern "C" __global__ void prepare(
    const float* scale, const float* offset, const float* alpha, float gain, float shift, float4* model, Word* mark,
    int h, int w) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    int at = y * w + x, plane = h * w;
    float4 a = make_float4(scale[at], scale[plane + at], scale[2 * plane + at], scale[3 * plane + at]);
    float4 b = make_float4(offset[at], offset[plane + at], offset[2 * plane + at], offset[3 * plane + at]);
    Word wrong = not_finite(a) + not_finite(b);
    if (wrong) atomicAdd(mark + 1, wrong);
    if (alpha) {
        a.w = 0.0f;
        b.w = alpha[at];
    }
    a.w *= gain;
    b.w = b.w * gain + shift;
    model[2 * at] = a;
    model[2 * at + 1] = b;
}
