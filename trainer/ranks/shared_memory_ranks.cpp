#include "trainer/ranks/shared_memory_ranks.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>
#include <thread>

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using MeetingClock = std::chrono::steady_clock;

constexpr int64_t kBoxBytes = int64_t{1} << 20;  // of one rank's message; longer ones go in pieces
constexpr size_t kReasonBytes = 1024;
constexpr int kTurnsBeforeSleep = 200;
constexpr std::chrono::microseconds kSleep{50};
constexpr int kTurnsBetweenLooks = 100;

// The head of the shared memory. Behind it lie two boxes a rank, used in turn: while the slowest
// rank still reads one message, the fastest may write the next, and no further.
struct Board {
  std::array<std::atomic<int64_t>, kMostSharedMemoryRanks> meetings{};  // each rank has come to
  std::atomic<int32_t> failure{0};  // 0: none, 1: its reason is being written, 2: it stands there
  std::array<char, kReasonBytes> reason{};
};
// Between processes only what needs no lock works.
static_assert(std::atomic<int64_t>::is_always_lock_free &&
              std::atomic<int32_t>::is_always_lock_free);
constexpr size_t kBoardBytes = (sizeof(Board) + 4095) / 4096 * 4096;

[[noreturn]] void meeting_failed(const fs::path& file, const char* what) {
  throw std::runtime_error(fmt::format("{}: {}: {}", file.string(), what, std::strerror(errno)));
}

// A shared mapping of a file.
class SharedMemory {
 public:
  SharedMemory(const fs::path& file, int flags, size_t bytes) : bytes_(bytes) {
    const int descriptor = ::open(file.c_str(), flags | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0) meeting_failed(file, "ranks cannot meet here");
    const bool sized =
        (flags & O_CREAT) == 0 || ::ftruncate(descriptor, static_cast<off_t>(bytes)) == 0;
    void* mapped = sized ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
                         : MAP_FAILED;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (mapped == MAP_FAILED) meeting_failed(file, "mapping failed");
    data_ = static_cast<char*>(mapped);
  }
  ~SharedMemory() { ::munmap(data_, bytes_); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  char* data() const { return data_; }

 private:
  size_t bytes_;
  char* data_ = nullptr;
};

// values[0] becomes the sum, pair by pair, of `count` values.
template <typename T>
T pairwise_sum(T* values, int64_t count) {
  for (int64_t stride = 1; stride < count; stride *= 2) {
    for (int64_t i = 0; i + stride < count; i += 2 * stride) values[i] += values[i + stride];
  }
  return values[0];
}

class SharedMemoryRanks : public Communicator {
 public:
  SharedMemoryRanks(const fs::path& file, int64_t rank, int64_t ranks, double limit)
      : meeting_file_(file), rank_(rank), ranks_(ranks), limit_(limit) {
    if (ranks > kMostSharedMemoryRanks)
      throw std::runtime_error(fmt::format("{} ranks on one CPU: at most {} may share memory",
                                           ranks, kMostSharedMemoryRanks));
    rank == 0 ? open_meeting(file) : join_meeting(file);
    try {
      meet();
    } catch (const LostRank&) {
      if (rank == 0) fs::remove(file);
      throw;
    }
    if (rank == 0) fs::remove(file);  // all have it mapped
  }

  int64_t rank() const override { return rank_; }
  int64_t ranks() const override { return ranks_; }

  void reduce_scatter(const at::Tensor& whole) override {
    float* numbers = whole.data_ptr<float>();
    const int64_t part = whole.numel() / ranks_;
    const int64_t at_once = kBoxBytes / static_cast<int64_t>(sizeof(float)) / ranks_;
    for (int64_t from = 0; from < part; from += at_once) {
      const int64_t count = std::min(at_once, part - from);
      for (int64_t owner = 0; owner < ranks_; ++owner)
        put(numbers + owner * part + from, owner * count, count);
      meet();
      add_up(numbers + rank_ * part + from, rank_ * count, count);
    }
  }

  void all_gather(const at::Tensor& whole) override {
    char* bytes = static_cast<char*>(whole.mutable_data_ptr());
    const int64_t part = static_cast<int64_t>(whole.nbytes()) / ranks_;
    for (int64_t from = 0; from < part; from += kBoxBytes) {
      const int64_t count = std::min(kBoxBytes, part - from);
      put(bytes + rank_ * part + from, 0, count);
      meet();
      for (int64_t owner = 0; owner < ranks_; ++owner) {
        if (owner != rank_)
          std::memcpy(bytes + owner * part + from, box<char>(owner), static_cast<size_t>(count));
      }
    }
  }

  void all_reduce(const at::Tensor& numbers) override {
    numbers.scalar_type() == at::kDouble ? all_reduce_numbers(numbers.data_ptr<double>(), numbers)
                                         : all_reduce_numbers(numbers.data_ptr<float>(), numbers);
  }

