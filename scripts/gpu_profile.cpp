// What a program's GPU time goes into, by kernel: a library that CUDA itself loads into any program
// (CUDA_INJECTION64_PATH) and that asks CUPTI for each kernel, copy and fill. bench_gpu.py builds
// it.
//
// Twice a second it writes to $GPU_PROFILE_FILE, whole, a line for each kind of work in all
// training steps that are over, which AdamW's kernels tell: microseconds <tab> launches <tab> name.
// The difference of two such files is what the steps between them took.
#include <cupti.h>
#include <cxxabi.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace {

// Small, for CUPTI gives a buffer back when it is full: some hundred records.
constexpr size_t kBufferBytes = 128 << 10;
constexpr std::chrono::milliseconds kBetweenFlushes(500);

struct Total {
  double microseconds = 0;
  long launches = 0;
};

std::mutex mutex;
std::map<std::string, Total> totals, totals_of_whole_steps;
bool step_ends = false;  // the last kernel was AdamW's

// Cut short, but template arguments stay: they tell kernels of a library apart.
std::string readable(const std::string& name) {
  int status = 0;
  char* plain = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string text = status == 0 ? plain : name;
  std::free(plain);
  return text.substr(0, 160);
}

void add(const std::string& name, uint64_t start, uint64_t end) {
  if (start == 0 || end < start) return;  // not over
  Total& total = totals[name];
  total.microseconds += 1e-3 * static_cast<double>(end - start);
  ++total.launches;
}

void add(const CUpti_Activity* record) {
  if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
    const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel10*>(record);
    const bool adamw = std::strstr(kernel->name, "adamw_kernel") != nullptr;
    if (step_ends && !adamw) totals_of_whole_steps = totals;
    step_ends = adamw;
    add(kernel->name, kernel->start, kernel->end);
  } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
    const auto* copy = reinterpret_cast<const CUpti_ActivityMemcpy6*>(record);
    add("copy of kind " + std::to_string(copy->copyKind), copy->start, copy->end);
  } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
    const auto* fill = reinterpret_cast<const CUpti_ActivityMemset4*>(record);
    add("fill", fill->start, fill->end);
  }
}

// Beside the file and then in its place: a reader never sees a half.
void write_totals() {
  const char* path = std::getenv("GPU_PROFILE_FILE");
  if (!path) return;
  const std::string staged = std::string(path) + ".new";
  std::FILE* file = std::fopen(staged.c_str(), "w");
  if (!file) return;
  for (const auto& [name, total] : totals_of_whole_steps)
    std::fprintf(file, "%.3f\t%ld\t%s\n", total.microseconds, total.launches,
                 readable(name).c_str());
  std::fclose(file);
  std::rename(staged.c_str(), path);
}

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* size, size_t* most_records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *size = *buffer ? kBufferBytes : 0;
  *most_records = 0;  // as many as there is room for
}

void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid_bytes) {
  const std::lock_guard lock(mutex);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid_bytes, &record) == CUPTI_SUCCESS) add(record);
  std::free(buffer);
  write_totals();
}

// What is done by now, from buffers that are not full.
[[noreturn]] void flush_for_ever() {
  for (;;) {
    std::this_thread::sleep_for(kBetweenFlushes);
    cuptiActivityFlushAll(0);
  }
}

}  // namespace

extern "C" int InitializeInjection() {
  cuptiActivityRegisterCallbacks(give_buffer, take_buffer);
  for (CUpti_ActivityKind kind : {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
                                  CUPTI_ACTIVITY_KIND_MEMSET})
    cuptiActivityEnable(kind);
  std::thread(flush_for_ever).detach();
  return 1;
}
