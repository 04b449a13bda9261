#include "trainer/ranks/communicator.h"

#include <ATen/ATen.h>

#include "db/files/read_file.h"

namespace crosslaw::trainer {
namespace {

class OneRank : public Communicator {
 public:
  int64_t rank() const override { return 0; }
  int64_t ranks() const override { return 1; }
  void reduce_scatter(const at::Tensor&) override {}
  void all_gather(const at::Tensor&) override {}
  void all_reduce(const at::Tensor&) override {}
  void finish() override {}
  void fail(const std::string&) noexcept override {}
};

}  // namespace

std::filesystem::path failure_file(const std::filesystem::path& meeting_file) {
  return meeting_file.string() + ".failed";
}

std::string reported_failure(const std::filesystem::path& meeting_file) {
  return db::read_file(failure_file(meeting_file)).value_or("");
}

std::unique_ptr<Communicator> one_rank() { return std::make_unique<OneRank>(); }

at::Tensor owned_part(const at::Tensor& whole, int64_t rank, int64_t ranks) {
  const int64_t part = whole.numel() / ranks;
  return whole.narrow(0, rank * part, part);
}

}  // namespace crosslaw::trainer