  void finish() override {}

  void fail(const std::string& reason) noexcept override {
    int32_t none = 0;
    // The first failure is the cause; what follows from it says nothing new.
    if (!board_->failure.compare_exchange_strong(none, 1)) return;
    std::strncpy(board_->reason.data(), reason.c_str(), kReasonBytes - 1);
    board_->failure.store(2);
  }

 private:
  size_t bytes() const {
    return kBoardBytes + static_cast<size_t>(2 * ranks_) * static_cast<size_t>(kBoxBytes);
  }

  // Made beside its place and renamed, so that nobody maps a file that is not ready.
  void open_meeting(const fs::path& file) {
    const fs::path staged = file.string() + ".new";
    memory_ = std::make_unique<SharedMemory>(staged, O_CREAT | O_TRUNC, bytes());
    board_ = new (memory_->data()) Board;
    fs::rename(staged, file);
  }

  void join_meeting(const fs::path& file) {
    const MeetingClock::time_point start = MeetingClock::now();
    while (!fs::exists(file)) {
      if (is_late(start))
        throw LostRank(
            fmt::format("rank 0 has not opened {} within {:g} seconds", file.string(), limit_));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    memory_ = std::make_unique<SharedMemory>(file, 0, bytes());
    board_ = std::launder(reinterpret_cast<Board*>(memory_->data()));
  }

  bool is_late(MeetingClock::time_point start) const {
    return std::chrono::duration<double>(MeetingClock::now() - start).count() > limit_;
  }

  // Returns when every rank has come. What each wrote before is visible to all then.
  void meet() {
    const int64_t number = ++meeting_;
    board_->meetings[static_cast<size_t>(rank_)].store(number, std::memory_order_release);
    const MeetingClock::time_point start = MeetingClock::now();
    for (int64_t other = 0; other < ranks_; ++other) {
      const std::atomic<int64_t>& come = board_->meetings[static_cast<size_t>(other)];
      for (int turn = 0; come.load(std::memory_order_acquire) < number; ++turn) {
        if (board_->failure.load() == 2) throw LostRank(board_->reason.data());
        if (turn < kTurnsBeforeSleep) {
          std::this_thread::yield();
          continue;
        }
        std::this_thread::sleep_for(kSleep);
        // Looked for seldom: each look asks the file system.
        if (turn % kTurnsBetweenLooks != 0) continue;
        if (const std::string reason = reported_failure(meeting_file_); !reason.empty())
          fail(reason);
        if (is_late(start)) {
          fail(
              fmt::format("rank {} did not come to the others within {:g} seconds", other, limit_));
        }
      }
    }
  }

  template <typename T>
  T* box(int64_t rank) const {
    const int64_t index = 2 * rank + (meeting_ & 1);
    return reinterpret_cast<T*>(memory_->data() + kBoardBytes + index * kBoxBytes);
  }

  // Into the box of the meeting to come.
  template <typename T>
  void put(const T* from, int64_t place, int64_t count) const {
    const int64_t index = 2 * rank_ + ((meeting_ + 1) & 1);
    char* to = memory_->data() + kBoardBytes + index * kBoxBytes;
    std::memcpy(reinterpret_cast<T*>(to) + place, from, static_cast<size_t>(count) * sizeof(T));
  }

  template <typename T>
  void add_up(T* to, int64_t place, int64_t count) const {
    std::array<const T*, kMostSharedMemoryRanks> from{};
    for (int64_t i = 0; i < ranks_; ++i) from[static_cast<size_t>(i)] = box<T>(i) + place;
    std::array<T, kMostSharedMemoryRanks> values{};
    for (int64_t k = 0; k < count; ++k) {
      for (size_t i = 0; i < static_cast<size_t>(ranks_); ++i) values[i] = from[i][k];
      to[k] = pairwise_sum(values.data(), ranks_);
    }
  }

  template <typename T>
  void all_reduce_numbers(T* numbers, const at::Tensor& tensor) {
    const int64_t at_once = kBoxBytes / static_cast<int64_t>(sizeof(T));
    for (int64_t from = 0; from < tensor.numel(); from += at_once) {
      const int64_t count = std::min(at_once, tensor.numel() - from);
      put(numbers + from, 0, count);
      meet();
      add_up(numbers + from, 0, count);
    }
  }

  fs::path meeting_file_;
  int64_t rank_, ranks_;
  double limit_;
  int64_t meeting_ = 0;
  std::unique_ptr<SharedMemory> memory_;
  Board* board_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> shared_memory_ranks(const fs::path& meeting_file, int64_t rank,
                                                  int64_t ranks, double time_limit_seconds) {
  return std::make_unique<SharedMemoryRanks>(meeting_file, rank, ranks, time_limit_seconds);
}

}  // namespace crosslaw::trainer
