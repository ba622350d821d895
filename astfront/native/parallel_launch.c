/* Threads for TVM's parallel loops.
 *
 * TVM's runtime calls TVMBackendParallelLaunch for each parallel loop; the build that astfront uses has
 * one that runs them on the caller's thread. This library, loaded before the runtime with its symbols
 * global, takes that one's place.
 *
 * A loop is cut into more tasks than there are threads, and whoever is free takes the next: the caller
 * itself, too, so that it never waits for a thread to wake up, nor for one that the machine has no time
 * for. Threads that have nothing to do look for work for a moment, then sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  void *sync_handle;
  int32_t num_task;
} TVMParallelGroupEnv;

typedef int (*FTVMParallelLambda)(int task_id, TVMParallelGroupEnv *env, void *data);

enum { TASKS_PER_THREAD = 4, MOST_THREADS = 256, NO_TASK = INT32_MAX };

/* How long a thread looks for work before it sleeps, in nanoseconds: the time between two loops of a
 * small model's calls. To wake a thread takes the caller some 10 microseconds, and the thread more. */
static const int64_t PATIENCE = 500000;

static struct {
  FTVMParallelLambda function;
  void *data;
  _Atomic int32_t tasks;
  /* The number of the launch in the upper half, the next task in the lower: a thread that comes late
   * can't take a task of another launch than the one that it looked at. */
  _Atomic uint64_t next;
  _Atomic int32_t unfinished;
  _Atomic int failed;
  /* Counts the launches: what sleeping threads wait for. */
  _Atomic uint32_t launches;
  _Atomic int sleeping;
} pool;

static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int wanted = 1;
static int started = 0;
static _Thread_local int is_worker = 0;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void take_tasks(uint32_t launch) {
  uint64_t next = atomic_load(&pool.next);
  while ((uint32_t)(next >> 32) == launch && (int32_t)(uint32_t)next < atomic_load(&pool.tasks)) {
    if (!atomic_compare_exchange_weak(&pool.next, &next, next + 1)) continue;
    /* The launch can't end before this task is done: what's in the pool is its own. */
    TVMParallelGroupEnv env = {NULL, atomic_load(&pool.tasks)};
    if (pool.function((int32_t)(uint32_t)next, &env, pool.data)) atomic_store(&pool.failed, 1);
    atomic_fetch_sub(&pool.unfinished, 1);
    next = atomic_load(&pool.next);
  }
}

static uint32_t wait_for_launch(uint32_t seen) {
  int64_t until = now() + PATIENCE;
  uint32_t launch;
  do {
    for (int i = 0; i < 64; i++) {
      if ((launch = atomic_load(&pool.launches)) != seen) return launch;
      relax();
    }
  } while (now() < until);
  atomic_fetch_add(&pool.sleeping, 1);
  while ((launch = atomic_load(&pool.launches)) == seen)
    syscall(SYS_futex, &pool.launches, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
  atomic_fetch_sub(&pool.sleeping, 1);
  return launch;
}

static void *work(void *first) {
  uint32_t seen = (uint32_t)(uintptr_t)first;
  is_worker = 1;
  for (;;) {
    seen = wait_for_launch(seen);
    take_tasks(seen);
  }
  return NULL;
}

static void start(void) {
  pthread_attr_t attributes;
  uintptr_t seen = atomic_load(&pool.launches);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (; started < wanted - 1; started++) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, work, (void *)seen)) {
      wanted = started + 1;
      break;
    }
  }
  pthread_attr_destroy(&attributes);
}

/* A child has none of its parent's threads. */
static void forked(void) {
  started = 0;
  atomic_store(&pool.sleeping, 0);
  pthread_mutex_init(&launching, NULL);
}

__attribute__((constructor)) static void loaded(void) { pthread_atfork(NULL, NULL, forked); }

/* How many threads take part, the caller's included. */
void astfront_set_threads(int threads) {
  pthread_mutex_lock(&launching);
  wanted = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
  pthread_mutex_unlock(&launching);
}

static int alone(FTVMParallelLambda function, void *data) {
  TVMParallelGroupEnv env = {NULL, 1};
  return function(0, &env, data);
}

int TVMBackendParallelLaunch(FTVMParallelLambda function, void *data, int num_task) {
  /* One launch at a time: a second thread of the caller's, or a loop within a loop, runs by itself. */
  if (is_worker || wanted == 1 || num_task == 1 || pthread_mutex_trylock(&launching))
    return alone(function, data);
  if (started < wanted - 1) start();
  int32_t tasks = num_task > 0 ? num_task : wanted * TASKS_PER_THREAD;
  uint32_t launch = atomic_load(&pool.launches) + 1;
  /* A thread that still looks at the last launch takes nothing of this one's. */
  atomic_store(&pool.next, (uint64_t)launch << 32 | NO_TASK);
  pool.function = function;
  pool.data = data;
  atomic_store(&pool.tasks, tasks);
  atomic_store(&pool.failed, 0);
  atomic_store(&pool.unfinished, tasks);
  atomic_store(&pool.next, (uint64_t)launch << 32);
  atomic_store(&pool.launches, launch);
  if (atomic_load(&pool.sleeping))
    syscall(SYS_futex, &pool.launches, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
  is_worker = 1;
  take_tasks(launch);
  is_worker = 0;
  for (int turns = 0; atomic_load(&pool.unfinished); turns++) {
    if (turns < 4096)
      relax();
    else
      sched_yield();
  }
  int failed = atomic_load(&pool.failed);
  pthread_mutex_unlock(&launching);
  return failed ? -1 : 0;
}

/* Tasks aren't all under way at once, so none can wait for the others; no kernel here asks for it. */
int TVMBackendParallelBarrier(int task_id, TVMParallelGroupEnv *env) {
  (void)task_id;
  return env->num_task == 1 ? 0 : -1;
}
