#include "sweep/launch/slurm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <string_view>

namespace crosslaw::sweep {
namespace {

using db::Outcome;

// The columns of a listing. Fixed widths, for the fields of squeue --json change by version.
struct Column {
  const char* name;
  std::size_t width;
};
constexpr std::array<Column, 6> kColumns = {{{"JobArrayID", 24},
                                             {"StateCompact", 8},
                                             {"exit_code", 12},
                                             {"Comment", 40},
                                             {"NodeList", 256},
                                             {"Reason", 160}}};

bool contains(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::string user_name() {
  const passwd* user = ::getpwuid(::geteuid());
  return user ? user->pw_name : std::to_string(::geteuid());
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

// Reasons to wait that no waiting mends: the job asks for what its partition or account never
// gives, or somebody holds it. "PartitionDown" and "PartitionInactive" pass.
bool is_hopeless(std::string_view reason) {
  constexpr std::array kPasses = {"PartitionDown", "PartitionInactive"};
  if (std::any_of(kPasses.begin(), kPasses.end(),
                  [&](std::string_view each) { return reason == each; }))
    return false;
  constexpr std::array kNever = {"Partition",
                                 "PerJob",
                                 "BadConstraints",
                                 "JobHeld",
                                 "InvalidQOS",
                                 "InvalidAccount",
                                 "NotAllowed",
                                 "NeverSatisfied",
                                 "AssocMaxWall",
                                 "held",
                                 "node_configuration_not_available"};
  return std::any_of(kNever.begin(), kNever.end(),
                     [&](std::string_view each) { return contains(reason, each); });
}

// Compact states of squeue(1), by what they mean for a run.
void read_state(const std::string& state, const std::string& reason, QueueEntry& entry) {
  if (state == "PD" || state == "RH" || state == "RQ" || state == "SE") {
    entry.where = Whereabouts::kQueued;
    if (is_hopeless(reason)) entry.blocked = reason;
    return;
  }
  constexpr std::array kRunning = {"R", "CG", "CF", "S", "ST", "RS", "SI", "SO", "RD", "RF", "RV"};
  if (std::any_of(kRunning.begin(), kRunning.end(), [&](const char* s) { return state == s; })) {
    entry.where = Whereabouts::kRunning;
    return;
  }
  constexpr std::array<std::pair<const char*, Outcome>, 5> kCauses = {
      {{"PR", Outcome::kPreempted},
       {"TO", Outcome::kTimeLimit},
       {"NF", Outcome::kNodeFailed},
       {"BF", Outcome::kNodeFailed},
       {"OOM", Outcome::kOutOfMemory}}};
  for (const auto& [name, cause] : kCauses) {
    if (state == name) entry.cause = cause;
  }
  if (state == "DL") entry.cause = Outcome::kTimeLimit;
  // Somebody's scancel, unless it was ours.
  if (state == "CA") entry.cause = Outcome::kKilled;
  const bool known = entry.cause || state == "CD" || state == "F";
  entry.where = known ? Whereabouts::kGone : Whereabouts::kUnknown;
}

// "code:signal", or the status of wait(2) as one number: it changed between versions.
void read_exit(const std::string& text, QueueEntry& entry) {
  int code = 0, signal = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, code);
  if (error != std::errc()) return;
  if (rest != end && *rest == ':') {
    std::from_chars(rest + 1, end, signal);
  } else {
    signal = WIFSIGNALED(code) ? WTERMSIG(code) : 0;
    code = WEXITSTATUS(code);
  }
  if (signal != 0) {
    entry.signal = signal;
  } else {
    entry.code = code;
  }
}

BatchSystem::Arguments submission(const LaunchSpec& launch, const LaunchRequest& request,
                                  const std::string& script, std::size_t tasks = 1) {
  // Our own GPU would be taken for the job's where Slurm gives it none.
  BatchSystem::Arguments words = {"env", "-u", "CUDA_VISIBLE_DEVICES", "sbatch", "--parsable"};
  auto add = [&](const std::string& option, const std::string& value) {
    if (!value.empty()) words.push_back(option + "=" + value);
  };
  add("--job-name", request.label);
  add("--comment", request.token);
  // A task of an array sends its output where its attempt wants it.
  add("--output", tasks == 1 ? request.log_file.string() : "/dev/null");
  if (tasks > 1) add("--array", fmt::format("0-{}", tasks - 1));
  add("--open-mode", "append");
  words.emplace_back("--no-requeue");
  add("--partition", launch.queue.partition);
  add("--account", launch.queue.account);
  add("--time", launch.queue.time_limit);
  const JobShape shape = job_shape(launch, request.gpus);
  add("--nodes", std::to_string(shape.nodes));
  add("--ntasks-per-node", std::to_string(std::max<int64_t>(1, shape.gpus)));
  add("--cpus-per-task", std::to_string(launch.threads_per_run));
  if (shape.gpus > 0) add("--gres", fmt::format("gpu:{}", shape.gpus));
  // To the batch process alone, which is the trainer, or srun, which hands it on.
  add("--signal", fmt::format("B:USR2@{}", launch.queue.warn_seconds));
  add("--exclude", fmt::format("{}", fmt::join(request.avoid_nodes, ",")));
  words.insert(words.end(), launch.queue.options.begin(), launch.queue.options.end());
  words.push_back(script);
  return words;
}

// As many as the controller says; where it says nothing, as it comes.
std::size_t most_array_tasks() {
  constexpr std::size_t kAsItComes = 1001;
  const ProgramEnd end = run_program({"scontrol", "show", "config"}, std::chrono::seconds(15));
  std::istringstream lines(end.output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("MaxArraySize")) continue;
    const std::size_t at = line.find_first_of("0123456789");
    return at == std::string::npos ? 1 : std::strtoul(line.c_str() + at, nullptr, 10);
  }
  return kAsItComes;
}

// "17", or "17_3" for a task of an array.
bool is_job_id(const std::string& text) {
  const std::size_t bar = std::min(text.find('_'), text.size());
  const auto is_number = [](const std::string& part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
  };
  return is_number(text.substr(0, bar)) && (bar == text.size() || is_number(text.substr(bar + 1)));
}

// "17" or "17;cluster", in a line of its own: plug-ins of a site may print other lines.
std::optional<std::string> job_number(const std::string& output) {
  std::istringstream lines(output);
  std::optional<std::string> job;
  for (std::string line; std::getline(lines, line);) {
    const std::string number = line.substr(0, line.find(';'));
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos)
      job = number;
  }
  return job;
}

}  // namespace

