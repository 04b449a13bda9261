#include "sweep/launch/exported_jobs.h"

#include "db/files/atomic_file.h"

namespace crosslaw::sweep {

bool ExportedJobs::start(const LaunchRequest& request, const Commit& commit) {
  const auto script = job_script_file(request);
  db::publish_file(script, job_script(request, options_));
  std::filesystem::permissions(script, std::filesystem::perms::owner_exec,
                               std::filesystem::perm_options::add);
  scripts_.push_back(script);
  attempts_.push_back(request.attempt_id);
  commit({});
  return true;
}

void ExportedJobs::adopt(const std::vector<EarlierAttempt>& attempts) {
  for (const EarlierAttempt& attempt : attempts) {
    attempts_.push_back(attempt.request.attempt_id);
    const auto script = job_script_file(attempt.request);
    // The script marks its own beginning.
    if (std::filesystem::exists(script) &&
        !std::filesystem::exists(script.parent_path() / "started"))
      scripts_.push_back(script);
  }
}

std::vector<AttemptState> ExportedJobs::states(std::chrono::milliseconds) {
  std::vector<AttemptState> states;
  for (int64_t attempt : attempts_)
    states.push_back({.attempt_id = attempt, .where = Whereabouts::kUnknown});
  return states;
}

void ExportedJobs::stop(int64_t, bool) {}

}  // namespace crosslaw::sweep
