// The full-resolution pass, as rimlight.kernels.full: coefficients to matte, foreground and composite, in one read and
// one write of the frame. One thread makes two lines of RUN pixels, so that chroma is its own and words are whole.
#include "picture.h"

#define VISIBLE (0.5f / 255.0f)  // alpha below half a grey level is backdrop

// What is to be painted: the frame and a sharp backdrop (or null), and maps at internal size.
struct Scene {
    const Header* frame;
    const Header* sharp;
    const float4* soft;   // (h, w), or null
    const float4* model;  // (h, w, 2): scale and offset of red, green, blue and alpha
    int decontaminate, height, width, h, w;
};

// What one line of the picture needs of one column of the maps.
struct Column {
    float4 scale, offset, soft;
};

// What a thread makes; beyond the picture's edge the last pixel and line stand again, as chroma wants them.
struct Block {
    float colour[2][RUN][3];  // 0..1
    float alpha[2][RUN];
    int y0, x0, lines, n;
    bool seen;  // something of the person is in it
};

__device__ __forceinline__ Column column_at(const Scene& scene, Sample line, int x) {
    int above = line.first * scene.w + x, below = above + scene.w;
    Column column = {};
    column.scale = between(scene.model[2 * above], scene.model[2 * below], line.weight);
    column.offset = between(scene.model[2 * above + 1], scene.model[2 * below + 1], line.weight);
    if (scene.soft) column.soft = between(scene.soft[above], scene.soft[below], line.weight);
    return column;
}

__device__ __forceinline__ Column between(const Column& a, const Column& b, float weight) {
    return {between(a.scale, b.scale, weight), between(a.offset, b.offset, weight), between(a.soft, b.soft, weight)};
}

// From alpha 7/8 to 1 the foreground fades into the frame's own colour, as in kernels.full.foreground.
__device__ __forceinline__ float foreground(float scale, float offset, float own, float alpha) {
    return between(unit(scale * own + offset), own, fmaxf(alpha * 8.0f - 7.0f, 0.0f));
}

// One pixel; back: the sharp backdrop's colour.
__device__ __forceinline__ float paint_pixel(
    const Scene& scene, const Column& at, const float (&own)[3], float grey, const float (&back)[3],
    float (&colour)[3]) {
    float alpha = unit(at.scale.w * grey + at.offset.w);
    const float scale[3] = {at.scale.x, at.scale.y, at.scale.z}, offset[3] = {at.offset.x, at.offset.y, at.offset.z};
    const float soft[3] = {at.soft.x, at.soft.y, at.soft.z};
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        colour[c] = scene.decontaminate ? foreground(scale[c], offset[c], own[c], alpha) : own[c];
        if (!scene.sharp && !scene.soft) continue;
        float behind = scene.soft ? soft[c] : back[c];
        colour[c] = alpha >= VISIBLE ? between(behind, colour[c], alpha) : behind;
    }
    return alpha;
}

__device__ __forceinline__ void paint_line(const Scene& scene, int y, int x0, int n, Block& block, int p) {
    Line own = read_line(scene.frame, y, x0, n, scene.height, scene.width), back = {};
    if (scene.sharp) back = read_line(scene.sharp, y, x0, n, scene.height, scene.width);
    Sample line = sample(y, scene.h, scene.height);
    Column left = {}, right = {};
    int held = -2;  // column of the maps that left is
#pragma unroll
    for (int i = 0; i < RUN; ++i) {
        Sample at = sample(min(x0 + i, scene.width - 1), scene.w, scene.width);
        if (at.first != held) {
            left = at.first == held + 1 ? right : column_at(scene, line, at.first);
            right = column_at(scene, line, at.first + 1);
            held = at.first;
        }
        Column here = between(left, right, at.weight);
        block.alpha[p][i] = paint_pixel(scene, here, own.colour[i], own.grey[i], back.colour[i], block.colour[p][i]);
        block.seen = block.seen || block.alpha[p][i] >= VISIBLE;
    }
}

__device__ __forceinline__ Byte to_byte(float value) { return static_cast<Byte>(static_cast<int>(value)); }

template <int CHANNELS>
__device__ __forceinline__ void store_interleaved(const Block& block, Byte* out, int width) {
#pragma unroll
    for (int p = 0; p < 2; ++p) {
        if (p >= block.lines) break;
        Byte bytes[CHANNELS * RUN];
#pragma unroll
        for (int i = 0; i < RUN; ++i) {
            for (int c = 0; c < 3; ++c) bytes[CHANNELS * i + c] = to_byte(block.colour[p][i][c] * 255.0f + 0.5f);
            if (CHANNELS == 4) bytes[CHANNELS * i + 3] = to_byte(block.alpha[p][i] * 255.0f + 0.5f);
        }
        Byte* to = out + CHANNELS * (static_cast<size_t>(block.y0 + p) * width + block.x0);
        write_run<CHANNELS>(bytes, block.n, aligned(width), to);
    }
}

