#include "trainer/attempt.h"

#include <c10/util/Logging.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "trainer/model/gpu_device.h"
#include "trainer/rank_processes.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"
#include "trainer/training_loop.h"
#include "trainer/version.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) { stop_requested = 1; }

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  // SIGTERM from the scheduler, SIGUSR2 as batch systems warn before their limit, SIGINT from a
  // terminal: all ask for a checkpoint and an end.
  for (int signal : {SIGTERM, SIGUSR2, SIGINT}) sigaction(signal, &action, nullptr);
}

// Step after step asks for the same blocks; without this glibc would return them to the kernel each
// time.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
}

// Appends whole lines with one write each, so that a reader never sees two halves mixed.
class LineFile {
 public:
  explicit LineFile(const fs::path& file)
      : file_(file),
        descriptor_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0)
      throw std::runtime_error(
          fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
  }
  ~LineFile() { ::close(descriptor_); }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append(const std::string& line) {
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      throw std::runtime_error(
          fmt::format("{}: writing failed: {}", file_.string(), std::strerror(errno)));
    }
  }

  // Before the result says that all is there.
  void sync() const { ::fsync(descriptor_); }

 private:
  fs::path file_;
  int descriptor_;
};

// Of the NVIDIA driver: "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  ..."
std::string gpu_driver() {
  std::ifstream input("/proc/driver/nvidia/version");
  for (std::string word; input >> word;) {
    if (word.find_first_not_of("0123456789.") == std::string::npos &&
        word.find('.') != std::string::npos)
      return word;
  }
  return "";
}

std::string provenance(const TrainConfig& config) {
  struct utsname name {};
  uname(&name);
  nlohmann::json j = {{"host", name.nodename},
                      {"torch", TORCH_VERSION},
                      {"crosslaw", CROSSLAW_VERSION},
                      {"build", build_text()},
                      {"device", config.execution.device},
                      {"threads", config.execution.threads},
                      {"ranks", config.execution.ranks}};
  if (config.execution.device == "cuda")
    j["gpu"] = {{"uuid", gpu_uuid()}, {"name", gpu_name()}, {"driver", gpu_driver()}};
  return j.dump();
}

// Of every rank.
TrainHooks rank_hooks() {
  TrainHooks hooks;
  hooks.say = [](const std::string& message) { fmt::print(stderr, "{}\n", message); };
  hooks.should_stop = [] { return stop_requested != 0; };
  return hooks;
}

TrainHooks file_hooks(const fs::path& folder, LineFile& metrics) {
  TrainHooks hooks = rank_hooks();
  hooks.on_eval = [&metrics](const EvalLine& line) { metrics.append(to_line(line)); };
  hooks.on_train = [&metrics](const TrainLines& lines) { metrics.append(to_line(lines)); };
  hooks.on_choices = [&metrics](const ChoiceLine& line) { metrics.append(to_line(line)); };
  hooks.on_checkpoint = [&metrics](const CheckpointLine& line) { metrics.append(to_line(line)); };
  // Not published durably: it is written twice a second, and an old or cut one only looks slow.
  hooks.on_step = [file = heartbeat_file(folder)](int64_t step, double tokens_per_second) {
    std::ofstream(file, std::ios::trunc) << step << ' ' << tokens_per_second << '\n';
  };
  hooks.sync = [&metrics] { metrics.sync(); };
  return hooks;
}

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
    case Outcome::kDiverged:
      return kExitDone;
    case Outcome::kStopped:
      return kExitStartAgain;
    default:
      return kExitFailed;
  }
}

RunResult train_as(const RankPlace& place, const TrainConfig& config, const fs::path& folder,
                   const TrainHooks& hooks) {
  try {
    const std::unique_ptr<Communicator> ranks = open_ranks(config.execution, place, folder);
    return train(config, folder, hooks, *ranks);
  } catch (const LostRank& lost) {
    RunResult result;
    result.token = config.execution.token;
    result.message = lost.what();
    return result;
  }
}

int run_rank(const RankPlace& place, const TrainConfig& config, const fs::path& folder) {
  // Rank 0 reports for all.
  std::optional<LineFile> metrics;
  if (place.rank == 0) metrics.emplace(metrics_file(folder));
  RunResult result =
      train_as(place, config, folder, metrics ? file_hooks(folder, *metrics) : rank_hooks());
  if (!result.message.empty())
    fmt::print(stderr, "{}: {}\n", name_of(result.outcome), result.message);
  if (!metrics) return exit_code(result.outcome);
  // A refusal may mean that there is no such GPU to be asked for its name.
  if (result.outcome != Outcome::kRefused) result.provenance = provenance(config);
  // In this order: a result.json that survives a power cut must not promise lines that did not.
  metrics->sync();
  publish_result(result, folder);
  return exit_code(result.outcome);
}

// What goes wrong is said by the rank to which it happens.
int run_rank_to_its_end(const RankPlace& place, const TrainConfig& config, const fs::path& folder) {
  try {
    return run_rank(place, config, folder);
  } catch (const std::exception& error) {
    fmt::print(stderr, "crosslaw-train: {}\n", error.what());
    return kExitFailed;
  }
}

int run(const fs::path& config_path) {
  TrainConfig config = read_config(config_path);
  if (auto messages = complaints(config); !messages.empty()) {
    for (const std::string& message : messages)
      fmt::print(stderr, "{}: {}\n", config_path.string(), message);
    return kExitBadConfig;
  }
  const fs::path folder = fs::absolute(config_path).parent_path();
  const int64_t ranks = config.execution.ranks;
  if (ranks == 1) return run_rank({}, config, folder);
  if (const auto place = place_of_job_step(ranks)) return run_rank(*place, config, folder);
  const RankEnds ends = run_rank_processes(ranks, folder, [&](const RankPlace& place) {
    return run_rank_to_its_end(place, config, folder);
  });
  if (ends.loss.empty()) return ends.first_code.value_or(kExitFailed);
  fmt::print(stderr, "crosslaw-train: {}\n", ends.loss);
  // Who was killed could not report.
  if (!ends.first_code && !read_result(folder)) {
    RunResult result;
    result.token = config.execution.token;
    result.message = ends.loss;
    publish_result(result, folder);
  }
  return ends.first_code.value_or(kExitDone) == kExitDone ? kExitFailed : *ends.first_code;
}

}  // namespace

int run_attempt(const fs::path& config_file) {
  handle_signals();
  keep_freed_memory();
  // LibTorch's failed allocations on the CPU throw instead of ending the process.
  FLAGS_caffe2_use_fatal_for_enforce = false;
  try {
    return run(config_file);
  } catch (const std::exception& error) {
    fmt::print(stderr, "crosslaw-train: {}\n", error.what());
    return kExitFailed;
  }
}

}  // namespace crosslaw::trainer
