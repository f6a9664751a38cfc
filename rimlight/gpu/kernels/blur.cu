// The backdrop that is made from the scene: compose.blurred, step by step at internal size. Pixels near the person have
// no weight, so there is no halo; what is behind it is filled from far away.
//
// Letters: r, q height and width of the reduced maps, h or h/2 and w or w/2.
#include "taps.h"

#define REACH 4

// Half the width of each line of the 9x9 ellipse: round(sqrt(16 - dy^2)).
__device__ __forceinline__ int reach_at(int dy) {
    int distance = dy < 0 ? -dy : dy;
    return distance == 4 ? 0 : distance >= 2 ? 3 : 4;
}

// Largest alpha under the ellipse: hair and motion blur reach beyond the matte's edge.
__device__ __forceinline__ float dilated(const float* alpha, int y, int x, int h, int w) {
    float most = 0.0f;
    for (int dy = -REACH; dy <= REACH; ++dy) {
        int line = y + dy, reach = reach_at(dy);
        if (line < 0 || line >= h) continue;
        for (int at = max(x - reach, 0); at <= min(x + reach, w - 1); ++at) most = fmaxf(most, alpha[line * w + at]);
    }
    return most;
}

// Colours times their weight, and the weight: images (3, h, w), alpha (h, w) to reduced (r, q), the mean of factor^2.
extern "C" __global__ void weigh(
    const float* images, const float* alpha, float4* reduced, int h, int w, int factor) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    int r = h / factor, q = w / factor, plane = h * w;
    if (x >= q || y >= r) return;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (int dy = 0; dy < factor; ++dy)
        for (int dx = 0; dx < factor; ++dx) {
            int line = y * factor + dy, column = x * factor + dx, at = line * w + column;
            float weight = 1.0f - dilated(alpha, line, column, h, w);
            sum.x += weight * images[at];
            sum.y += weight * images[plane + at];
            sum.z += weight * images[2 * plane + at];
            sum.w += weight;
        }
    float share = 1.0f / static_cast<float>(factor * factor);
    reduced[y * q + x] = make_float4(sum.x * share, sum.y * share, sum.z * share, sum.w * share);
}

__device__ __forceinline__ void add(float4& sum, float weight, float4 value) {
    sum.x += weight * value.x;
    sum.y += weight * value.y;
    sum.z += weight * value.z;
    sum.w += weight * value.w;
}

// The Gaussian along one axis through (y, x), mirrored at the border with the border repeated.
__device__ __forceinline__ float4 smooth(const float4* from, Axis axis, float sigma, int radius) {
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float total = 0.0f;
    for (int k = -radius; k <= radius; ++k) {
        float weight = gaussian(k, sigma);
        add(sum, weight, from[axis.base + mirrored(axis.position + k, axis.count, 0) * axis.step]);
        total += weight;
    }
    return make_float4(sum.x / total, sum.y / total, sum.z / total, sum.w / total);
}

// Along lines, (r, q) to (r, q); and the sum of every line to sums (r).
extern "C" __global__ void smooth_lines(
    const float4* reduced, float4* smoothed, float4* sums, int r, int q, float sigma, int radius) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= q || y >= r) return;
    smoothed[y * q + x] = smooth(reduced, axis_of(y, x, r, q, 0), sigma, radius);
    if (x > 0) return;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (int column = 0; column < q; ++column) add(sum, 1.0f, reduced[y * q + column]);
    sums[y] = sum;
}

// Along columns, and the weights divided out: what is near where there is something, else the mean of all.
extern "C" __global__ void smooth_columns(
    const float4* smoothed, const float4* sums, float4* mixed, int r, int q, float sigma, int radius) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= q || y >= r) return;
    float4 near = smooth(smoothed, axis_of(y, x, r, q, 1), sigma, radius);
    float4 far = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (int line = 0; line < r; ++line) add(far, 1.0f / static_cast<float>(r * q), sums[line]);
    float share = 0.01f / (far.w + 1e-6f), weight = near.w + 0.01f;
    mixed[y * q + x] = make_float4(
        (near.x + share * (far.x + 1e-6f)) / weight, (near.y + share * (far.y + 1e-6f)) / weight,
        (near.z + share * (far.z + 1e-6f)) / weight, 1.0f);
}

// Back to internal size: mixed (r, q) to soft (h, w), 0..1.
extern "C" __global__ void stretch(const float4* mixed, float4* soft, int r, int q, int h, int w) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    Sample line = sample(y, r, h), column = sample(x, q, w);
    const float4* at = mixed + line.first * q + column.first;
    float4 value = between(
        between(at[0], at[1], column.weight), between(at[q], at[q + 1], column.weight), line.weight);
    soft[y * w + x] = make_float4(unit(value.x), unit(value.y), unit(value.z), 1.0f);
}

// A soft backdrop of the host's, planes (3, h, w), to soft (h, w).
extern "C" __global__ void interleave(const float* planes, float4* soft, int h, int w) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    int at = y * w + x, plane = h * w;
    soft[at] = make_float4(planes[at], planes[plane + at], planes[2 * plane + at], 1.0f);
}
