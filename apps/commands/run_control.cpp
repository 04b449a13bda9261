// stop, cancel, retry, logs: a word to a sweep that runs, perhaps elsewhere.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

#include "apps/commands/commands.h"
#include "apps/commands/launchers.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/interrupts.h"
#include "db/files/printable.h"
#include "sweep/schedule/requests.h"
#include "sweep/schedule/sweep_lock.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kShortestKey = 4;

struct ControlOptions {
  std::string folder;
  std::vector<std::string> runs;
  bool failed = false;
  int64_t attempt = 0;
  bool follow = false;
};

void tell_user(const std::string& message) {
  fmt::print(stderr, "crosslaw: {}\n", db::printable(message));
}

// A run by its name, or by the beginning of its key.
db::RunRow find_run(const db::RunStore& store, const std::string& name) {
  const std::vector<db::RunRow> runs = store.runs();
  std::vector<db::RunRow> found;
  for (const db::RunRow& run : runs) {
    const bool by_key = name.size() >= kShortestKey && run.key.starts_with(name);
    if (run.name == name || by_key) found.push_back(run);
  }
  if (found.size() == 1) return found.front();
  std::string known;
  for (const db::RunRow& run : runs) {
    if (found.empty() && run.name.find(name) != std::string::npos)
      known += fmt::format("\n  {}", run.name);
  }
  throw std::invalid_argument(
      found.empty()
          ? fmt::format("{}: no run has this name, or a key that begins so{}{}", name,
                        known.empty() ? "; crosslaw status lists them" : "; similar:", known)
          : fmt::format("{}: {} runs have a key that begins so", name, found.size()));
}

sweep::SweepLock take_idle(const fs::path& folder) {
  auto lock = sweep::SweepLock::try_take(folder);
  if (!lock)
    throw std::runtime_error(fmt::format("{}: another process began to use it", folder.string()));
  return std::move(*lock);
}

bool is_run_by_somebody(const fs::path& folder) { return sweep::SweepLock::is_held(folder); }

std::vector<sweep::EarlierAttempt> open_attempts(const db::RunStore& store, const fs::path& runs) {
  std::vector<sweep::EarlierAttempt> open;
  for (const db::AttemptRow& a : store.open_attempts()) {
    const fs::path folder = runs / a.folder;
    open.push_back(
        {{a.id, a.token, "", trainer::config_file(folder), trainer::log_file(folder), {}},
         {a.boot_id, a.pid, a.pid_start, a.gpu_uuid, a.job},
         a.host,
         a.backend});
  }
  return open;
}

// Nobody runs the sweep, but its trainers or jobs may go on: they are asked directly.
int stop_what_goes_on(const fs::path& folder) {
  const sweep::SweepLock lock = take_idle(folder);
  db::RunStore store = db::RunStore::create(database_file(folder));
  const auto open = open_attempts(store, fs::canonical(files_folder(folder)));
  if (open.empty()) {
    tell_user("nothing runs");
    return 0;
  }
  sweep::LaunchSpec launch = sweep::read_spec(resolved_spec_file(folder)).launch;
  launch.backend = open.front().backend;
  auto launcher = make_launcher(launch, tell_user);
  launcher->adopt(open);
  std::size_t left = open.size();
  std::set<int64_t> asked;
  const Interrupts interrupts;
  bool at_once = false;
  tell_user(
      fmt::format("asking {} runs for a checkpoint and their end; Ctrl-C ends them at once", left));
  while (left > 0) {
    for (const sweep::AttemptState& state : launcher->states(200ms)) {
      if (state.where == sweep::Whereabouts::kGone) {
        --left;
        // The next run judges it by its files, whatever it launches with: no queue need be asked.
        if (launch.backend != "local") store.set_place(state.attempt_id, {.job = sweep::kEndedJob});
      }
      const bool there =
          state.where == sweep::Whereabouts::kRunning || state.where == sweep::Whereabouts::kQueued;
      if (there && asked.insert(state.attempt_id).second) launcher->stop(state.attempt_id, at_once);
    }
    if (interrupts.count() > 1) return 130;
    if (interrupts.count() > 0 && !at_once) at_once = true, asked.clear();
  }
  tell_user("all have ended; crosslaw run goes on where they stopped");
  return 0;
}

