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
  std::optional<db::Outcome> cause = {};  // as a queue would say it
  std::optional<std::string> node = {};
  std::string message;
  int64_t step = 0;                  // that it says it reached, unless it is done
  std::vector<int64_t> checkpoints;  // published before
};

// Pretends to train: an attempt ends at the first states() after its start, with losses that are a
// fixed function of the recipe. `behave` decides how attempt n of a run ends. No process, no sleep.
class FakeLauncher : public sweep::RunLauncher {
 public:
  using Behave = std::function<FakeEnd(const trainer::TrainConfig&, int64_t n)>;
  explicit FakeLauncher(Behave behave = [](const trainer::TrainConfig&,
                                           int64_t) { return FakeEnd{}; })
      : behave_(std::move(behave)) {}

  std::string backend() const override { return "fake"; }
  std::string device() const override { return kind; }
  std::size_t places() const override { return slots; }
  bool detaches() const override { return false; }
  bool reserve(int64_t) override { return running.size() < slots; }
  bool start(const sweep::LaunchRequest& request, const Commit& commit) override;
  // Those in `adoptable` still run; others are gone.
  void adopt(const std::vector<sweep::EarlierAttempt>& attempts) override;
  std::vector<sweep::AttemptState> states(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

  std::size_t slots = 2;
  std::string kind = "cpu";
  std::vector<trainer::TrainConfig> started;   // in order
  std::vector<sweep::LaunchRequest> requests;  // likewise
  std::map<int64_t, std::filesystem::path> running;
  size_t most_at_once = 0;
  bool hold = false;  // attempts do not end by themselves
  std::vector<int64_t> adoptable;

 private:
  Behave behave_;
  std::vector<int64_t> gone_;
};

// The loss that a pretended run ends with.
double fake_loss(const trainer::Recipe& recipe);

}  // namespace crosslaw::tests
