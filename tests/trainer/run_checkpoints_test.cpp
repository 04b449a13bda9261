// A checkpoint that ranks stream to rank 0 bucket by bucket: the same files as of one rank, in
// little memory.
#include "trainer/run_checkpoints.h"

#include <ATen/ATen.h>

#include <fstream>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/ranks/shared_memory_ranks.h"

namespace crosslaw::trainer {
namespace {

using tests::TempFolder;

const CheckpointState kState{9, "key", "trajectory", {}};

// The same numbers, of which each rank has its slice.
Parameters part_of(const ModelShape& shape, at::ScalarType type, int64_t rank, int64_t ranks) {
  Parameters p(shape, type, at::kCPU, rank, ranks);
  p.initialize(5, 0.0);
  double number = 1;
  for (const ParameterSlot& slot : p.slots()) {
    const at::Tensor rows = at::arange(slot.count(), at::kFloat).view(slot.shape) / number;
    p.put_moment(p.moment1, slot.name, 0, rows);
    p.put_moment(p.moment2, slot.name, 0, rows + 0.5);
    number += 1;
  }
  return p;
}

void stream_of_ranks(const ModelShape& shape, at::ScalarType type, int64_t ranks, bool resumable,
                     const std::filesystem::path& folder, const std::filesystem::path& meeting) {
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto others = shared_memory_ranks(meeting, rank, ranks, 60);
      Parameters p = part_of(shape, type, rank, ranks);
      GradientExchange exchange(p, *others, true);
      stream_checkpoint(p, exchange, *others, shape, kState, resumable, folder);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Rank 0 of two, whose other rank gives nothing.
class Absent : public Communicator {
 public:
  int64_t rank() const override { return 0; }
  int64_t ranks() const override { return 2; }
  void reduce_scatter(const at::Tensor&) override {}
  void all_gather(const at::Tensor&) override {}
  void all_reduce(const at::Tensor&) override {}
  void finish() override {}
  void fail(const std::string&) noexcept override {}
};

// VmHWM and VmRSS of proc(5), in KiB.
int64_t memory_line(const std::string& key) {
  std::ifstream input("/proc/self/status");
  for (std::string word; input >> word;) {
    int64_t kibibytes = 0;
    if (word == key && input >> kibibytes) return kibibytes;
  }
  return -1;
}

}  // namespace

TEST_CASE("what several ranks stream is the checkpoint of one, to the last byte") {
  TempFolder folder;
  const ModelShape shape{64, 8, 20, 2, 3, false};
  int64_t number = 0;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const bool resumable : {true, false}) {
      const std::string whole = "whole" + std::to_string(++number);
      publish_checkpoint(part_of(shape, type, 0, 1), shape, kState, resumable, folder / whole);
      for (const int64_t ranks : {2, 3, 4}) {
        const std::string streamed = whole + "-" + std::to_string(ranks);
        stream_of_ranks(shape, type, ranks, resumable, folder / streamed,
                        folder / (streamed + "-meeting"));
        INFO(streamed);
        for (const char* file :
             {"model.safetensors", "moment1.safetensors", "moment2.safetensors", "state.json"}) {
          CHECK(std::filesystem::exists(folder / streamed / file) ==
                std::filesystem::exists(folder / whole / file));
          CHECK(tests::read_file(folder / streamed / file) ==
                tests::read_file(folder / whole / file));
        }
        CHECK(checkpoint_damage(folder / streamed, true).empty());
      }
    }
  }
}

// 27M parameters, 321 MB of master copy and moments. Gathered whole they would be held once more.
TEST_CASE("streaming holds one bucket and not the state") {
  TempFolder folder;
  const ModelShape shape{2048, 512, 1408, 8, 8, true};
  Parameters p(shape, at::kBFloat16, at::kCPU, 0, 2);
  Absent other;
  GradientExchange exchange(p, other, true);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins anew
  const int64_t before = memory_line("VmRSS:"), peak_before = memory_line("VmHWM:");
  stream_checkpoint(p, exchange, other, shape, kState, true, folder / "c");
  const int64_t peak = memory_line("VmHWM:");
  const auto state_kib = 3 * 4 * p.count() / 1024;
  INFO("before " << before << " KiB, peak " << peak << " KiB, state " << state_kib << " KiB");
  REQUIRE(std::filesystem::file_size(folder / "c/moment2.safetensors") >
          static_cast<uint64_t>(4 * 26'000'000));
  // Where the peak cannot be begun anew it says nothing.
  if (peak_before - before < state_kib / 10) CHECK(peak - before < state_kib / 4);
}

}  // namespace crosslaw::trainer
