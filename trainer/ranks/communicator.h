#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace crosslaw::trainer {

// Another rank failed, or did not come within the time limit; the message says which and why.
struct LostRank : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the ranks of a run exchange. Every rank makes the same calls in the same order, each with a
// dense tensor of the same size and type; results are in place. A call may return before it is
// done: its tensor is neither read nor written until finish(). All but fail() throw LostRank.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t ranks() const = 0;

  // `whole` is of `ranks` equal parts, of which rank r owns the r-th.
  // The owner's part becomes the sum over the ranks; the other parts are lost. fp32.
  virtual void reduce_scatter(const at::Tensor& whole) = 0;
  // Each part becomes its owner's. Any type.
  virtual void all_gather(const at::Tensor& whole) = 0;
  // Becomes the sum over the ranks. fp32 or fp64.
  virtual void all_reduce(const at::Tensor& numbers) = 0;

  // What the caller does next with the tensors sees them as they shall be. On a GPU that is what it
  // queues next: the host waits for nothing.
  virtual void finish() = 0;

  // Lets the others know that this rank will not come again: their next call throws `reason`.
  virtual void fail(const std::string& reason) noexcept = 0;
};

// Where whoever sees a rank end writes how, for a killed one cannot say so itself: the ranks that
// met in `meeting_file` look there while they wait, and throw what it holds.
std::filesystem::path failure_file(const std::filesystem::path& meeting_file);
// What is written there; empty: nothing yet.
std::string reported_failure(const std::filesystem::path& meeting_file);

// A run of one process.
std::unique_ptr<Communicator> one_rank();

// The part of `whole` that rank `rank` of `ranks` owns.
at::Tensor owned_part(const at::Tensor& whole, int64_t rank, int64_t ranks);

}  // namespace crosslaw::trainer
