/* Work on streams: it waits there until somebody asks or waits for anything, and then all of it runs. */
#include "standin.h"
#include <stdlib.h>
#include <string.h>

static Stream *streams;
static Stream default_stream;
static long clock_us;

Stream *stream_of(void *handle) { return (size_t)handle <= 2 ? &default_stream : handle; }

static void **copied(const Kernel *kernel, void *const *arguments) {
    size_t bytes = kernel->count * (sizeof(void *) + 16);
    void **copy = calloc(1, bytes + 16);
    char *values = (char *)(copy + kernel->count);
    for (unsigned i = 0; i < kernel->count; i++, values += 16)
        copy[i] = memcpy(values, arguments[i], kernel->sizes[i]);
    return copy;
}

void append(Graph *graph, const Work *work) {
    Work *copy = malloc(sizeof *copy);
    *copy = *work;
    copy->next = NULL;
    if (copy->kind == LAUNCH) copy->arguments = copied(work->kernel, work->arguments);
    if (graph->last) graph->last->next = copy;
    else graph->first = copy;
    graph->last = copy;
}

static Work *take_first(Graph *graph) {
    Work *work = graph->first;
    if (work && !(graph->first = work->next)) graph->last = NULL;
    return work;
}

static void release(Work *work) {
    if (work->kind == LAUNCH) free(work->arguments);
    free(work);
}

void drop(Graph *graph) {
    while (graph->first) release(take_first(graph));
}

/* Queue work, or record it where the stream is capturing. */
int add(Stream *stream, Work work) {
    if (stream->capture == BROKEN_CAPTURE) return CAPTURE_INVALIDATED;
    if (work.kind == RECORD && stream->capture == NO_CAPTURE) {
        work.event->pending++;
        work.event->stream = stream;
    }
    append(stream->capture == CAPTURE ? stream->recorded : &stream->queue, &work);
    return OK;
}

static void run(Stream *stream);

static void run_one(const Work *work) {
    clock_us++;
    switch (work->kind) {
    case UPLOAD: standin.uploads++; standin.upload_bytes += (long)work->size; break;
    case DOWNLOAD: standin.downloads++; standin.download_bytes += (long)work->size; break;
    case COPY: standin.copies++; break;
    case CLEAR: standin.clears++; memset(work->to, work->value, work->size); return;
    case LAUNCH: standin.launches++; work->kernel->run(work->grid, work->block, work->arguments); return;
    case CALL: work->call(work->to); return;
    case REPLAY: standin.graph_launches++; return;
    case RECORD:
        if (work->event->pending) work->event->pending--;
        work->event->happened = 1;
        work->event->at = clock_us;
        return;
    case HOLD: while (work->event->pending) run(work->event->stream); return;
    }
    memmove(work->to, work->from, work->size);
}

static void run(Stream *stream) {
    for (Work *work; (work = take_first(&stream->queue)); release(work)) run_one(work);
}

void run_all(void) {
    if (standin.hang) {
        standin.blocked++;
        return;
    }
    for (Stream *stream = streams; stream; stream = stream->next) run(stream);
    run(&default_stream);
}

const void *this_thread(void) {
    static __thread char here;
    return &here;
}

/* What a thread may not do while it records spoils its recording, as with the real one's thread-local mode. */
int break_captures(void) {
    int broken = 0;
    for (Stream *stream = streams; stream; stream = stream->next)
        if (stream->capture != NO_CAPTURE && stream->thread == this_thread()) broken = 1, stream->capture = BROKEN_CAPTURE;
    return broken;
}

/* A new device: what waited or was being recorded is forgotten. */
void standin_forget(void) {
    for (Stream *stream = streams; stream; stream = stream->next) {
        drop(&stream->queue);
        if (stream->recorded) drop(stream->recorded);
        free(stream->recorded);
        stream->recorded = NULL;
        stream->capture = NO_CAPTURE;
    }
    drop(&default_stream.queue);
}

int cuStreamCreate(Stream **stream, unsigned flags) {
    (void)flags;
    BEGIN(cuStreamCreate);
    *stream = calloc(1, sizeof **stream);
    (*stream)->next = streams;
    streams = *stream;
    standin.streams++;
    END(OK);
}

int cuStreamDestroy_v2(Stream *gone) {
    BEGIN(cuStreamDestroy);
    if (!standin.hang) run(gone);
    for (Stream **place = &streams; *place; place = &(*place)->next) {
        if (*place != gone) continue;
        *place = gone->next;
        drop(&gone->queue);
        free(gone);
        standin.streams--;
        END(OK);
    }
    END(INVALID_HANDLE);
}

/* One answer "not ready", and by then it has all run: the next answer is "done". */
static int asked(int pending) {
    if (!pending) return OK;
    if (!standin.hang) run_all();
    return NOT_READY;
}

int cuStreamQuery(void *handle) {
    BEGIN(cuStreamQuery);
    Stream *stream = stream_of(handle);
    if (stream->capture != NO_CAPTURE) {
        stream->capture = BROKEN_CAPTURE;
        END(CAPTURE_UNSUPPORTED);
    }
    END(asked(stream->queue.first != NULL));
}

static int blocked(const char *name) {
    int code = enter(name, 1);
    if (code) return leave(code);
    if (break_captures()) return leave(CAPTURE_UNSUPPORTED);
    if (standin.hang) {
        standin.blocked++;
        return leave(LAUNCH_TIMEOUT);
    }
    run_all();
    return leave(OK);
}

int cuStreamSynchronize(void *stream) { return (void)stream, blocked("cuStreamSynchronize"); }

int cuEventSynchronize(void *event) { return (void)event, blocked("cuEventSynchronize"); }

int cuCtxSynchronize(void) { return blocked("cuCtxSynchronize"); }

int cuEventCreate(Event **event, unsigned flags) {
    (void)flags;
    BEGIN(cuEventCreate);
    *event = calloc(1, sizeof **event);
    standin.events++;
    END(OK);
}

int cuEventDestroy_v2(Event *event) {
    BEGIN(cuEventDestroy);
    run_all();
    if (!event->pending) free(event);
    standin.events--;
    END(OK);
}

int cuEventRecord(Event *event, void *stream) {
    BEGIN(cuEventRecord);
    END(add(stream_of(stream), (Work){.kind = RECORD, .event = event}));
}

int cuEventQuery(const Event *event) {
    BEGIN(cuEventQuery);
    END(asked(event->pending));
}

int cuStreamWaitEvent(void *stream, Event *event, unsigned flags) {
    (void)flags;
    BEGIN(cuStreamWaitEvent);
    END(add(stream_of(stream), (Work){.kind = HOLD, .event = event}));
}

int cuEventElapsedTime_v2(float *ms, const Event *start, const Event *end) {
    BEGIN(cuEventElapsedTime);
    NEED(!start->pending && !end->pending, NOT_READY);
    NEED(start->happened && end->happened, INVALID_HANDLE);
    *ms = (float)(end->at - start->at) * 1e-3f;
    END(OK);
}

int cuLaunchHostFunc(void *stream, void (*call)(void *), void *data) {
    BEGIN(cuLaunchHostFunc);
    END(add(stream_of(stream), (Work){.kind = CALL, .call = call, .to = data}));
}
