// Memory of many streams: maps of equal size, one in every slot, to the lines of a batch and back. The slots' numbers
// lie on the device, so that recorded work serves any choice of streams.
#include "picture.h"

// batch (B, pieces) = slots (.., pieces) [which (B)]; a piece is 16 bytes.
extern "C" __global__ void gather(const uint4* slots, const int* which, uint4* batch, int pieces) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, stream = blockIdx.y;
    if (i >= pieces) return;
    batch[static_cast<size_t>(stream) * pieces + i] = slots[static_cast<size_t>(which[stream]) * pieces + i];
}

// slots (.., pieces) [which (B)] = batch (B, pieces); no slot may be named twice.
extern "C" __global__ void scatter(const uint4* batch, const int* which, uint4* slots, int pieces) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, stream = blockIdx.y;
    if (i >= pieces) return;
    slots[static_cast<size_t>(which[stream]) * pieces + i] = batch[static_cast<size_t>(stream) * pieces + i];
}
