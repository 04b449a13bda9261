#include "apps/study/sweep_status.h"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "apps/study/sweep_folder.h"
#include "sweep/launch/process.h"
#include "sweep/launch/run_launcher.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAttemptsForARange = 3;
constexpr double kLowQuantile = 0.1, kHighQuantile = 0.9;
constexpr double kMilliseconds = 1000;

bool is_untroubled(db::Outcome outcome) {
  return outcome == db::Outcome::kStarted || outcome == db::Outcome::kDone ||
         outcome == db::Outcome::kPending || outcome == db::Outcome::kStopped;
}

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// One run that is open in the store, with what its files say now.
LiveRun live_run(const db::RunStore& store, const db::RunResultRow& run, const fs::path& files,
                 const std::vector<sweep::GpuKind>& gpus, int64_t now_ms) {
  LiveRun live;
  live.name = run.name;
  live.steps = run.steps;
  db::Statement attempt(
      store.database(),
      "SELECT folder, device, node, gpu_name, gpus, started_ms FROM attempt WHERE run_id = ? "
      "AND ended_ms IS NULL");
  attempt.bind(run.run_id);
  if (!attempt.step()) return live;
  std::string folder, device;
  std::optional<std::string> node, gpu_name;
  std::optional<int64_t> gpu_count;
  int64_t started_ms = 0;
  attempt.read(folder, device, node, gpu_name, gpu_count, started_ms);
  live.where = node.value_or(gpu_name.value_or(device));
  live.seconds = static_cast<double>(now_ms - started_ms) / kMilliseconds;
  std::ifstream heartbeat(trainer::heartbeat_file(files / folder));
  heartbeat >> live.step >> live.tokens_per_second;
  db::Statement loss(store.database(),
                     "SELECT loss_nats FROM eval WHERE run_id = ? AND language = ? ORDER BY step "
                     "DESC LIMIT 1");
  loss.bind(run.run_id, run.language);
  if (loss.step()) loss.read(live.loss_nats);
  const sweep::GpuKind* kind = gpu_name ? kind_of(*gpu_name, gpus) : nullptr;
  const auto tokens = static_cast<double>(run.tokens_target + run.tokens_source);
  if (kind && tokens > 0)
    live.utilisation = live.tokens_per_second * run.flops / tokens /
                       (static_cast<double>(gpu_count.value_or(1)) * kind->speed.matrix_flops);
  return live;
}

// How a started run is called when nobody runs the sweep: its process may go on, or its job.
std::string left_as(const db::RunStore& store, int64_t run_id) {
  db::Statement attempt(store.database(),
                        "SELECT backend, job, boot_id, pid, pid_start FROM attempt WHERE run_id = "
                        "? AND ended_ms IS NULL");
  attempt.bind(run_id);
  if (!attempt.step()) return "interrupted";
  std::string backend;
  std::optional<std::string> job, boot;
  std::optional<int64_t> pid, start;
  attempt.read(backend, job, boot, pid, start);
  if (backend != "local") return job == sweep::kEndedJob ? "interrupted" : "left to " + backend;
  const bool alive = boot && pid && start && sweep::is_alive({*boot, *pid, *start});
  return alive ? "left alone" : "interrupted";
}

void count_hours(const db::RunStore& store, bool running, int64_t now_ms, SweepStatus& status) {
  // What nobody looks after may have ended long ago: it counts for nothing until that is known.
  db::Statement rows(store.database(),
                     "SELECT device, coalesce(gpus, 1), started_ms, ended_ms FROM attempt");
  while (rows.step()) {
    if (rows.is_null(3) && !running) continue;
    const int64_t ended = rows.is_null(3) ? now_ms : rows.integer(3);
    const double seconds = static_cast<double>(ended - rows.integer(2)) / kMilliseconds;
    if (rows.text(0) == "cpu") {
      status.cpu_seconds += seconds;
    } else {
      status.gpu_seconds += seconds * static_cast<double>(rows.integer(1));
    }
  }
}

void measure_spread(const db::RunStore& store, SweepStatus& status) {
  db::Statement rows(store.database(),
                     "SELECT tokens_per_second * flops / (tokens_target + tokens_source) FROM "
                     "attempt JOIN run ON run.id = attempt.run_id WHERE outcome = 'done' AND "
                     "tokens_per_second > 0");
  std::vector<double> speeds;
  while (rows.step()) speeds.push_back(rows.real(0));
  if (speeds.size() < kAttemptsForARange) return;
  std::sort(speeds.begin(), speeds.end());
  const auto at = [&](double share) {
    return speeds[static_cast<std::size_t>(share * static_cast<double>(speeds.size() - 1))];
  };
  status.slow_factor = at(0.5) / at(kLowQuantile);
  status.fast_factor = at(0.5) / at(kHighQuantile);
}

}  // namespace

const sweep::GpuKind* kind_of(const std::string& gpu_name,
                              const std::vector<sweep::GpuKind>& gpus) {
  const std::string name = lower_case(gpu_name);
  for (const sweep::GpuKind& kind : gpus)
    if (name.find(lower_case(kind.name)) != std::string::npos) return &kind;
  return nullptr;
}

SweepStatus sweep_status(const fs::path& folder, const std::string& holder,
                         const std::vector<sweep::GpuKind>& gpus, int64_t now_ms) {
  const db::RunStore store = read_store(folder);
  SweepStatus status;
  status.name = store.sweep_name();
  status.holder = holder;
  std::optional<fs::path> files;  // of the resolved spec, read once and only when it is needed
  for (const db::RunResultRow& run : store.results()) {
    // "Running" is believed only while somebody holds the sweep, or its process is seen.
    const bool started = run.outcome == db::Outcome::kStarted;
    const std::string name = !started         ? std::string(db::name_of(run.outcome))
                             : holder.empty() ? left_as(store, run.run_id)
                                              : "running";
    const bool alone = name == "left alone", running = name == "running" || alone;
    ++status.outcomes[run.strategy][name];
    status.left_alone += alone;
    ++status.total;
    status.flops_total += run.flops;
    status.finished += db::is_final(run.outcome);
    if (db::is_final(run.outcome)) {
      status.flops_done += run.flops;
      status.tokens_done += static_cast<double>(run.tokens_target + run.tokens_source);
    }
    if (running) {
      if (!files) files = files_folder(folder);
      status.live.push_back(live_run(store, run, *files, gpus, now_ms));
    }
    if (!is_untroubled(run.outcome)) status.troubled.push_back(run);
  }
  count_hours(store, !holder.empty(), now_ms, status);
  measure_spread(store, status);
  return status;
}

}  // namespace crosslaw::apps
