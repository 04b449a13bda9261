#pragma once

#include "sweep/launch/queue_launcher.h"

namespace crosslaw::sweep {

// Starts nothing: writes the script of each attempt, for sites where a person submits the jobs and
// nobody may ask for them. Where an attempt is stays unknown until its result is there.
class ExportedJobs : public RunLauncher {
 public:
  ExportedJobs(QueueOptions options, std::string backend)
      : options_(std::move(options)), backend_(std::move(backend)) {}

  std::string backend() const override { return backend_; }
  std::string device() const override { return options_.device; }
  std::size_t places() const override { return options_.places; }
  bool detaches() const override { return true; }
  bool reserve(int64_t) override { return true; }
  bool start(const LaunchRequest& request, const Commit& commit) override;
  void adopt(const std::vector<EarlierAttempt>& attempts) override;
  std::vector<AttemptState> states(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

  const std::vector<std::filesystem::path>& scripts() const { return scripts_; }

 private:
  QueueOptions options_;
  std::string backend_;
  std::vector<int64_t> attempts_;
  std::vector<std::filesystem::path> scripts_;  // not submitted yet, as far as we know
};

}  // namespace crosslaw::sweep