// Places of a block in a picture of planes without gaps.
struct Planes {
    size_t luma, chroma, u, v;  // chroma: of the block, from the beginning of u and of v
};

__device__ __forceinline__ Planes planes_at(const Block& block, int height, int width) {
    size_t u = static_cast<size_t>(height) * width;
    return {static_cast<size_t>(block.y0) * width + block.x0,
            static_cast<size_t>(block.y0 / 2) * half_of(width) + block.x0 / 2, u,
            u + static_cast<size_t>(half_of(height)) * half_of(width)};
}

// Where nobody is seen, planes before planes stay as they are, instead of being turned to RGB and back.
__device__ __forceinline__ void copy_planes(const Block& block, const Byte* from, Byte* out, int height, int width) {
    Planes at = planes_at(block, height, width);
    for (int p = 0; p < block.lines; ++p)
        for (int i = 0; i < block.n; ++i) {
            size_t place = at.luma + static_cast<size_t>(p) * width + i;
            out[place] = from[place];
        }
    for (int i = 0; i < half_of(block.n); ++i) {
        out[at.u + at.chroma + i] = from[at.u + at.chroma + i];
        out[at.v + at.chroma + i] = from[at.v + at.chroma + i];
    }
}

// BT.709, limited range, from R'G'B' of 0..1 (kernels.color.from_rgb_matrix): weights of red, green and blue.
__device__ __forceinline__ Byte encoded(const float (&c)[3], float red, float green, float blue, float zero) {
    return to_byte(c[0] * red + c[1] * green + c[2] * blue + (zero + 0.5f));
}

__device__ __forceinline__ void store_planes(const Block& block, Byte* out, int height, int width) {
    Planes at = planes_at(block, height, width);
#pragma unroll
    for (int p = 0; p < 2; ++p) {
        if (p >= block.lines) break;
        Byte luma[RUN];
#pragma unroll
        for (int i = 0; i < RUN; ++i) luma[i] = encoded(block.colour[p][i], 46.5594f, 156.6288f, 15.8118f, 16.0f);
        write_run<1>(luma, block.n, aligned(width), out + at.luma + static_cast<size_t>(p) * width);
    }
#pragma unroll
    for (int i = 0; i < RUN; i += 2) {
        if (i >= block.n) break;
        float mean[3];
        for (int c = 0; c < 3; ++c)
            mean[c] = 0.25f * (block.colour[0][i][c] + block.colour[0][i + 1][c] + block.colour[1][i][c] +
                               block.colour[1][i + 1][c]);
        size_t place = at.chroma + i / 2;
        out[at.u + place] = encoded(mean, -25.6641518f, -86.3358482f, 112.0f, 128.0f);
        out[at.v + place] = encoded(mean, 112.0f, -101.7302515f, -10.2697485f, 128.0f);
    }
}

// The block of this thread, false where there is none; the first thread also writes the status behind the picture.
__device__ __forceinline__ bool paint(const Scene& scene, Word* mark, Word* status, Block& block) {
    block.x0 = RUN * (blockIdx.x * blockDim.x + threadIdx.x);
    block.y0 = 2 * (blockIdx.y * blockDim.y + threadIdx.y);
    if (block.x0 >= scene.width || block.y0 >= scene.height) return false;
    if (block.x0 == 0 && block.y0 == 0) {
        status[0] = mark[0];
        status[1] = mark[1];
        mark[1] = 0;  // so that a picture that is painted again has its own count
    }
    block.n = min(RUN, scene.width - block.x0);
    block.lines = min(2, scene.height - block.y0);
    block.seen = false;
#pragma unroll
    for (int p = 0; p < 2; ++p) paint_line(scene, min(block.y0 + p, scene.height - 1), block.x0, block.n, block, p);
    return true;
}

// What the three have in common: sharp or soft or both are null; status lies behind the picture out.
#define PARAMETERS                                                                                                    \
    const Header *frame, const Header *sharp, const float4 *soft, const float4 *model, Word *mark, int decontaminate, \
        int height, int width, int h, int w, Byte *out, Word *status
#define SCENE {frame, sharp, soft, model, decontaminate, height, width, h, w}

extern "C" __global__ void paint_rgb(PARAMETERS) {
    Scene scene = SCENE;
    Block block;
    if (paint(scene, mark, status, block)) store_interleaved<3>(block, out, width);
}

extern "C" __global__ void paint_rgba(PARAMETERS) {
    Scene scene = SCENE;
    Block block;
    if (paint(scene, mark, status, block)) store_interleaved<4>(block, out, width);
}

extern "C" __global__ void paint_i420(PARAMETERS) {
    Scene scene = SCENE;
    Block block;
    if (!paint(scene, mark, status, block)) return;
    if (!block.seen && sharp && sharp->form == PLANES)
        copy_planes(block, pixels_of(sharp), out, height, width);
    else
        store_planes(block, out, height, width);
}
