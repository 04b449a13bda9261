#pragma once

#include <filesystem>
#include <memory>

#include "trainer/ranks/communicator.h"

namespace crosslaw::trainer {

// Ranks on the CPU of one machine, threads or processes, which meet in a file that all of them map
// into memory. Rank 0 makes `meeting_file` and, once all have come, removes it; no other run may
// use the same name. Sums are made pair by pair, ((0 + 1) + (2 + 3)) + ..., the same on each rank.
// A rank that does not come within `time_limit_seconds` is lost: the constructor and every call
// throw LostRank.
std::unique_ptr<Communicator> shared_memory_ranks(const std::filesystem::path& meeting_file,
                                                  int64_t rank, int64_t ranks,
                                                  double time_limit_seconds);

inline constexpr int64_t kMostSharedMemoryRanks = 64;

}  // namespace crosslaw::trainer
