#include "sweep/launch/process.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "db/files/read_file.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// The value after `key` in a file of lines "key value".
std::optional<int64_t> counter_in(const std::string& file, const std::string& key) {
  std::ifstream input(file);
  int64_t value = 0;
  for (std::string word; input >> word >> value;) {
    if (word == key) return value;
  }
  return std::nullopt;
}

// The control group of version 2, "0::/user.slice/..."; empty when there is none.
std::string control_group() {
  std::ifstream input("/proc/self/cgroup");
  for (std::string line; std::getline(input, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "";
}

bool has_argument(int64_t pid, const std::string& argument) {
  std::ifstream input(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  for (std::string word; std::getline(input, word, '\0');) {
    if (word == argument) return true;
  }
  return false;
}

}  // namespace

std::string current_boot_id() {
  std::ifstream input("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(input, id);
  return id;
}

namespace {

// A numeric field of /proc/<pid>/stat, from 4 on, counted as proc(5) does; nothing of a zombie.
std::optional<int64_t> stat_field(int64_t pid, int wanted) {
  const std::string text = db::read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  // The name in field 2 may hold spaces and parentheses.
  const std::size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(after_name + 1));
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  int64_t value = 0;
  // `state` was field 3; each >> overwrites the last.
  for (int field = 4; field <= wanted; ++field) fields >> value;
  return fields ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<int64_t> start_ticks_of(int64_t pid) { return stat_field(pid, 22); }

std::optional<int64_t> parent_of(int64_t pid) { return stat_field(pid, 4); }

bool is_alive(const ProcessIdentity& process) {
  return process.boot_id == current_boot_id() && start_ticks_of(process.pid) == process.start_ticks;
}

int open_process(const ProcessIdentity& process) {
  if (!is_alive(process)) return -1;
  const int descriptor =
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(process.pid), 0));
  if (descriptor < 0) return -1;
  // Looked at again: it may have ended, and its number gone to another, before it was held.
  if (is_alive(process)) return descriptor;
  ::close(descriptor);
  return -1;
}

void signal_process(int process_descriptor, int signal) {
  ::syscall(SYS_pidfd_send_signal, process_descriptor, signal, nullptr, 0);
}

std::optional<ProcessIdentity> find_trainer(const fs::path& program, const fs::path& config) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    int64_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    // By its file, which no argument can pretend; a rebuilt program is called "(deleted)".
    const std::string file = fs::read_symlink(entry.path() / "exe", error).string();
    const bool same = file == program.string() || file == program.string() + " (deleted)";
    if (error || !same || !has_argument(pid, config.string())) continue;
    if (const auto ticks = start_ticks_of(pid))
      return ProcessIdentity{current_boot_id(), pid, *ticks};
  }
  return std::nullopt;
}

int64_t kernel_memory_kills() {
  if (const auto group =
          counter_in("/sys/fs/cgroup" + control_group() + "/memory.events", "oom_kill"))
    return *group;
  return counter_in("/proc/vmstat", "oom_kill").value_or(0);
}

}  // namespace crosslaw::sweep
