#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <nccl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "db/files/atomic_file.h"
#include "db/files/read_file.h"
#include "trainer/ranks/nccl_ranks.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using WatchClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWatchEvery{200};

void check_cuda(cudaError_t status, const char* call) {
  if (status != cudaSuccess)
    throw std::runtime_error(fmt::format("[cuda] {}: {}", call, cudaGetErrorString(status)));
}
#define CROSSLAW_CUDA(call) check_cuda(call, #call)

double seconds_after(WatchClock::time_point start) {
  return std::chrono::duration<double>(WatchClock::now() - start).count();
}

class Stream {
 public:
  // Of the highest priority, so that a message need not wait for a free place among products.
  Stream() {
    int lowest = 0, highest = 0;
    CROSSLAW_CUDA(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    CROSSLAW_CUDA(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, highest));
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { CROSSLAW_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

  // `later` does nothing more before all that `earlier` has been given so far is done.
  void order(cudaStream_t earlier, cudaStream_t later) const {
    CROSSLAW_CUDA(cudaEventRecord(event_, earlier));
    CROSSLAW_CUDA(cudaStreamWaitEvent(later, event_, 0));
  }

 private:
  cudaEvent_t event_ = nullptr;
};

ncclDataType_t nccl_type(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return ncclFloat;
    case at::kDouble:
      return ncclDouble;
    case at::kBFloat16:
      return ncclBfloat16;
    default:
      throw std::runtime_error("NCCL was given numbers of an unknown type");
  }
}

class NcclRanks : public Communicator {
 public:
  NcclRanks(fs::path meeting, int64_t rank, int64_t ranks, double limit)
      : meeting_(std::move(meeting)), rank_(rank), ranks_(ranks), limit_(limit) {
    CROSSLAW_CUDA(cudaGetDevice(&device_));
    const ncclUniqueId id = exchange_id();
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    // Calls come back at once, so that a rank which never arrives costs the limit and no more.
    config.blocking = 0;
    settle(ncclCommInitRankConfig(&communicator_, static_cast<int>(ranks), id,
                                  static_cast<int>(rank), &config),
           "ncclCommInitRankConfig");
    if (rank == 0) fs::remove(meeting_);  // all have read it
    watch_ = std::thread([this] { watch(); });
  }

  ~NcclRanks() override {
    // The others may still be reading what this rank has sent. Watched as all before: when one of
    // them is gone, this ends, too.
    try {
      finish();
      CROSSLAW_CUDA(cudaStreamSynchronize(stream_.get()));
      settle(ncclCommFinalize(communicator_), "ncclCommFinalize");
    } catch (const std::exception&) {
      // Nothing is left to be saved.
    }
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    if (watch_.joinable()) watch_.join();
    if (communicator_ && !aborted_) ncclCommDestroy(communicator_);
  }

  int64_t rank() const override { return rank_; }
  int64_t ranks() const override { return ranks_; }

  void reduce_scatter(const at::Tensor& whole) override {
    const at::Tensor own = owned_part(whole, rank_, ranks_);
    begin();
    settle(ncclReduceScatter(whole.const_data_ptr(), own.mutable_data_ptr(),
                             static_cast<size_t>(own.numel()), nccl_type(whole), ncclSum,
                             communicator_, stream_.get()),
           "ncclReduceScatter");
  }

  void all_gather(const at::Tensor& whole) override {
    const at::Tensor own = owned_part(whole, rank_, ranks_);
    begin();
    settle(ncclAllGather(own.const_data_ptr(), whole.mutable_data_ptr(),
                         static_cast<size_t>(own.numel()), nccl_type(whole), communicator_,
                         stream_.get()),
           "ncclAllGather");
  }

  void all_reduce(const at::Tensor& numbers) override {
    begin();
    settle(ncclAllReduce(numbers.const_data_ptr(), numbers.mutable_data_ptr(),
                         static_cast<size_t>(numbers.numel()), nccl_type(numbers), ncclSum,
                         communicator_, stream_.get()),
           "ncclAllReduce");
  }

  void finish() override {
    require_others();
    finished_.order(stream_.get(), compute());
    const std::lock_guard lock(mutex_);
    more_ = watching_;
    if (!watching_) watch_stream();
  }

  void fail(const std::string& reason) noexcept override {
    try {
      if (!fs::exists(failure_file(meeting_))) db::publish_file(failure_file(meeting_), reason);
    } catch (const std::exception&) {
      // The others find out by themselves, later.
    }
  }

