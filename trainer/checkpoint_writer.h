#pragma once

#include <filesystem>
#include <future>
#include <optional>

#include "trainer/model/checkpoint.h"
#include "trainer/model/parameters.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Publishes checkpoints on a thread of its own, from a copy in the host's memory, so that training
// goes on meanwhile. One at a time: the next waits for the one before.
class CheckpointWriter {
 public:
  // Both must outlive it. Of the layout only the slots are read.
  CheckpointWriter(const Parameters& layout, const ModelShape& shape)
      : layout_(layout), shape_(shape) {}

  // Whether the host has room for the copy. Else checkpoints are written from where the numbers
  // lie, tensor by tensor, while training stands.
  bool can_copy() const;

  // Where the copy goes: (count) fp32 on the CPU, made once and kept; pinned for a GPU. Moments are
  // undefined unless asked for. Nothing may be under way.
  TrainedNumbers room(bool with_moments);

  struct Checkpoint {
    CheckpointState state;
    std::filesystem::path folder;
    bool resumable = false;
  };
  // Begins to write what lies in room().
  void begin(const Checkpoint& checkpoint);
  // Writes `numbers` and returns when they are published.
  void write_now(const Checkpoint& checkpoint, const TrainedNumbers& numbers) const;

  // The checkpoint that was begun, once it is published; each is returned once. Throws what went
  // wrong (disk full). wait(): not before it is.
  std::optional<Checkpoint> published();
  std::optional<Checkpoint> wait();

 private:
  const Parameters& layout_;
  const ModelShape& shape_;
  TrainedNumbers room_;
  Checkpoint begun_;
  // Last, so that it ends before what it reads: its destructor waits.
  std::future<void> under_way_;
};

}  // namespace crosslaw::trainer
