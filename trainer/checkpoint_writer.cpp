#include "trainer/checkpoint_writer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <fstream>
#include <string>

namespace crosslaw::trainer {
namespace {

// Of the memory that is free. The rest is for the file system's cache, through which files go.
constexpr double kShareOfFreeMemory = 0.5;
constexpr double kCopiedBytesANumber = 3 * sizeof(float);  // master copy and both moments

// proc(5): what programs may take before the machine swaps. Nothing where it is not told.
double available_bytes() {
  std::ifstream input("/proc/meminfo");
  std::string word;
  double kibibytes = 0;
  while (input >> word) {
    if (word == "MemAvailable:" && input >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

bool CheckpointWriter::can_copy() const {
  return room_.master.defined() || kCopiedBytesANumber * static_cast<double>(layout_.count()) <
                                       kShareOfFreeMemory * available_bytes();
}

TrainedNumbers CheckpointWriter::room(bool with_moments) {
  auto make = [&](at::Tensor& tensor) {
    if (tensor.defined()) return;
    // Pinned memory takes a GPU's numbers at the full speed of the bus.
    tensor = at::empty({layout_.count()},
                       at::TensorOptions(at::kFloat).pinned_memory(layout_.weights.is_cuda()));
  };
  make(room_.master);
  if (with_moments) make(room_.moment1), make(room_.moment2);
  return with_moments ? room_ : TrainedNumbers{room_.master, {}, {}};
}

void CheckpointWriter::begin(const Checkpoint& checkpoint) {
  begun_ = checkpoint;
  under_way_ = std::async(std::launch::async, [this] {
    write_now(begun_, begun_.resumable ? room_ : TrainedNumbers{room_.master, {}, {}});
  });
}

void CheckpointWriter::write_now(const Checkpoint& checkpoint,
                                 const TrainedNumbers& numbers) const {
  publish_checkpoint(layout_, numbers, shape_, checkpoint.state, checkpoint.folder);
}

std::optional<CheckpointWriter::Checkpoint> CheckpointWriter::published() {
  if (!under_way_.valid() ||
      under_way_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return std::nullopt;
  return wait();
}

std::optional<CheckpointWriter::Checkpoint> CheckpointWriter::wait() {
  if (!under_way_.valid()) return std::nullopt;
  under_way_.get();
  return begun_;
}

}  // namespace crosslaw::trainer
