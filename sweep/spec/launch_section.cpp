// The [launch] section: where runs run.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <regex>

#include "sweep/spec/launch_section.h"

namespace crosslaw::sweep {
namespace {

constexpr double kNoBound = std::numeric_limits<double>::infinity();
constexpr int64_t kGpusOfANode = 8;  // of those that have several; where the spec does not say
constexpr int64_t kMostOfARun = 100'000;

void insist(bool good, const TomlSection& section, const std::string& key,
            const std::string& expected) {
  if (!good) section.fail(key, "must be " + expected);
}

std::vector<std::string> optional_texts(TomlSection& section, const std::string& key) {
  return section.has(key) ? section.texts(key) : std::vector<std::string>();
}

int64_t at_least(TomlSection& section, const std::string& key, int64_t least, int64_t otherwise) {
  const int64_t value = section.integer(key, otherwise);
  insist(value >= least, section, key, fmt::format("at least {}, found {}", least, value));
  return value;
}

double not_negative(TomlSection& section, const std::string& key, double otherwise) {
  const double value = section.number(key, otherwise);
  insist(value >= 0, section, key, fmt::format("at least 0, found {}", value));
  return value;
}

// One number for all sizes, tiers by size, or "auto".
std::vector<GpuTier> read_gpus_per_run(TomlSection& section) {
  const toml::node* node = section.node("gpus_per_run");
  if (!node) return {{kNoBound, 1}};
  if (node->is_string()) {
    insist(section.text("gpus_per_run") == "auto", section, "gpus_per_run",
           "a number, \"auto\" or tiers by size");
    return {};
  }
  if (!node->is_array()) return {{kNoBound, at_least(section, "gpus_per_run", 1, 1)}};
  std::vector<GpuTier> tiers;
  for (TomlSection& tier : section.sections("gpus_per_run")) {
    tiers.push_back({tier.number("below_params", kNoBound), at_least(tier, "gpus", 1, 1)});
    insist(tiers.size() < 2 || tiers.back().below_params > tiers[tiers.size() - 2].below_params,
           tier, "below_params", "larger than the one before");
    tier.finish();
  }
  insist(!tiers.empty() && tiers.back().below_params == kNoBound, section, "gpus_per_run",
         "closed by an entry without below_params");
  return tiers;
}

// Positive and finite, for JSON knows no other numbers.
double positive(TomlSection& section, const std::string& key, double otherwise) {
  const double value = section.number(key, otherwise);
  insist(value > 0 && value <= 1e9, section, key, fmt::format("in (0, 1e9], found {}", value));
  return value;
}

void read_queue(TomlSection& section, LaunchSpec& launch) {
  QueueSpec& queue = launch.queue;
  queue.partition = section.text("partition", "");
  queue.account = section.text("account", "");
  queue.time_limit = section.text("time_limit", "");
  queue.nodes = at_least(section, "nodes", 1, queue.nodes);
  int64_t gpus = 1;
  if (section.has("gpus_per_run")) {
    insist(queue.nodes == 1, section, "nodes",
           "left out beside gpus_per_run, from which and gpus it follows");
    gpus = launch.gpus_per_run.empty() ? kGpusOfANode : 1;
    for (const GpuTier& tier : launch.gpus_per_run)
      gpus = std::max(gpus, std::min(tier.gpus, kGpusOfANode));
  }
  queue.gpus = at_least(section, "gpus", 0, launch.devices == "cpu" ? 0 : gpus);
  for (const auto& [key, value] : {std::pair{"nodes", queue.nodes}, {"gpus", queue.gpus}})
    insist(value <= kMostOfARun, section, key, fmt::format("at most {}", kMostOfARun));
  // Without it, whatever was asked of the queue is for one run.
  if (!section.has("gpus_per_run") && launch.backend != "local")
    launch.gpus_per_run = {{kNoBound, std::max<int64_t>(1, queue.nodes * queue.gpus)}};
  queue.nodes = 1;  // the resolved spec says it in one way
  // Ranks lie on one node or fill whole ones (job_shape).
  for (const GpuTier& tier : launch.gpus_per_run) {
    insist(launch.backend == "local" || queue.gpus == 0 || tier.gpus <= queue.gpus ||
               tier.gpus % queue.gpus == 0,
           section, "gpus_per_run",
           fmt::format("at most gpus = {}, those of a node, or a multiple of it; found {}",
                       queue.gpus, tier.gpus));
  }
  queue.options = optional_texts(section, "options");
  queue.warn_seconds = at_least(section, "warn_seconds", 1, queue.warn_seconds);
  queue.max_jobs = at_least(section, "max_jobs", 1, queue.max_jobs);
  queue.array_size = at_least(section, "array_size", 1, queue.array_size);
}

std::string pattern(TomlSection& section, const std::string& key, std::size_t groups) {
  std::string text = section.text(key);
  try {
    insist(std::regex(text).mark_count() == groups, section, key,
           fmt::format("a pattern with {} group{} in parentheses", groups, groups > 1 ? "s" : ""));
  } catch (const std::regex_error& error) {
    section.fail(key, fmt::format("is no regular expression (ECMAScript): {}", error.what()));
  }
  return text;
}

// A name that nothing fills in would reach the batch system as it stands.
void check_names(const TomlSection& section, const std::string& key,
                 const std::vector<std::string>& words, const std::vector<std::string>& names) {
  static const std::regex kName("\\{([a-z_]+)\\}");
  for (const std::string& word : words) {
    for (auto at = std::sregex_iterator(word.begin(), word.end(), kName);
         at != std::sregex_iterator(); ++at) {
      const std::string name = (*at)[1];
      insist(std::find(names.begin(), names.end(), name) != names.end(), section, key,
             fmt::format("without {{{}}}, which means nothing here", name));
    }
  }
}

void read_command(TomlSection& section, CommandSpec& command) {
  std::vector<std::string> of_a_run = {"script", "log",       "label",   "token",
                                       "folder", "nodes",     "gpus",    "threads",
                                       "time",   "partition", "account", "job_file"};
  command.submit = section.texts("submit");
  insist(!command.submit.empty(), section, "submit", "a program and its arguments");
  check_names(section, "submit", command.submit, of_a_run);
  command.poll = section.texts("poll");
  insist(!command.poll.empty(), section, "poll", "a program and its arguments");
  check_names(section, "poll", command.poll, {"jobs", "user"});
  command.cancel = section.texts("cancel");
  insist(!command.cancel.empty(), section, "cancel", "a program and its arguments");
  check_names(section, "cancel", command.cancel, {"job"});
  command.stop = optional_texts(section, "stop");
  check_names(section, "stop", command.stop, {"job"});
  command.job = section.text("job", "");
  check_names(section, "job", {command.job}, {"token"});
  if (command.job.empty()) {
    command.job_pattern = pattern(section, "job_pattern", 1);
  } else {
    insist(command.job.find("{token}") != std::string::npos, section, "job",
           "a name with {token} in it, or two jobs would have one name");
  }
  command.poll_pattern = pattern(section, "poll_pattern", 2);
  command.queued = optional_texts(section, "queued");
  command.running = optional_texts(section, "running");
  command.ended = optional_texts(section, "ended");
  command.job_file = section.lines("job_file", "");
  std::erase(of_a_run, "job_file");
  check_names(section, "job_file", {command.job_file}, of_a_run);
}

// Values that no run on a CPU would obey. Defaults pass: a resolved spec has every key.
void refuse_idle_gpu_keys(TomlSection& section, const LaunchSpec& launch) {
  if (launch.devices != "cpu") return;
  const LaunchSpec usual;
  const bool one_gpu = launch.gpus_per_run.size() <= 1 &&
                       (launch.gpus_per_run.empty() || launch.gpus_per_run.front().gpus == 1);
  for (const auto& [key, idle] : {std::pair{"gpus_per_run", one_gpu},
                                  {"runs_per_gpu", launch.runs_per_gpu == usual.runs_per_gpu},
                                  {"gpu_memory_gb", launch.gpu_memory_gb == usual.gpu_memory_gb},
                                  {"share_gpus", launch.share_gpus == usual.share_gpus}}) {
    insist(idle, section, key, "left out with launch.devices = \"cpu\": no run uses a GPU");
  }
}

// What only a queue obeys. Defaults pass, as above.
void refuse_idle_queue_keys(const TomlSection& section, const LaunchSpec& launch) {
  if (launch.backend != "local") return;
  const QueueSpec usual;
  const QueueSpec& queue = launch.queue;
  for (const auto& [key, idle] : {std::pair{"partition", queue.partition.empty()},
                                  {"account", queue.account.empty()},
                                  {"time_limit", queue.time_limit.empty()},
                                  {"options", queue.options.empty()},
                                  {"warn_seconds", queue.warn_seconds == usual.warn_seconds},
                                  {"max_jobs", queue.max_jobs == usual.max_jobs},
                                  {"array_size", queue.array_size == usual.array_size}}) {
    insist(idle, section, key,
           "left out with launch.backend = \"local\": no queue is asked (or backend = \"slurm\" is "
           "missing)");
  }
}

}  // namespace

void read_launch(TomlSection section, LaunchSpec& launch) {
  launch.backend = section.text("backend", launch.backend);
  constexpr std::array kBackends = {"local", "slurm", "command"};
  // Refused here, not when it is time to launch.
  insist(std::find(kBackends.begin(), kBackends.end(), launch.backend) != kBackends.end(), section,
         "backend", fmt::format("local, slurm or command, found {}", launch.backend));
  launch.devices = section.text("devices", launch.devices);
  insist(launch.devices == "auto" || launch.devices == "cpu" || launch.devices == "gpu", section,
         "devices", "auto, cpu or gpu");
  launch.files = section.text("files", "");
  launch.cpu_slots = at_least(section, "cpu_slots", 0, launch.cpu_slots);
  launch.threads_per_run = at_least(section, "threads_per_run", 1, launch.threads_per_run);
  launch.runs_per_gpu = at_least(section, "runs_per_gpu", 1, launch.runs_per_gpu);
  launch.gpus_per_run = read_gpus_per_run(section);
  launch.gpu_memory_gb = positive(section, "gpu_memory_gb", launch.gpu_memory_gb);
  launch.rank_timeout_seconds =
      positive(section, "rank_timeout_seconds", launch.rank_timeout_seconds);
  launch.share_gpus = section.boolean("share_gpus", launch.share_gpus);
  refuse_idle_gpu_keys(section, launch);
  launch.flops_per_second = not_negative(section, "flops_per_second", launch.flops_per_second);
  launch.dollars_per_hour = not_negative(section, "dollars_per_hour", launch.dollars_per_hour);
  launch.retries = at_least(section, "retries", 0, launch.retries);
  read_queue(section, launch);
  refuse_idle_queue_keys(section, launch);
  if (launch.backend == "command") read_command(section, launch.command);
  section.finish();
}

namespace {
toml::array array_of(const std::vector<std::string>& values) {
  toml::array array;
  for (const std::string& value : values) array.push_back(value);
  return array;
}
}  // namespace

toml::table launch_table(const LaunchSpec& l) {
  toml::table table{{"backend", l.backend},
                    {"devices", l.devices},
                    {"files", l.files},
                    {"cpu_slots", l.cpu_slots},
                    {"threads_per_run", l.threads_per_run},
                    {"runs_per_gpu", l.runs_per_gpu},
                    {"gpu_memory_gb", l.gpu_memory_gb},
                    {"rank_timeout_seconds", l.rank_timeout_seconds},
                    {"share_gpus", l.share_gpus},
                    {"flops_per_second", l.flops_per_second},
                    {"dollars_per_hour", l.dollars_per_hour},
                    {"retries", l.retries},
                    {"partition", l.queue.partition},
                    {"account", l.queue.account},
                    {"time_limit", l.queue.time_limit},
                    {"nodes", l.queue.nodes},
                    {"gpus", l.queue.gpus},
                    {"options", array_of(l.queue.options)},
                    {"warn_seconds", l.queue.warn_seconds},
                    {"max_jobs", l.queue.max_jobs},
                    {"array_size", l.queue.array_size}};
  if (l.gpus_per_run.empty()) {
    table.insert("gpus_per_run", "auto");
  } else if (l.gpus_per_run.size() == 1) {
    table.insert("gpus_per_run", l.gpus_per_run.front().gpus);
  } else {
    toml::array tiers;
    for (const GpuTier& tier : l.gpus_per_run) {
      toml::table row{{"gpus", tier.gpus}};
      if (std::isfinite(tier.below_params)) row.insert("below_params", tier.below_params);
      tiers.push_back(row);
    }
    table.insert("gpus_per_run", tiers);
  }
  if (l.backend != "command") return table;
  const CommandSpec& c = l.command;
  table.insert("submit", array_of(c.submit));
  table.insert("poll", array_of(c.poll));
  table.insert("cancel", array_of(c.cancel));
  table.insert("stop", array_of(c.stop));
  if (!c.job.empty()) table.insert("job", c.job);
  if (!c.job_pattern.empty()) table.insert("job_pattern", c.job_pattern);
  table.insert("poll_pattern", c.poll_pattern);
  table.insert("queued", array_of(c.queued));
  table.insert("running", array_of(c.running));
  table.insert("ended", array_of(c.ended));
  table.insert("job_file", c.job_file);
  return table;
}

}  // namespace crosslaw::sweep
