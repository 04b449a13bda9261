#pragma once

#include <filesystem>
#include <memory>

#include "trainer/ranks/communicator.h"

namespace crosslaw::trainer {

// Ranks that are processes with a GPU each, on one machine or several that share a folder. Rank 0
// publishes NCCL's unique id as `meeting_file`, which no other run may use; a rank that gives up
// leaves its reason beside it, as `meeting_file`.failed. Messages travel on a stream of their own,
// ordered against the current stream by events. A rank that does not come within
// `time_limit_seconds`, or for so long makes no progress, is lost: a thread that watches ends the
// communication, so that nobody waits for it for ever. Throws std::runtime_error in a build without
// NCCL. No machine with two GPUs has run this yet.
std::unique_ptr<Communicator> nccl_ranks(const std::filesystem::path& meeting_file, int64_t rank,
                                         int64_t ranks, double time_limit_seconds);

}  // namespace crosslaw::trainer