std::vector<QueueEntry> read_squeue(const std::string& output) {
  std::vector<QueueEntry> entries;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::array<std::string, kColumns.size()> fields;
    std::size_t from = 0;
    for (std::size_t i = 0; i < kColumns.size() && from < line.size(); ++i) {
      fields[i] = trimmed(line.substr(from, kColumns[i].width));
      from += kColumns[i].width;
    }
    const auto& [job, state, code, comment, nodes, reason] = fields;
    if (!is_job_id(job)) continue;
    QueueEntry entry{.job = job, .token = comment};
    entry.node = nodes == "(null)" || nodes == "n/a" ? "" : nodes;
    read_state(state, reason, entry);
    if (entry.where == Whereabouts::kGone) read_exit(code, entry);
    // Without a comment of ours it is somebody else's job.
    if (entry.token.empty() || entry.token == "(null)") continue;
    // Tasks of an array have their token in common.
    if (const std::size_t bar = job.find('_'); bar != std::string::npos)
      entry.token += job.substr(bar);
    entries.push_back(entry);
  }
  return entries;
}

BatchSystem slurm(const LaunchSpec& launch) {
  BatchSystem system;
  system.name = "slurm";
  system.submit = [launch](const LaunchRequest& request, const std::filesystem::path& script) {
    return submission(launch, request, script.string());
  };
  system.submit_array = [launch](const LaunchRequest& request, const std::filesystem::path& script,
                                 std::size_t tasks) {
    return submission(launch, request, script.string(), tasks);
  };
  system.task_variable = "SLURM_ARRAY_TASK_ID";
  system.most_tasks = most_array_tasks;
  system.job_of = job_number;
  system.is_full = [](const std::string& errors) {
    return contains(errors, "SubmitJob") || contains(errors, "submit limit") ||
           contains(errors, "MaxJobCount") || contains(errors, "temporarily unable to accept");
  };
  system.is_uncertain = [](const std::string& errors) {
    return contains(errors, "Unable to contact") || contains(errors, "Socket timed out") ||
           contains(errors, "Zero Bytes") || contains(errors, "Communication connection") ||
           contains(errors, "Transport endpoint") || contains(errors, "Connection refused");
  };
  system.list = [](const std::vector<std::string>&) {
    std::string columns;
    for (const Column& column : kColumns)
      columns += fmt::format("{}{}:{}", columns.empty() ? "" : ",", column.name, column.width);
    // All of the user's, from whatever login node; ended ones while Slurm remembers them.
    // Each task of an array has a line of its own.
    return BatchSystem::Arguments{"squeue",       "--noheader", "--user=" + user_name(),
                                  "--states=all", "--array",    "--Format=" + columns};
  };
  system.entries = read_squeue;
  system.cancel = [](const std::string& job, Whereabouts where, bool at_once) {
    if (at_once || where == Whereabouts::kQueued) return BatchSystem::Arguments{"scancel", job};
    // As the warning before the limit: srun hands it on to its tasks, SIGTERM would end them.
    return BatchSystem::Arguments{"scancel", "--batch", "--signal=USR2", job};
  };
  return system;
}

}  // namespace crosslaw::sweep
