#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace crosslaw::sweep {

// A process of this machine, for good: a number alone is given away again.
struct ProcessIdentity {
  std::string boot_id;
  int64_t pid = 0;
  int64_t start_ticks = 0;  // clock ticks since boot, field 22 of /proc/<pid>/stat
};

// Of this boot of this machine.
std::string current_boot_id();

// When the process began; nothing when it has ended, a zombie included.
std::optional<int64_t> start_ticks_of(int64_t pid);

// The process that started it, or took it over; nothing when it has ended.
std::optional<int64_t> parent_of(int64_t pid);

// Whether exactly this process still runs here.
bool is_alive(const ProcessIdentity& process);

// A descriptor of the process itself: poll() sees its end, signals through it never reach another.
// -1 when it is not that process any more.
int open_process(const ProcessIdentity& process);
void signal_process(int process_descriptor, int signal);

// The process that runs `program` itself on `config`; one that only names them is none.
std::optional<ProcessIdentity> find_trainer(const std::filesystem::path& program,
                                            const std::filesystem::path& config);

// Processes that the kernel has killed for lack of memory since boot, in our control group when
// that is counted, else on this machine.
int64_t kernel_memory_kills();

}  // namespace crosslaw::sweep
