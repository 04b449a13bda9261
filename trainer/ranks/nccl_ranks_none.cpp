#include <stdexcept>

#include "trainer/ranks/nccl_ranks.h"

namespace crosslaw::trainer {

std::unique_ptr<Communicator> nccl_ranks(const std::filesystem::path&, int64_t, int64_t, double) {
  throw std::runtime_error(
      "a run on several GPUs was asked for; this build has no CUDA or no NCCL");
}

}  // namespace crosslaw::trainer
