// The machine behind cuda_runtime.h: runs the blocks of a launch, the threads of a block as fibers.
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/cuda_on_cpu/cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuda_on_cpu {
namespace {

constexpr unsigned kWarpThreads = 32, kMostThreads = 1024;
constexpr size_t kStackBytes = 64 << 10;

enum class State { kRuns, kAtWarp, kAtBlock, kEnded };

// Where a fiber, or the scheduler, stands.
struct Place {
  ucontext_t context{};
  jmp_buf jump{};
  bool begun = false;
};

struct Fiber {
  Place place;
  std::unique_ptr<char[]> stack;
  State state = State::kEnded;
  bool odd = false;  // which half of `words` its next exchange uses
  void* sanitizer_stack = nullptr;
};

struct Machine {
  std::vector<std::unique_ptr<Fiber>> fibers;  // kept from launch to launch, each in its own loop
  unsigned threads = 0, current = 0;
  const std::function<void()>* thread = nullptr;
  std::array<std::array<uint32_t, kMostThreads>, 2> words{};
  Order order;
  std::mt19937_64 random;
  Place scheduler;
  const void* scheduler_stack = nullptr;
  size_t scheduler_stack_bytes = 0;
  void* sanitizer_stack = nullptr;
};

Machine& machine() {
  static Machine machine;
  return machine;
}

// AddressSanitizer must know whose stack is in use.
void before_switch([[maybe_unused]] void** own, [[maybe_unused]] const void* stack,
                   [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(own, stack, bytes);
#endif
}
void after_switch([[maybe_unused]] void* own, [[maybe_unused]] const void** from,
                  [[maybe_unused]] size_t* bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(own, from, bytes);
#endif
}

// swapcontext asks the kernel for the signal mask each time, which is half of a test's time; a jump
// does not. Jumps between stacks are beyond AddressSanitizer.
void switch_to(Place& to, Place& from) {
#if defined(__SANITIZE_ADDRESS__)
  swapcontext(&from.context, &to.context);
#else
  from.begun = true;
  if (_setjmp(from.jump) != 0) return;
  if (to.begun) _longjmp(to.jump, 1);
  setcontext(&to.context);
#endif
}

void back_to_scheduler(State state) {
  Machine& m = machine();
  Fiber& fiber = *m.fibers[m.current];
  fiber.state = state;
  before_switch(&fiber.sanitizer_stack, m.scheduler_stack, m.scheduler_stack_bytes);
  switch_to(m.scheduler, fiber.place);
  after_switch(fiber.sanitizer_stack, &m.scheduler_stack, &m.scheduler_stack_bytes);
}

void fiber_main() {
  Machine& m = machine();
  after_switch(nullptr, &m.scheduler_stack, &m.scheduler_stack_bytes);
  for (;;) {
    (*m.thread)();
    back_to_scheduler(State::kEnded);
  }
}

void make_fibers(unsigned count) {
  auto& fibers = machine().fibers;
  while (fibers.size() < count) {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack = std::make_unique<char[]>(kStackBytes);
    ucontext_t& start = fiber->place.context;
    getcontext(&start);
    start.uc_stack.ss_sp = fiber->stack.get();
    start.uc_stack.ss_size = kStackBytes;
    makecontext(&start, fiber_main, 0);
    fibers.push_back(std::move(fiber));
  }
}

void resume(unsigned index) {
  Machine& m = machine();
  m.current = index;
  threadIdx = {index % blockDim.x, index / blockDim.x % blockDim.y,
               index / (blockDim.x * blockDim.y)};
  Fiber& fiber = *m.fibers[index];
  before_switch(&m.sanitizer_stack, fiber.stack.get(), kStackBytes);
  switch_to(fiber.place, m.scheduler);
  after_switch(m.sanitizer_stack, nullptr, nullptr);
}

[[noreturn]] void fail(const char* what) {
  const Machine& m = machine();
  std::fprintf(stderr, "cuda_on_cpu: %s; block (%u, %u, %u):", what, blockIdx.x, blockIdx.y,
               blockIdx.z);
  // Where neighbours stand alike, only the first of them.
  for (unsigned i = 0; i < m.threads; ++i) {
    if (i > 0 && m.fibers[i]->state == m.fibers[i - 1]->state) continue;
    const State state = m.fibers[i]->state;
    const char* place = state == State::kEnded     ? "has ended"
                        : state == State::kAtBlock ? "at __syncthreads"
                        : state == State::kAtWarp  ? "at a warp operation"
                                                   : "runs";
    std::fprintf(stderr, " thread %u %s;", i, place);
  }
  std::fprintf(stderr, "\n");
  std::abort();
}

std::vector<unsigned> in_order(unsigned first, unsigned end) {
  Machine& m = machine();
  std::vector<unsigned> all(end - first);
  std::iota(all.begin(), all.end(), first);
  if (m.order.kind == Order::kDown) std::reverse(all.begin(), all.end());
  if (m.order.kind == Order::kRandom) std::shuffle(all.begin(), all.end(), m.random);
  return all;
}

bool all_are(State state, unsigned first, unsigned end) {
  const auto& fibers = machine().fibers;
  return std::all_of(fibers.begin() + first, fibers.begin() + end,
                     [&](const auto& fiber) { return fiber->state == state; });
}

void release(unsigned first, unsigned end) {
  for (unsigned i = first; i < end; ++i) machine().fibers[i]->state = State::kRuns;
}

// As far as the warp can go without the others.
void run_warp(unsigned first) {
  const unsigned end = std::min(first + kWarpThreads, machine().threads);
  for (;;) {
    for (unsigned i : in_order(first, end)) {
      if (machine().fibers[i]->state == State::kRuns) resume(i);
    }
    if (!all_are(State::kAtWarp, first, end)) return;
    release(first, end);
  }
}

void run_block() {
  const unsigned threads = machine().threads;
  release(0, threads);
  for (;;) {
    for (unsigned warp : in_order(0, (threads + kWarpThreads - 1) / kWarpThreads))
      run_warp(warp * kWarpThreads);
    if (all_are(State::kEnded, 0, threads)) return;
    // CUDA leaves undefined what happens when some threads have ended or taken another branch.
    if (!all_are(State::kAtBlock, 0, threads)) fail("threads wait for others that will not come");
    release(0, threads);
  }
}

// NaN in all that the launch asked for; nothing beyond it may be touched.
void prepare_shared_memory(size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(shared_memory(), kSharedBytes);
  ASAN_UNPOISON_MEMORY_REGION(shared_memory(), bytes);
#endif
  std::memset(shared_memory(), 0xFF, bytes);
}

}  // namespace

void run_in(Order order) {
  machine().order = order;
  machine().random.seed(order.seed);
}

void wait_for_block() { back_to_scheduler(State::kAtBlock); }

unsigned lane() { return machine().current % kWarpThreads; }

uint32_t exchange(uint32_t word, unsigned from) {
  Machine& m = machine();
  const unsigned self = m.current, other = self - self % kWarpThreads + from;
  if (from >= kWarpThreads || other >= m.threads) fail("a shuffle names a lane that is not there");
  // Two halves in turn: a lane that runs ahead into its next exchange overwrites nothing that
  // another has yet to read, and the one after that waits for all.
  auto& words = m.words[m.fibers[self]->odd];
  m.fibers[self]->odd = !m.fibers[self]->odd;
  words[self] = word;
  back_to_scheduler(State::kAtWarp);
  return words[other];
}

cudaError_t launch(const cudaLaunchConfig_t& config, size_t shared_allowed,
                   const std::function<void()>& thread) {
  const dim3 grid = config.gridDim, block = config.blockDim;
  const size_t threads = size_t{block.x} * block.y * block.z;
  // What a GPU refuses.
  if (threads == 0 || threads > kMostThreads || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535)
    return cudaErrorInvalidConfiguration;
  if (config.dynamicSmemBytes > shared_allowed) return cudaErrorInvalidValue;
  Machine& m = machine();
  m.threads = static_cast<unsigned>(threads);
  m.thread = &thread;
  gridDim = grid, blockDim = block;
  make_fibers(m.threads);
  for (unsigned index : in_order(0, grid.x * grid.y * grid.z)) {
    blockIdx = {index % grid.x, index / grid.x % grid.y, index / (grid.x * grid.y)};
    prepare_shared_memory(config.dynamicSmemBytes);
    run_block();
  }
  return cudaSuccess;
}

}  // namespace cuda_on_cpu