 private:
  cudaStream_t compute() const { return at::cuda::getCurrentCUDAStream().stream(); }

  ncclUniqueId exchange_id() const {
    ncclUniqueId id{};
    if (rank_ == 0) {
      if (const ncclResult_t result = ncclGetUniqueId(&id); result != ncclSuccess)
        throw LostRank(fmt::format("ncclGetUniqueId: {}", ncclGetErrorString(result)));
      db::publish_file(meeting_, {id.internal, sizeof id.internal});
      return id;
    }
    const WatchClock::time_point start = WatchClock::now();
    std::string bytes;
    while ((bytes = db::read_file(meeting_).value_or("")).size() != sizeof id.internal) {
      if (const std::string reason = reported_failure(meeting_); !reason.empty())
        throw LostRank(reason);
      if (seconds_after(start) > limit_)
        throw LostRank(
            fmt::format("rank 0 has not opened {} within {:g} seconds", meeting_.string(), limit_));
      std::this_thread::sleep_for(kWatchEvery);
    }
    std::memcpy(id.internal, bytes.data(), bytes.size());
    return id;
  }

  // The one check of every NCCL call. A call may come back before it has been taken up.
  void settle(ncclResult_t result, const char* call) {
    const WatchClock::time_point start = WatchClock::now();
    while (result == ncclInProgress) {
      require_others();
      if (const std::string reason = reported_failure(meeting_); !reason.empty()) lose(reason);
      if (seconds_after(start) > limit_) {
        lose(fmt::format("{}: the other ranks did not come within {:g} seconds", call, limit_));
      } else {
        std::this_thread::yield();
        ncclCommGetAsyncError(communicator_, &result);
      }
    }
    require_others();
    if (result == ncclSuccess) return;
    lose(fmt::format("{}: {}", call, ncclGetErrorString(result)));
    require_others();
  }

  // What the compute stream has been given so far is done before the next message starts.
  void begin() {
    require_others();
    begun_.order(compute(), stream_.get());
  }

  void require_others() {
    if (!lost_) return;
    const std::lock_guard lock(mutex_);
    throw LostRank(reason_);
  }

  // Ends all communication under way: kernels that wait for another rank return.
  void lose(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (lost_) return;
    reason_ = reason;
    lost_ = true;
    aborted_ = true;
    if (communicator_) ncclCommAbort(communicator_);
  }

  void watch() {
    // Another thread starts on device 0.
    cudaSetDevice(device_);
    std::unique_lock lock(mutex_);
    while (!ending_ && !lost_) {
      wake_.wait_for(lock, kWatchEvery);
      const std::string reason = ending_ ? "" : trouble();
      if (reason.empty()) continue;
      lock.unlock();
      lose(reason);
      lock.lock();
    }
  }

  // Under the lock: all that was queued so far is to be done within the limit from now.
  void watch_stream() {
    watching_ = cudaEventRecord(watched_.get(), stream_.get()) == cudaSuccess;
    watched_since_ = WatchClock::now();
  }

  // Under the lock. Many steps may be on their way: the limit holds from one look at the end of
  // the queue to the next.
  std::string trouble() {
    if (std::string reason = reported_failure(meeting_); !reason.empty()) return reason;
    ncclResult_t error = ncclSuccess;
    ncclCommGetAsyncError(communicator_, &error);
    if (error != ncclSuccess && error != ncclInProgress)
      return fmt::format("another rank is gone: {}", ncclGetErrorString(error));
    if (watching_ && cudaEventQuery(watched_.get()) == cudaSuccess) {
      watching_ = false;
      if (std::exchange(more_, false)) watch_stream();
    }
    if (watching_ && seconds_after(watched_since_) > limit_)
      return fmt::format("another rank did not come within {:g} seconds", limit_);
    return "";
  }

  fs::path meeting_;
  int64_t rank_, ranks_;
  double limit_;
  int device_ = 0;
  ncclComm_t communicator_ = nullptr;
  Stream stream_;
  Event begun_, finished_, watched_;
  std::thread watch_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> lost_{false};
  bool aborted_ = false, ending_ = false;
  bool watching_ = false;  // watched_ has been recorded and not yet been seen to be done
  bool more_ = false;      // was queued behind it
  WatchClock::time_point watched_since_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Communicator> nccl_ranks(const fs::path& meeting_file, int64_t rank, int64_t ranks,
                                         double time_limit_seconds) {
  return std::make_unique<NcclRanks>(meeting_file, rank, ranks, time_limit_seconds);
}

}  // namespace crosslaw::trainer
