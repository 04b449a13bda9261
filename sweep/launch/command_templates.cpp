#include "sweep/launch/command_templates.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "db/files/atomic_file.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// Of a listing; what is longer is none of its lines, and std::regex recurses.
constexpr std::size_t kLongestLine = 4096;

fs::path job_file(const fs::path& script) { return script.parent_path() / "job.spec"; }

TemplateValues values_of(const LaunchSpec& launch, const LaunchRequest& request,
                         const fs::path& script) {
  const JobShape shape = job_shape(launch, request.gpus);
  return {{{"script", script.string()},
           {"log", request.log_file.string()},
           {"label", request.label},
           {"token", request.token},
           {"folder", script.parent_path().string()},
           {"nodes", std::to_string(shape.nodes)},
           {"gpus", std::to_string(shape.gpus)},
           {"threads", std::to_string(launch.threads_per_run)},
           {"time", launch.queue.time_limit},
           {"partition", launch.queue.partition},
           {"account", launch.queue.account},
           {"job_file", job_file(script).string()}},
          {}};
}

std::optional<std::string> first_group(const std::string& text, const std::regex& pattern) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (line.size() <= kLongestLine && std::regex_search(line, found, pattern)) return found[1];
  }
  return std::nullopt;
}

bool is_one_of(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<QueueEntry> read_listing(const CommandSpec& command, const std::regex& pattern,
                                     const std::string& output) {
  std::vector<QueueEntry> entries;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (line.size() > kLongestLine || !std::regex_search(line, found, pattern)) continue;
    QueueEntry entry{.job = found[1]};
    const std::string state = found[2];
    // A word that the spec does not know says nothing.
    entry.where = is_one_of(command.queued, state)    ? Whereabouts::kQueued
                  : is_one_of(command.running, state) ? Whereabouts::kRunning
                  : is_one_of(command.ended, state)   ? Whereabouts::kGone
                                                      : Whereabouts::kUnknown;
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace

std::string expand(const std::string& text, const TemplateValues& values) {
  std::string result;
  for (std::size_t from = 0; from < text.size();) {
    bool replaced = false;
    for (const auto& [name, value] : values.names) {
      const std::string braced = "{" + name + "}";
      if (text.compare(from, braced.size(), braced) != 0) continue;
      result += value;
      from += braced.size();
      replaced = true;
      break;
    }
    // Other braces are the template's own: JSON, awk.
    if (!replaced) result += text[from++];
  }
  return result;
}

std::vector<std::string> expand(const std::vector<std::string>& words,
                                const TemplateValues& values) {
  std::vector<std::string> expanded;
  for (const std::string& word : words) {
    if (word == "{jobs}") {
      expanded.insert(expanded.end(), values.jobs.begin(), values.jobs.end());
    } else {
      expanded.push_back(expand(word, values));
    }
  }
  return expanded;
}

BatchSystem batch_system(const LaunchSpec& launch) {
  const CommandSpec& command = launch.command;
  BatchSystem system;
  system.name = "command";
  system.submit = [launch](const LaunchRequest& request, const fs::path& script) {
    return expand(launch.command.submit, values_of(launch, request, script));
  };
  if (!command.job_file.empty()) {
    system.prepare = [launch](const LaunchRequest& request, const fs::path& script) {
      db::publish_file(job_file(script),
                       expand(launch.command.job_file, values_of(launch, request, script)));
    };
  }
  if (!command.job.empty()) {
    system.job_named = [command](const std::string& token) {
      return expand(command.job, {{{"token", token}}, {}});
    };
    system.job_of = [](const std::string&) { return std::nullopt; };
  } else {
    system.job_of = [pattern = std::regex(command.job_pattern)](const std::string& output) {
      return first_group(output, pattern);
    };
  }
  // What the words of an unknown system mean nobody knows: no answer is no refusal, and a job
  // that does not show up is submitted again.
  system.is_full = [](const std::string&) { return false; };
  system.is_uncertain = [](const std::string&) { return false; };
  system.list = [command](const std::vector<std::string>& jobs) {
    const passwd* user = ::getpwuid(::geteuid());
    return expand(command.poll, {{{"user", user ? user->pw_name : ""}}, jobs});
  };
  system.entries = [command,
                    pattern = std::regex(command.poll_pattern)](const std::string& output) {
    return read_listing(command, pattern, output);
  };
  system.cancel = [command](const std::string& job, Whereabouts where, bool at_once) {
    const bool softly = !at_once && where == Whereabouts::kRunning && !command.stop.empty();
    return expand(softly ? command.stop : command.cancel, {{{"job", job}}, {}});
  };
  return system;
}

}  // namespace crosslaw::sweep
