// What a CUDA compiler would provide, for g++: the kernels' own sources run on a processor, one thread after another.
//
// Only what the kernels use is here. They share nothing between threads but memory and atomic counts, so that the
// order of threads does not matter.
#pragma once

#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline

struct dim3 {
    unsigned x, y, z;
};
struct alignas(2) uchar2 {
    unsigned char x, y;
};
struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

static thread_local dim3 gridDim, blockDim, blockIdx, threadIdx;

inline uchar2 make_uchar2(unsigned char x, unsigned char y) { return {x, y}; }
inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

inline unsigned atomicAdd(unsigned* at, unsigned more) {
    unsigned before = *at;
    *at += more;
    return before;
}

namespace cuda_shim {

template <class... Parameters, std::size_t... Index>
void call(void (*kernel)(Parameters...), void** arguments, std::index_sequence<Index...>) {
    kernel(*static_cast<Parameters*>(arguments[Index])...);
}

template <class... Parameters>
void run(void (*kernel)(Parameters...), const unsigned grid[3], const unsigned block[3], void** arguments) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    dim3 &b = blockIdx, &t = threadIdx;
    for (b.z = 0; b.z < grid[2]; ++b.z)
        for (b.y = 0; b.y < grid[1]; ++b.y)
            for (b.x = 0; b.x < grid[0]; ++b.x)
                for (t.z = 0; t.z < block[2]; ++t.z)
                    for (t.y = 0; t.y < block[1]; ++t.y)
                        for (t.x = 0; t.x < block[0]; ++t.x)
                            call(kernel, arguments, std::index_sequence_for<Parameters...>{});
}

template <class... Parameters>
int sizes_of(void (*)(Parameters...), std::size_t* sizes) {
    std::size_t index = 0;
    ((sizes[index++] = sizeof(Parameters)), ...);
    return static_cast<int>(index);
}

}  // namespace cuda_shim

// Exports a kernel for a caller who knows its name only: arguments as cuLaunchKernel takes them.
#define CUDA_SHIM_KERNEL(name)                                                                              \
    extern "C" void shim_##name(const unsigned grid[3], const unsigned block[3], void** arguments) {        \
        cuda_shim::run(name, grid, block, arguments);                                                       \
    }                                                                                                       \
    extern "C" int shim_sizes_##name(std::size_t* sizes) { return cuda_shim::sizes_of(name, sizes); }
