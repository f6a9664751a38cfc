// Kernels that the tests of the driver interface launch; not part of the package.

// Adds a to every byte.
extern "C" __global__ void probe_add(unsigned char* bytes, int count, int a) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) bytes[i] = static_cast<unsigned char>(bytes[i] + a);
}

// One parameter of every type that may be passed, summed.
extern "C" __global__ void probe_types(
    double* sum, bool flag, signed char s8, unsigned char u8, short s16, unsigned short u16, int s32, unsigned u32,
    long long s64, unsigned long long u64, float f32, double f64) {
    *sum = (flag ? 1 : 0) + s8 + u8 + s16 + u16 + s32 + u32 + static_cast<double>(s64) + static_cast<double>(u64) + f32 + f64;
}

// 1 where the pointer is null.
extern "C" __global__ void probe_null(unsigned char* answer, const float* pointer) { *answer = pointer ? 0 : 1; }

// Where each thread of a grid stands, as one number.
extern "C" __global__ void probe_places(unsigned* places) {
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned i = block * (blockDim.x * blockDim.y * blockDim.z) + thread;
    places[i] = i;
}