int run_stop(const ControlOptions& options) {
  read_store(options.folder);  // a folder without a sweep is told so
  if (!is_run_by_somebody(options.folder)) return stop_what_goes_on(options.folder);
  const std::string holder = sweep::SweepLock::holder(options.folder);
  sweep::make_request(options.folder, {sweep::RequestKind::kStop, ""});
  tell_user(fmt::format("{} was asked to stop; waiting for its runs' checkpoints", holder));
  // Interrupted, this command ends and the request stays.
  while (is_run_by_somebody(options.folder)) std::this_thread::sleep_for(200ms);
  return 0;
}

int make_requests(const ControlOptions& options, sweep::RequestKind kind) {
  const db::RunStore store = read_store(options.folder);
  std::vector<std::string> keys;
  for (const std::string& name : options.runs) keys.push_back(find_run(store, name).key);
  for (const db::RunResultRow& run : store.results()) {
    const bool untried =
        run.outcome == db::Outcome::kPending || run.outcome == db::Outcome::kStarted;
    if (options.failed && !untried && !db::is_final(run.outcome)) keys.push_back(run.key);
  }
  if (keys.empty()) throw std::invalid_argument("no run is named; crosslaw status lists them");
  for (const std::string& key : keys) sweep::make_request(options.folder, {kind, key});
  const bool running = is_run_by_somebody(options.folder);
  tell_user(fmt::format("{} runs: {}", keys.size(),
                        running ? "asked for; the running sweep does it in a moment"
                                : "noted; the next crosslaw run does it"));
  return 0;
}

int run_logs(const ControlOptions& options) {
  const db::RunStore store = read_store(options.folder);
  const db::RunRow run = find_run(store, options.runs.at(0));
  std::optional<db::AttemptRow> wanted;
  for (const db::AttemptRow& attempt : store.attempts()) {
    if (attempt.run_id == run.id && (options.attempt == 0 || attempt.n == options.attempt))
      wanted = attempt;
  }
  if (!wanted)
    throw std::invalid_argument(
        options.attempt == 0 ? fmt::format("{}: has not been started yet", run.name)
                             : fmt::format("{}: has no attempt {}", run.name, options.attempt));
  const fs::path file = trainer::log_file(files_folder(options.folder) / wanted->folder);
  tell_user(fmt::format("{}, attempt {}: {}", run.name, wanted->n, file.string()));
  const bool to_terminal = ::isatty(STDOUT_FILENO) != 0;
  std::ifstream log(file, std::ios::binary);
  if (!log && !options.follow) throw std::runtime_error(file.string() + ": there is no log yet");
  for (;;) {
    if (!log.is_open()) log.open(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    const std::string shown = to_terminal ? db::printable(text) : text;
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    if (std::fflush(stdout) != 0 || !options.follow) return 0;
    log.clear();
    std::this_thread::sleep_for(500ms);
  }
}

CLI::App* add_control(CLI::App& app, const char* name, const char* what,
                      const std::shared_ptr<ControlOptions>& options) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  return command;
}

}  // namespace

void add_stop_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ControlOptions>();
  add_control(app, "stop", "Every run publishes a checkpoint and ends, wherever it runs", options)
      ->callback([options, &exit_code] { exit_code = run_stop(*options); });
}

void add_cancel_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command = add_control(
      app, "cancel", "Ends runs and takes them out of the sweep until a retry", options);
  command->add_option("run", options->runs, "Names of runs, or beginnings of their keys")
      ->required();
  command->callback(
      [options, &exit_code] { exit_code = make_requests(*options, sweep::RequestKind::kCancel); });
}

void add_retry_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command = add_control(
      app, "retry", "Tries runs again that failed, were cancelled, or whose job nobody sees",
      options);
  command->add_option("run", options->runs, "Names of runs, or beginnings of their keys");
  command->add_flag("--failed", options->failed, "All that ended without a result");
  command->callback(
      [options, &exit_code] { exit_code = make_requests(*options, sweep::RequestKind::kRetry); });
}

void add_logs_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command = add_control(app, "logs", "What a run's trainer wrote", options);
  command->add_option("run", options->runs, "The run's name, or the beginning of its key")
      ->required()
      ->expected(1);
  command->add_option("--attempt", options->attempt, "The attempt's number (default: the last)");
  command->add_flag("--follow", options->follow, "Go on as the log grows");
  command->callback([options, &exit_code] { exit_code = run_logs(*options); });
}

}  // namespace crosslaw::apps
