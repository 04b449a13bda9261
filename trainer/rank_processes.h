#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "trainer/ranks/communicator.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Where this process stands among those of its run.
struct RankPlace {
  int64_t rank = 0;
  std::string meeting;  // names the file in the attempt's folder through which the ranks find
                        // each other; never used twice
};

// As srun tells the processes of a job step of `ranks` tasks; nothing: this is no such process.
std::optional<RankPlace> place_of_job_step(int64_t ranks);

// Forks a process a rank, gives each its own of the GPUs that CUDA_VISIBLE_DEVICES lists, and waits
// for all. `work` is done in each and gives its exit code; ranks other than 0 write to
// log-<rank>.txt in `folder`. Signals that ask for a checkpoint are handed on. When one fails, the
// others have kSecondsToReport to say so, then they are killed; when this process is killed, so are
// they.
struct RankEnds {
  std::optional<int> first_code;  // rank 0's exit code; nothing: it ended by a signal
  std::string loss;               // which rank was the first to fail, and how; empty: none
};
RankEnds run_rank_processes(int64_t ranks, const std::filesystem::path& folder,
                            const std::function<int(const RankPlace&)>& work);
inline constexpr int64_t kSecondsToReport = 10;

// What the ranks of an attempt exchange through: nothing for one, shared memory on the CPU, NCCL
// between GPUs. Throws LostRank when the others do not come.
std::unique_ptr<Communicator> open_ranks(const Execution& execution, const RankPlace& place,
                                         const std::filesystem::path& folder);

}  // namespace crosslaw::trainer
