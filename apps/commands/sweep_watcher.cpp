#include "apps/commands/sweep_watcher.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <thread>
#include <utility>

#include "apps/terminal/progress_file.h"

extern char** environ;

namespace crosslaw::apps {
namespace {

using namespace std::chrono_literals;

constexpr auto kWriteEvery = 1s;
constexpr auto kStalledAfter = 15min;  // heartbeats come every few seconds, evaluations in minutes
constexpr int kPatience = 50;          // looks at the end, a tenth of a second apart

}  // namespace

SweepWatcher::SweepWatcher(std::filesystem::path folder, std::string program)
    : folder_(std::move(folder)), program_(std::move(program)), moved_(Clock::now()) {}

SweepWatcher::~SweepWatcher() { reap(true); }

void SweepWatcher::look(const sweep::Progress& progress, Clock::time_point now) {
  if (written_ == Clock::time_point{} || now - written_ >= kWriteEvery) {
    write_progress(folder_, progress);
    written_ = now;
  }
  const std::int64_t failed = progress.failed + progress.diverged;
  // Runs that had failed before this process began are no news.
  if (failed_ >= 0 && failed > failed_) {
    tell("failure", fmt::format("{}: {} runs failed, {} diverged; crosslaw status tells why",
                                folder_.string(), progress.failed, progress.diverged));
  }
  failed_ = failed;
  if (progress.share != share_) {
    share_ = progress.share;
    moved_ = now;
    stalled_ = false;
  } else if (!stalled_ && now - moved_ >= kStalledAfter) {
    stalled_ = true;
    tell("stall",
         fmt::format("{}: nothing has moved for {} minutes", folder_.string(),
                     std::chrono::duration_cast<std::chrono::minutes>(now - moved_).count()));
  }
}

void SweepWatcher::conclude(const sweep::Progress& progress) {
  look(progress);
  write_progress(folder_, progress, kConcluding);
}

void SweepWatcher::tell(const std::string& event, const std::string& sentence) {
  reap(false);
  if (program_.empty()) return;
  std::array<std::string, 3> words = {program_, event, sentence};
  std::array<char*, 4> argv = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, program_.c_str(), nullptr, nullptr, argv.data(), environ);
  if (error == 0) {
    told_.push_back(child);
  } else {
    // A sweep of days does not end because nobody can be told of it.
    fmt::print(stderr, "--notify {}: cannot be started: {}\n", program_, std::strerror(error));
  }
}

void SweepWatcher::reap(bool wait) {
  for (int i = 0; i < (wait ? kPatience : 1) && !told_.empty(); ++i) {
    if (i > 0) std::this_thread::sleep_for(100ms);
    std::erase_if(told_, [](pid_t each) { return ::waitpid(each, nullptr, WNOHANG) != 0; });
  }
}

}  // namespace crosslaw::apps
