// A frame at full size to the picture that the network sees, as rimlight.pixels.Shrinker: an area average where it
// shrinks, bilinear where it enlarges. One thread makes one pixel of the small picture.
#include "picture.h"

// The box of input that an output averages, in whole numbers of 1 / (2 * outputs) input pixels.
struct Box {
    int first, end;  // input pixels that it touches
    int low, high, unit_length;
    float one;  // 1 / (high - low)
};

__device__ __forceinline__ Box box_of(int x, int inputs, int outputs) {
    int unit_length = 2 * outputs, reach = max(inputs, outputs);
    int centre = (2 * x + 1) * inputs;
    int low = max(centre - reach, 0), high = min(centre + reach, unit_length * inputs);
    return {low / unit_length, (high - 1) / unit_length + 1, low, high, unit_length,
            1.0f / static_cast<float>(high - low)};
}

// How much of the box lies in an input pixel, of 1.
__device__ __forceinline__ float share(const Box& box, int pixel) {
    int low = max(pixel * box.unit_length, box.low), high = min((pixel + 1) * box.unit_length, box.high);
    return static_cast<float>(high - low) * box.one;
}

// Mean of each of CHANNELS interleaved channels over a box of a picture of that width.
template <int CHANNELS>
__device__ __forceinline__ void average(
    const Byte* pixels, int width, const Box& rows, const Box& columns, float (&mean)[CHANNELS]) {
    for (int c = 0; c < CHANNELS; ++c) mean[c] = 0.0f;
    for (int y = rows.first; y < rows.end; ++y) {
        const Byte* line = pixels + static_cast<size_t>(y) * width * CHANNELS;
        float sums[CHANNELS] = {};
        for (int x = columns.first; x < columns.end; ++x) {
            float weight = share(columns, x);
#pragma unroll
            for (int c = 0; c < CHANNELS; ++c) sums[c] += weight * static_cast<float>(line[x * CHANNELS + c]);
        }
        float weight = share(rows, y);
#pragma unroll
        for (int c = 0; c < CHANNELS; ++c) mean[c] += weight * sums[c];
    }
}

__device__ __forceinline__ float average_plane(const Byte* plane, int height, int width, int y, int x, int h, int w) {
    float mean[1];
    average<1>(plane, width, box_of(y, height, h), box_of(x, width, w), mean);
    return mean[0];
}

__device__ __forceinline__ void mixed(
    const Header* frame, int height, int width, int y, int x, int h, int w, float (&colour)[3]) {
    const float* matrix = frame->matrix;
    const Byte* luma = pixels_of(frame);
    int half_height = half_of(height), half_width = half_of(width);
    const Byte* u = luma + static_cast<size_t>(height) * width;
    const Byte* v = u + static_cast<size_t>(half_height) * half_width;
    float grey = (average_plane(luma, height, width, y, x, h, w) - matrix[0]) * matrix[1];
    float cu = average_plane(u, half_height, half_width, y, x, h, w) - 128.0f;
    float cv = average_plane(v, half_height, half_width, y, x, h, w) - 128.0f;
    colour[0] = unit((grey + matrix[2] * cv) * (1.0f / 255.0f));
    colour[1] = unit((grey + matrix[3] * cu + matrix[4] * cv) * (1.0f / 255.0f));
    colour[2] = unit((grey + matrix[5] * cu) * (1.0f / 255.0f));
}

// images (3, h, w) and own from the frame; scale and offset (4, h, w) become NaN, so that a network which writes
// nothing is noticed; mark gets the frame's number and a count of 0.
extern "C" __global__ void shrink(
    const Header* frame, int height, int width, int h, int w, float* images, float* own, Word* scale, Word* offset,
    Word* mark) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= w || y >= h) return;
    if (x == 0 && y == 0) {
        *own = frame->own;
        mark[0] = frame->number;
        mark[1] = 0;
    }
    float colour[3];
    if (frame->form == RGB) {
        average<3>(pixels_of(frame), width, box_of(y, height, h), box_of(x, width, w), colour);
        for (int c = 0; c < 3; ++c) colour[c] *= 1.0f / 255.0f;
    } else {
        mixed(frame, height, width, y, x, h, w, colour);
    }
    int at = y * w + x, plane = h * w;
    for (int c = 0; c < 3; ++c) images[c * plane + at] = colour[c];
    for (int c = 0; c < 4; ++c) scale[c * plane + at] = offset[c * plane + at] = 0xFFFFFFFFu;
}
