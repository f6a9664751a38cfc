/* A stand-in for NVIDIA's driver library: host memory plays the device, kernels are the same sources compiled for the
 * host. Work waits in its stream until somebody asks or waits, so that a forgotten wait gives wrong results here too. */
#pragma once
#include <stddef.h>

enum Code {
    OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
    INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY_FOR_GPU = 209, INVALID_HANDLE = 400, NOT_FOUND = 500,
    NOT_READY = 600, ILLEGAL_ADDRESS = 700, LAUNCH_OUT_OF_RESOURCES = 701, LAUNCH_TIMEOUT = 702, LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, UNKNOWN = 999
};

typedef unsigned long long Address;

/* What tests set and read; standin.py has the same fields in the same order. */
typedef struct {
    long plugged, memory_bytes, capability_major, capability_minor, driver_version;
    long fault_at, fault_code, fault_stays, sick, hang;
    long uploads, upload_bytes, downloads, download_bytes, copies, clears, launches, graph_launches;
    long calls, blocked, overruns;
    long retained;
    long buffers, host_blocks, streams, events, graphs, modules;
} StandIn;
extern StandIn standin;

enum { MOST_ARGUMENTS = 32 };

/* A kernel of the compiled sources, see cuda_shim.h. */
typedef struct {
    void (*run)(const unsigned *grid, const unsigned *block, void **arguments);
    unsigned count;
    size_t sizes[MOST_ARGUMENTS];
} Kernel;

typedef enum { UPLOAD, DOWNLOAD, COPY, CLEAR, LAUNCH, CALL, RECORD, HOLD, REPLAY } Kind;

typedef struct Work {
    struct Work *next;
    Kind kind;
    void *to;
    const void *from;
    size_t size;
    int value;
    const Kernel *kernel;
    unsigned grid[3], block[3];
    void **arguments;
    void (*call)(void *);
    struct Event *event;
} Work;

typedef struct Graph {
    Work *first, *last;
} Graph;

typedef enum { NO_CAPTURE, CAPTURE, BROKEN_CAPTURE } Capture;

typedef struct Stream {
    struct Stream *next;
    Graph queue;
    Graph *recorded;
    Capture capture;
    const void *thread;
} Stream;

typedef struct Event {
    Stream *stream;
    int pending, happened;
    long at;
} Event;

/* device.c */
int enter(const char *name, int needs_context);
int leave(int code);
/* memory.c */
int inside(Address address, size_t size);
int overruns(void);
/* work.c */
void run_all(void);
int add(Stream *stream, Work work);
void append(Graph *graph, const Work *work);
void drop(Graph *graph);
Stream *stream_of(void *handle);
int break_captures(void);
const void *this_thread(void);

#define BEGIN(NAME) do { int code_ = enter(#NAME, 1); if (code_) return leave(code_); } while (0)
#define BEGIN_FREE(NAME) do { int code_ = enter(#NAME, 0); if (code_) return leave(code_); } while (0)
#define END(CODE) return leave(CODE)
#define NEED(CONDITION, CODE) do { if (!(CONDITION)) END(CODE); } while (0)
