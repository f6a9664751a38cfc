/* Memory of the device and page-locked memory of the host, with fences around each block that show overruns. */
#include "standin.h"
#include <stdlib.h>
#include <string.h>

enum { FENCE = 256, FENCED = 0x5A, FRESH = 0xA5 };

typedef struct Block {
    struct Block *next;
    size_t size;
    int device;
    unsigned char *memory;
} Block;

static Block *blocks;
static size_t taken;

static void *take(size_t size, int device) {
    Block *block = malloc(sizeof *block);
    unsigned char *fenced = block ? aligned_alloc(FENCE, 2 * FENCE + (size + FENCE - 1) / FENCE * FENCE) : NULL;
    if (!fenced) return free(block), NULL;
    memset(fenced, FENCED, FENCE);
    memset(fenced + FENCE, FRESH, size);
    memset(fenced + FENCE + size, FENCED, FENCE);
    *block = (Block){blocks, size, device, fenced + FENCE};
    blocks = block;
    return block->memory;
}

static int overrun(const Block *block) {
    for (size_t i = 0; i < FENCE; i++)
        if (block->memory[i - FENCE] != FENCED || block->memory[block->size + i] != FENCED) return 1;
    return 0;
}

static int give_back(void *memory, int device) {
    for (Block **place = &blocks; *place; place = &(*place)->next) {
        Block *block = *place;
        if (block->memory != memory || block->device != device) continue;
        *place = block->next;
        standin.overruns += overrun(block);
        if (device) taken -= block->size;
        free(block->memory - FENCE);
        free(block);
        return OK;
    }
    return INVALID_VALUE;
}

int overruns(void) {
    int count = (int)standin.overruns;
    for (const Block *block = blocks; block; block = block->next) count += overrun(block);
    return count;
}

int inside(Address address, size_t size) {
    for (const Block *block = blocks; block; block = block->next)
        if (block->device && address >= (Address)block->memory && address + size <= (Address)block->memory + block->size)
            return 1;
    return 0;
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
    BEGIN(cuMemGetInfo);
    *total_bytes = (size_t)standin.memory_bytes;
    *free_bytes = *total_bytes - taken;
    END(OK);
}

int cuMemAlloc_v2(Address *address, size_t size) {
    BEGIN(cuMemAlloc);
    NEED(!break_captures(), CAPTURE_UNSUPPORTED);
    NEED(size > 0, INVALID_VALUE);
    NEED(taken + size <= (size_t)standin.memory_bytes, OUT_OF_MEMORY);
    void *memory = take(size, 1);
    NEED(memory, OUT_OF_MEMORY);
    taken += size;
    standin.buffers++;
    *address = (Address)memory;
    END(OK);
}

int cuMemFree_v2(Address address) {
    BEGIN(cuMemFree);
    NEED(!break_captures(), CAPTURE_UNSUPPORTED);
    run_all();
    int code = give_back((void *)address, 1);
    if (!code) standin.buffers--;
    END(code);
}

int cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
    (void)flags;
    BEGIN(cuMemHostAlloc);
    NEED(!break_captures(), CAPTURE_UNSUPPORTED);
    *memory = take(size, 0);
    NEED(*memory, OUT_OF_MEMORY);
    standin.host_blocks++;
    END(OK);
}

int cuMemFreeHost(void *memory) {
    BEGIN(cuMemFreeHost);
    NEED(!break_captures(), CAPTURE_UNSUPPORTED);
    run_all();
    int code = give_back(memory, 0);
    if (!code) standin.host_blocks--;
    END(code);
}

int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t size, void *stream) {
    BEGIN(cuMemcpyHtoDAsync);
    NEED(inside(to, size), INVALID_VALUE);
    END(add(stream_of(stream), (Work){.kind = UPLOAD, .to = (void *)to, .from = from, .size = size}));
}

int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t size, void *stream) {
    BEGIN(cuMemcpyDtoHAsync);
    NEED(inside(from, size), INVALID_VALUE);
    END(add(stream_of(stream), (Work){.kind = DOWNLOAD, .to = to, .from = (void *)from, .size = size}));
}

int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t size, void *stream) {
    BEGIN(cuMemcpyDtoDAsync);
    NEED(inside(from, size) && inside(to, size), INVALID_VALUE);
    END(add(stream_of(stream), (Work){.kind = COPY, .to = (void *)to, .from = (void *)from, .size = size}));
}

int cuMemsetD8Async(Address to, unsigned char value, size_t size, void *stream) {
    BEGIN(cuMemsetD8Async);
    NEED(inside(to, size), INVALID_VALUE);
    END(add(stream_of(stream), (Work){.kind = CLEAR, .to = (void *)to, .value = value, .size = size}));
}
