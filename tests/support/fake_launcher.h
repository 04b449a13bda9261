#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sweep/launch/run_launcher.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::tests {

// What a pretended attempt does before it ends.
struct FakeEnd {
  trainer::Outcome outcome = trainer::Outcome::kDone;
  bool writes_result = true;
  std::optional<int64_t> code = 0, signal;
  std::string message;
  int64_t step = 0;                  // that it says it reached, unless it is done
  std::vector<int64_t> checkpoints;  // published before
};

// Pretends to train: an attempt ends at the wait() after its start, with losses that are a fixed
// function of the recipe. `behave` decides how attempt n of a run ends. No process, no sleep.
class FakeLauncher : public sweep::RunLauncher {
 public:
  using Behave = std::function<FakeEnd(const trainer::TrainConfig&, int64_t n)>;
  explicit FakeLauncher(Behave behave = [](const trainer::TrainConfig&,
                                           int64_t) { return FakeEnd{}; })
      : behave_(std::move(behave)) {}

  std::optional<sweep::ProcessIdentity> start(const sweep::LaunchRequest& request) override;
  std::optional<sweep::ProcessIdentity> adopt(int64_t attempt_id,
                                              const std::filesystem::path& config_file) override;
  std::vector<sweep::ProcessExit> wait(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

  std::vector<trainer::TrainConfig> started;  // in order
  std::map<int64_t, std::filesystem::path> running;
  size_t most_at_once = 0;
  bool hold = false;  // attempts do not end by themselves
  std::vector<int64_t> adoptable;

 private:
  Behave behave_;
};

// The loss that a pretended run ends with.
double fake_loss(const trainer::Recipe& recipe);

}  // namespace crosslaw::tests
