/* Modules, launches, and graphs: recorded work that is queued again at every launch. */
#define _GNU_SOURCE
#include "standin.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char kernels_path[4096];

/* Where the sources that were compiled for the host lie; every module holds all of them. */
void standin_kernels_at(const char *path) { strncpy(kernels_path, path, sizeof kernels_path - 1); }

int standin_overruns(void) { return overruns(); }

static int is_image(const char *image) { return !strncmp(image, "\x7f" "ELF", 4) || strstr(image, ".version"); }

int cuModuleLoadData(void **module, const void *image) {
    BEGIN(cuModuleLoadData);
    NEED(!break_captures(), CAPTURE_UNSUPPORTED);
    NEED(is_image(image), INVALID_IMAGE);
    *module = dlopen(kernels_path, RTLD_NOW | RTLD_LOCAL);
    NEED(*module, NOT_FOUND);
    standin.modules++;
    END(OK);
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
    /* CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES and CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: both logs stay empty */
    for (unsigned i = 0; i < count; i++)
        if (options[i] == 4 || options[i] == 6) values[i] = NULL;
    return cuModuleLoadData(module, image);
}

int cuModuleUnload(void *module) {
    BEGIN(cuModuleUnload);
    run_all();
    dlclose(module);
    standin.modules--;
    END(OK);
}

/* The module keeps no list: a function that was asked for is kept to the end of the process. */
int cuModuleGetFunction(Kernel **function, void *module, const char *name) {
    BEGIN(cuModuleGetFunction);
    char run[256], sizes[256];
    snprintf(run, sizeof run, "shim_%s", name);
    snprintf(sizes, sizeof sizes, "shim_sizes_%s", name);
    int (*sizes_of)(size_t *) = (int (*)(size_t *))dlsym(module, sizes);
    NEED(sizes_of, NOT_FOUND);
    Kernel *kernel = calloc(1, sizeof *kernel);
    kernel->run = (void (*)(const unsigned *, const unsigned *, void **))dlsym(module, run);
    kernel->count = (unsigned)sizes_of(kernel->sizes);
    *function = kernel;
    END(OK);
}

int cuFuncSetBlockShape(void *function, int x, int y, int z) { return (void)function, (void)x, (void)y, (void)z, OK; }

/* Arguments come as pointers, or as one block laid out like the kernel's parameters: extra = 1, block, 2, size, 0. */
static int unpacked(const Kernel *kernel, void **extra, void **pointers) {
    char *block = extra[1];
    size_t offset = 0, size = *(size_t *)extra[3];
    for (unsigned i = 0; i < kernel->count; i++) {
        size_t own = kernel->sizes[i];
        offset = (offset + own - 1) / own * own;
        pointers[i] = block + offset;
        offset += own;
    }
    return offset == size;
}

int cuLaunchKernel(const Kernel *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **arguments,
                   void **extra) {
    (void)shared_bytes;
    BEGIN(cuLaunchKernel);
    unsigned long threads = (unsigned long)block_x * block_y * block_z;
    NEED(threads >= 1 && threads <= 1024 && block_z <= 64, INVALID_VALUE);
    NEED(grid_x >= 1 && grid_y >= 1 && grid_z >= 1 && grid_y <= 65535 && grid_z <= 65535, INVALID_VALUE);
    void *pointers[MOST_ARGUMENTS];
    if (extra) {
        NEED(unpacked(kernel, extra, pointers), INVALID_VALUE);
        arguments = pointers;
    }
    END(add(stream_of(stream), (Work){.kind = LAUNCH, .kernel = kernel, .arguments = arguments,
                                      .grid = {grid_x, grid_y, grid_z}, .block = {block_x, block_y, block_z}}));
}

int cuStreamBeginCapture_v2(Stream *stream, int mode) {
    (void)mode;
    BEGIN(cuStreamBeginCapture);
    NEED((size_t)stream > 2 && stream->capture == NO_CAPTURE, INVALID_VALUE);
    stream->recorded = calloc(1, sizeof *stream->recorded);
    stream->capture = CAPTURE;
    stream->thread = this_thread();
    END(OK);
}

int cuStreamIsCapturing(Stream *stream, int *status) {
    BEGIN(cuStreamIsCapturing);
    *status = stream->capture;
    END(OK);
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
    BEGIN(cuStreamEndCapture);
    NEED(stream->capture != NO_CAPTURE, INVALID_VALUE);
    int broken = stream->capture == BROKEN_CAPTURE;
    stream->capture = NO_CAPTURE;
    *graph = stream->recorded;
    stream->recorded = NULL;
    if (broken) {
        drop(*graph);
        free(*graph);
        *graph = NULL;
        END(CAPTURE_INVALIDATED);
    }
    standin.graphs++;
    END(OK);
}

static void append_all(Graph *to, const Graph *from) {
    for (const Work *work = from->first; work; work = work->next) append(to, work);
}

int cuGraphInstantiateWithFlags(Graph **exec, const Graph *graph, unsigned long long flags) {
    (void)flags;
    BEGIN(cuGraphInstantiate);
    *exec = calloc(1, sizeof **exec);
    append_all(*exec, graph);
    standin.graphs++;
    END(OK);
}

int cuGraphLaunch(const Graph *exec, void *handle) {
    BEGIN(cuGraphLaunch);
    Stream *stream = stream_of(handle);
    NEED(stream->capture == NO_CAPTURE, CAPTURE_UNSUPPORTED);
    append(&stream->queue, &(Work){.kind = REPLAY});
    append_all(&stream->queue, exec);
    END(OK);
}

static int destroy(const char *name, Graph *graph) {
    int code = enter(name, 1);
    if (code) return leave(code);
    drop(graph);
    free(graph);
    standin.graphs--;
    return leave(OK);
}

int cuGraphDestroy(Graph *graph) { return destroy("cuGraphDestroy", graph); }

int cuGraphExecDestroy(Graph *exec) { return destroy("cuGraphExecDestroy", exec); }
