// Frames as they come to the device, and the arithmetic of pixels that several kernels share.
//
// The formulas are those of rimlight.kernels (color, full, shrink) and rimlight.compose; tests compare the two.
//
// Letters: H, W full size; h, w internal size; n pixels of a run, at most RUN.
#pragma once

typedef unsigned char Byte;
typedef unsigned int Word;

#define RUN 4  // neighbouring pixels that one thread works on: three words of RGB, one word of luma

enum Form { RGB = 0, PLANES = 1 };

// In front of every picture that comes up; rimlight.gpu.layout writes it.
struct Header {
    Word number;      // of the frame
    Word form;        // RGB (H, W, 3), or planes y, u, v without gaps
    float own;        // what the network's input of that name gets
    float matrix[6];  // kernels.color.to_rgb_matrix
    Word unused[7];
};

// A run of one line, 0..1, all RUN pixels filled; grey is the mean of red, green and blue, clamped as a whole.
struct Line {
    float colour[RUN][3];
    float grey[RUN];
};

// Where an output lies between two inputs (align_corners False): the second is the next one.
struct Sample {
    int first;
    float weight;  // of the second
};

__device__ __forceinline__ const Byte* pixels_of(const Header* picture) {
    return reinterpret_cast<const Byte*>(picture + 1);
}

__device__ __forceinline__ int half_of(int side) { return (side + 1) / 2; }

__device__ __forceinline__ float unit(float value) { return fminf(fmaxf(value, 0.0f), 1.0f); }

__device__ __forceinline__ float between(float a, float b, float weight) { return a + weight * (b - a); }

__device__ __forceinline__ float4 between(float4 a, float4 b, float weight) {
    return make_float4(
        between(a.x, b.x, weight), between(a.y, b.y, weight), between(a.z, b.z, weight), between(a.w, b.w, weight));
}

// In whole numbers of 1 / (2 * outputs), so that nothing is lost at any size up to 16384.
__device__ __forceinline__ Sample sample(int x, int inputs, int outputs) {
    int unit_length = 2 * outputs;
    int place = min(max((2 * x + 1) * inputs - outputs, 0), unit_length * (inputs - 1));
    int first = min(place / unit_length, inputs - 2);
    return {first, static_cast<float>(place - first * unit_length) / static_cast<float>(unit_length)};
}

// The n pixels of a run to registers, whole words where the line's length allows it; beyond the picture's edge the last
// pixel stands again.
template <int STEP>
__device__ __forceinline__ void read_run(const Byte* from, int n, bool aligned, Byte (&to)[STEP * RUN]) {
    if (aligned) {
        const uchar4* words = reinterpret_cast<const uchar4*>(from);
#pragma unroll
        for (int i = 0; i < STEP * RUN / 4; ++i) {
            uchar4 four = words[i];
            to[4 * i] = four.x, to[4 * i + 1] = four.y, to[4 * i + 2] = four.z, to[4 * i + 3] = four.w;
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < RUN; ++i)
        for (int c = 0; c < STEP; ++c) to[i * STEP + c] = from[min(i, n - 1) * STEP + c];
}

template <int STEP>
__device__ __forceinline__ void write_run(const Byte (&from)[STEP * RUN], int n, bool aligned, Byte* to) {
    if (aligned) {
        uchar4* words = reinterpret_cast<uchar4*>(to);
#pragma unroll
        for (int i = 0; i < STEP * RUN / 4; ++i)
            words[i] = make_uchar4(from[4 * i], from[4 * i + 1], from[4 * i + 2], from[4 * i + 3]);
        return;
    }
#pragma unroll
    for (int i = 0; i < STEP * RUN; ++i)
        if (i < STEP * n) to[i] = from[i];
}

// Whether every run of a line is whole, and begins at a whole word.
__device__ __forceinline__ bool aligned(int width) { return width % RUN == 0; }

__device__ __forceinline__ Line read_rgb(const Byte* pixels, int y, int x0, int n, int width) {
    Byte bytes[3 * RUN];
    read_run<3>(pixels + 3 * (static_cast<size_t>(y) * width + x0), n, aligned(width), bytes);
    Line line;
#pragma unroll
    for (int i = 0; i < RUN; ++i) {
        int total = bytes[3 * i] + bytes[3 * i + 1] + bytes[3 * i + 2];
        line.grey[i] = static_cast<float>(total) * (1.0f / 765.0f);
        for (int c = 0; c < 3; ++c) line.colour[i][c] = static_cast<float>(bytes[3 * i + c]) * (1.0f / 255.0f);
    }
    return line;
}

__device__ __forceinline__ Line read_planes(const Header* picture, int y, int x0, int n, int height, int width) {
    const float* matrix = picture->matrix;
    const Byte* luma = pixels_of(picture);
    const Byte* u = luma + static_cast<size_t>(height) * width;
    const Byte* v = u + static_cast<size_t>(half_of(height)) * half_of(width);
    size_t chroma_at = static_cast<size_t>(y / 2) * half_of(width) + x0 / 2;
    Byte bytes[RUN];
    read_run<1>(luma + static_cast<size_t>(y) * width + x0, n, aligned(width), bytes);
    float gain = matrix[1] * (1.0f / 255.0f), offset = matrix[0] * gain;
    Line line;
#pragma unroll
    for (int i = 0; i < RUN; ++i) {
        size_t at = chroma_at + min(i, n - 1) / 2;
        float cu = (static_cast<float>(u[at]) - 128.0f) * (1.0f / 255.0f);
        float cv = (static_cast<float>(v[at]) - 128.0f) * (1.0f / 255.0f);
        float more[3] = {matrix[2] * cv, matrix[3] * cu + matrix[4] * cv, matrix[5] * cu};
        float grey = static_cast<float>(bytes[i]) * gain - offset;
        line.grey[i] = unit(grey + (more[0] + more[1] + more[2]) * (1.0f / 3.0f));
        for (int c = 0; c < 3; ++c) line.colour[i][c] = unit(grey + more[c]);
    }
    return line;
}

__device__ __forceinline__ Line read_line(const Header* picture, int y, int x0, int n, int height, int width) {
    if (picture->form == RGB) return read_rgb(pixels_of(picture), y, x0, n, width);
    return read_planes(picture, y, x0, n, height, width);
}
