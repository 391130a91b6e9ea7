/* A step of the machine's wall clock for one process: CLOCK_REALTIME moves by the seconds in the file $STEP_FILE, which may be
   rewritten at any time. Monotonic clocks stay. Waits until an absolute wall time end when that time comes on the moved clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t zero, *offset = &zero;
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_condwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_semwait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_condwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    real_semwait = dlsym(RTLD_NEXT, "sem_timedwait");
    const char *path = getenv("STEP_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) offset = at;
    close(fd);
}

int clock_gettime(clockid_t which, struct timespec *at) {
    int said = real_gettime(which, at);
    if (said == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) at->tv_sec += *offset;
    return said;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict until) {
    /* A condition made for the monotonic clock has small times. */
    struct timespec moved = *until;
    if (moved.tv_sec > 1000000000) moved.tv_sec -= *offset;
    return real_condwait(c, m, &moved);
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict until) {
    struct timespec moved = *until;
    moved.tv_sec -= *offset;
    return real_semwait(s, &moved);
}
