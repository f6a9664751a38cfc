/* The library, its one device, contexts, errors, and the faults that tests order. */
#define _GNU_SOURCE
#include "standin.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

StandIn standin = {.plugged = 0, .memory_bytes = 1L << 30, .capability_major = 8, .capability_minor = 9,
                   .driver_version = 13000};

static pthread_mutex_t lock;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised;
static __thread int depth;
static __thread void *stack[64];
static char the_context;

static void make_lock(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &kind);
}

/* Takes the lock, which leave gives back. Letting go never fails; everything else does once the device is sick. */
int enter(const char *name, int needs_context) {
    pthread_once(&once, make_lock);
    pthread_mutex_lock(&lock);
    if (!strcmp(name, "cuDevicePrimaryCtxRelease") || !strcmp(name, "cuCtxPopCurrent")) return OK;
    if (standin.sick) return (int)standin.sick;
    if (++standin.calls == standin.fault_at) {
        if (standin.fault_stays) standin.sick = standin.fault_code;
        return (int)standin.fault_code;
    }
    if (!initialised && strcmp(name, "cuInit")) return NOT_INITIALIZED;
    return needs_context && (!depth || !stack[depth - 1]) ? INVALID_CONTEXT : OK;
}

int leave(int code) {
    pthread_mutex_unlock(&lock);
    return code;
}

int cuInit(unsigned flags) {
    (void)flags;
    BEGIN_FREE(cuInit);
    NEED(standin.plugged, NO_DEVICE);
    initialised = 1;
    END(OK);
}

int cuDriverGetVersion(int *version) { return *version = (int)standin.driver_version, OK; }

int cuDeviceGetCount(int *count) {
    BEGIN_FREE(cuDeviceGetCount);
    *count = 1;
    END(OK);
}

int cuDeviceGet(int *device, int number) {
    BEGIN_FREE(cuDeviceGet);
    NEED(standin.plugged, NO_DEVICE);
    NEED(number == 0, INVALID_DEVICE);
    *device = 0;
    END(OK);
}

int cuDeviceGetName(char *name, int size, int device) {
    (void)device;
    BEGIN_FREE(cuDeviceGetName);
    snprintf(name, (size_t)size, "Stand-in");
    END(OK);
}

int cuDeviceTotalMem_v2(size_t *size, int device) {
    (void)device;
    BEGIN_FREE(cuDeviceTotalMem);
    *size = (size_t)standin.memory_bytes;
    END(OK);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    BEGIN_FREE(cuDeviceGetAttribute);
    *value = attribute == 75 ? (int)standin.capability_major : attribute == 76 ? (int)standin.capability_minor : 1;
    END(OK);
}

int cuDeviceComputeCapability(int *major, int *minor, int device) {
    (void)device;
    BEGIN_FREE(cuDeviceComputeCapability);
    *major = (int)standin.capability_major;
    *minor = (int)standin.capability_minor;
    END(OK);
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    (void)device;
    BEGIN_FREE(cuDevicePrimaryCtxRetain);
    *context = &the_context;
    standin.retained++;
    END(OK);
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    (void)device;
    BEGIN_FREE(cuDevicePrimaryCtxRelease);
    NEED(standin.retained > 0, INVALID_CONTEXT);
    if (--standin.retained == 0) standin.sick = 0;
    END(OK);
}

int cuCtxPushCurrent_v2(void *context) {
    BEGIN_FREE(cuCtxPushCurrent);
    NEED(context == &the_context && standin.retained, INVALID_CONTEXT);
    NEED(depth < 64, INVALID_VALUE);
    stack[depth++] = context;
    END(OK);
}

int cuCtxPopCurrent_v2(void **context) {
    BEGIN_FREE(cuCtxPopCurrent);
    NEED(depth > 0, INVALID_CONTEXT);
    *context = stack[--depth];
    END(OK);
}

int cuCtxGetCurrent(void **context) { return *context = depth ? stack[depth - 1] : NULL, OK; }

int cuCtxSetCurrent(void *context) {
    BEGIN_FREE(cuCtxSetCurrent);
    if (!depth) depth = 1;
    stack[depth - 1] = context;
    END(OK);
}

int cuCtxGetDevice(int *device) {
    BEGIN(cuCtxGetDevice);
    *device = 0;
    END(OK);
}

static const char *text_of(int code) {
    static const struct { int code; const char *text; } texts[] = {
        {OK, "no error"}, {INVALID_VALUE, "invalid argument"}, {OUT_OF_MEMORY, "out of memory"},
        {NOT_INITIALIZED, "initialization error"}, {NO_DEVICE, "no CUDA-capable device is detected"},
        {INVALID_DEVICE, "invalid device ordinal"}, {INVALID_IMAGE, "device kernel image is invalid"},
        {INVALID_CONTEXT, "invalid device context"},
        {NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"},
        {INVALID_HANDLE, "invalid resource handle"}, {NOT_FOUND, "named symbol not found"},
        {NOT_READY, "device not ready"}, {ILLEGAL_ADDRESS, "an illegal memory access was encountered"},
        {LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"},
        {LAUNCH_TIMEOUT, "the launch timed out and was terminated"}, {LAUNCH_FAILED, "unspecified launch failure"},
        {NOT_SUPPORTED, "operation not supported"},
        {CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"},
        {CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"}, {UNKNOWN, "unknown error"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].code == code) return texts[i].text;
    return NULL;
}

int cuGetErrorString(int code, const char **text) { return (*text = text_of(code)) ? OK : INVALID_VALUE; }

int cuGetErrorName(int code, const char **text) { return cuGetErrorString(code, text); }

/* Functions have a plain name for those who ask and the newest version's name in the library. */
int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long long flags, int *status) {
    (void)version, (void)flags;
    static void *self;
    Dl_info here;
    if (!self && dladdr(&standin, &here)) self = dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    char versioned[128];
    snprintf(versioned, sizeof versioned, "%s_v2", name);
    *function = dlsym(self, versioned);
    if (!*function) *function = dlsym(self, name);
    if (status) *status = *function ? 0 : 1;
    return *function ? OK : NOT_FOUND;
}

int cuGetProcAddress(const char *name, void **function, int version, unsigned long long flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
